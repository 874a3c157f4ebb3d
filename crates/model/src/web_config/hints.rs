//! What is said about names that nobody knows, and how notes of the table become help.

use roxmltree::{Attribute as XmlAttribute, Node};

use super::report::Place;
use super::schema::{Element, LOCATION, ROOT, Role, belongs_in};
use super::walk::Walk;
use crate::suggest::nearest;

/// Longer lists of known names help nobody.
const MOST_NAMES: usize = 12;

impl Walk<'_, '_> {
    pub(super) fn unknown_attribute(
        &mut self,
        attribute: &XmlAttribute<'_, '_>,
        element: &str,
        known: &[&str],
    ) {
        let name = attribute.name();
        let at = Place::new(self.layer, attribute.range_qname());
        let message = format!("unknown attribute '{}' of '{element}'", shorten(name));
        self.report.violation(at, message, |problem| match meant(name, known.iter().copied()) {
            Some(meant) => problem.help(format!("did you mean '{meant}'?")),
            None => problem.help("remove it"),
        });
    }

    pub(super) fn unknown_element(&mut self, child: Node<'_, '_>, parent: &Element, path: &str) {
        let name = child.tag_name().name();
        let here = |(group, section): &(String, String)| group == path && section == name;
        if self.declared.iter().any(here) {
            return;
        }
        let mut known: Vec<&str> = parent.inside().collect();
        if parent.name == ROOT.name {
            known.push(LOCATION.name);
        }
        let at = self.tag(child);
        let message = format!("unknown element '{}' in '{}'", shorten(name), parent.name);
        let list = parent
            .children
            .iter()
            .find(|child| name != "add" && child.items.is_some_and(|items| items.item.name == name));
        let elsewhere = match (list, belongs_in(name)) {
            (Some(list), _) => Some(format!("into {}", list.name)),
            (None, Some(path)) if path.is_empty() => Some("directly into configuration".to_owned()),
            (None, Some(path)) => Some(format!("into {path}")),
            (None, None) => None,
        };
        let declarable = parent.role == Role::Group;
        self.report.violation(at, message, |problem| {
            if let Some(place) = elsewhere {
                problem.help(format!("it belongs {place}"))
            } else if let Some(meant) = meant(name, known.iter().copied()) {
                problem.help(format!("did you mean '{meant}'?"))
            } else if declarable {
                problem.help("remove it, or declare it in configSections")
            } else if known.is_empty() {
                problem.help(format!("remove it: '{}' holds no elements", parent.name))
            } else if known.len() <= MOST_NAMES {
                problem.help(format!("known elements are {}", known.join(", ")))
            } else {
                problem.help("remove it")
            }
        });
    }
}

/// What a note says after `help:`, where it is no sentence.
pub(super) fn advice(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}

/// The name that was probably meant. In long names with a common end many edits are forgiven, and the beginning is
/// what differs.
pub(super) fn meant<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    const LONG: usize = 8;
    let begins = |other: &str| {
        let first = |text: &str| text.chars().next().map(|c| c.to_ascii_lowercase());
        first(other) == first(name)
    };
    nearest(name, known).filter(|other| other.len() <= LONG || begins(other))
}

/// A text as long as a message can bear.
pub(crate) fn shorten(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{start}…")
}
