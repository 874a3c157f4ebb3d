//! Lays one file's elements over what is there already, checking each name and value against the table.

use std::collections::HashMap;

use roxmltree::{Attribute as XmlAttribute, Node};

use super::hints::{advice, meant, shorten};
use super::kinds;
use super::report::{Place, Report};
use super::schema::{
    Attribute, Collection, Element, Kind, LOCATION, NOTHING, Need, ROOT, Role, Support, UNIVERSAL,
};
use super::tree::{Given, Set};

/// Attributes that say that a section stands in another file, or is encrypted.
const ELSEWHERE: &[&str] = &["configSource", "configProtectionProvider"];

const SERVER: &str = "system.webServer";
const SECURITY: &str = "security";

/// The sections of `security` that say who may send requests, or the groups that hold them.
pub(super) const ACCESS: &[&str] = &["access", "authentication", "authorization", "ipSecurity"];

/// Whether it is an element with this name, whatever its namespace.
pub(super) fn is_named(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

/// The `security` elements inside `configuration` or a `location`.
fn access_groups<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    let servers = node.children().filter(|child| is_named(*child, SERVER));
    servers.flat_map(|server| server.children().filter(|child| is_named(*child, SECURITY)))
}

/// The row of an element inside `security`, if it says who may send requests.
fn access_row(node: Node<'_, '_>) -> Option<&'static Element> {
    let name = ACCESS.iter().find(|name| is_named(node, name))?;
    ROOT.child(SERVER)?.child(SECURITY)?.child(name)
}

/// The elements inside `configuration` or a `location` that say who may send requests.
pub(super) fn access_elements<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    let inside = access_groups(node).flat_map(|group| group.children());
    inside.filter(|child| access_row(*child).is_some())
}

/// Whether the path of a section is that of one about who may send requests.
pub(super) fn is_access(path: &str) -> bool {
    let mut names = path.split('/');
    names.next() == Some(SERVER)
        && names.next() == Some(SECURITY)
        && names.next().is_some_and(|name| ACCESS.contains(&name))
}

/// Walks the elements of one file.
pub(super) struct Walk<'r, 's> {
    pub(super) report: &'r mut Report<'s>,
    /// Which file.
    pub(super) layer: usize,
    /// First names of sections that the file declares itself, with the group they stand in.
    pub(super) declared: &'r [(String, String)],
    /// Sections that are locked for the files below the one where that is said.
    pub(super) locked: &'r [(String, Place)],
    /// The sections met.
    pub(super) met: Vec<(String, Place)>,
}

impl Element {
    /// Whether this attribute of a section says that it is kept elsewhere.
    fn is_kept_elsewhere(&self, attribute: &str) -> bool {
        self.role == Role::Section && ELSEWHERE.contains(&attribute)
    }
}

impl Walk<'_, '_> {
    /// The name in an element's start tag.
    pub(super) fn tag(&self, node: Node<'_, '_>) -> Place {
        let start = node.range().start + 1;
        Place::new(self.layer, start..start + node.tag_name().name().len())
    }

    fn value(&self, attribute: &XmlAttribute<'_, '_>) -> Place {
        Place::new(self.layer, attribute.range_value())
    }

    /// An element into its place in the tree. `path` is that of `into`, empty for the root.
    fn element(&mut self, node: Node<'_, '_>, into: &mut Set, path: &str) {
        self.attributes(node, into);
        if !plain(node).any(|attribute| into.element.is_kept_elsewhere(attribute.name())) {
            self.contents(node, into, path);
        }
    }

    /// What stands inside `configuration` or a `location`, into the root.
    pub(super) fn scope(&mut self, node: Node<'_, '_>, root: &mut Set) {
        self.contents(node, root, "");
    }

    /// The sections inside `configuration` or a `location` that say who may send requests, into the root.
    pub(super) fn access(&mut self, node: Node<'_, '_>, root: &mut Set) {
        let Some(server) = ROOT.child(SERVER) else { return };
        let Some(security) = server.child(SECURITY) else { return };
        let mut seen: Vec<&str> = Vec::new();
        for group in access_groups(node) {
            let at = self.tag(group);
            let into = root.child_mut(server, at).child_mut(security, at);
            for child in group.children() {
                if let Some(row) = access_row(child) {
                    let again = seen.contains(&row.name);
                    seen.push(row.name);
                    self.fixed(child, row, into, &format!("{SERVER}/{SECURITY}"), again);
                }
            }
        }
    }

    fn contents(&mut self, node: Node<'_, '_>, into: &mut Set, path: &str) {
        let mut seen: Vec<&str> = Vec::new();
        let mut keys: Option<HashMap<String, Option<usize>>> = None;
        for child in node.children() {
            if self.report.is_full() {
                return;
            }
            if child.is_text() {
                self.stray(child, into.element);
            }
            if !child.is_element() {
                continue;
            }
            let name = child.tag_name().name();
            if name == LOCATION.name && into.element.name == ROOT.name {
                if node.tag_name().name() == LOCATION.name {
                    self.report.violation(self.tag(child), "a location stands inside another", |problem| {
                        problem.help("move it out, directly into configuration")
                    });
                }
                continue;
            }
            if let Some(row) = into.element.child(name) {
                let again = seen.contains(&name);
                seen.push(row.name);
                self.fixed(child, row, into, path, again);
                continue;
            }
            match into.element.items {
                Some(items) if into.element.inside().any(|known| known == name) => {
                    let keys = keys.get_or_insert_with(|| {
                        let known = into.items.iter().enumerate();
                        known.map(|(at, item)| (item.key(items.keys, items.case_counts), Some(at))).collect()
                    });
                    self.listed(child, items, into, keys);
                }
                _ => self.unknown_element(child, into.element, path),
            }
        }
        into.items.retain(|item| !item.element.name.is_empty());
    }

    fn fixed(&mut self, child: Node<'_, '_>, row: &'static Element, into: &mut Set, path: &str, again: bool) {
        let at = self.tag(child);
        let path = if path.is_empty() { row.name.to_owned() } else { format!("{path}/{}", row.name) };
        if again && row.role == Role::Section {
            self.report.violation(at, format!("{} is there twice", row.name), |problem| {
                problem.help("keep one of the two")
            });
        } else if again && row.role == Role::Part {
            self.report.warning(at, format!("{} is there twice", row.name), |problem| {
                problem.help("both are read, one after the other; write them as one")
            });
        }
        if row.role == Role::Section {
            let mut locks = self.locked.iter().filter(|(_, lock)| lock.layer < self.layer);
            if let Some((_, lock)) = locks.find(|(locked, _)| *locked == path) {
                let place = self.report.show(*lock);
                self.report.violation(at, format!("{} is locked", row.name), |problem| {
                    problem.help(format!("remove it here, or set overrideMode=\"Allow\" at {place}"))
                });
            }
            self.met.push((path.clone(), at));
        }
        match row.support {
            Support::Refused(instead) => {
                let message = format!("{} cannot stand in a web.config", row.name);
                self.report.violation(at, message, |problem| problem.help(advice(instead)));
            }
            Support::Instead(instead) => {
                let message = format!("{} has no effect here", row.name);
                self.report.warning(at, message, |problem| problem.help(advice(instead)));
            }
            Support::Honoured | Support::Read(_) | Support::Silent => {}
        }
        if !row.opaque {
            let set = into.child_mut(row, at);
            set.at = at;
            self.element(child, set, &path);
        }
    }

    fn listed(
        &mut self,
        child: Node<'_, '_>,
        items: &'static Collection,
        into: &mut Set,
        keys: &mut HashMap<String, Option<usize>>,
    ) {
        let name = child.tag_name().name();
        let at = self.tag(child);
        if items.clear == Some(name) {
            into.items.clear();
            into.removed.clear();
            into.cleared = true;
            keys.clear();
            return;
        }
        let mut set = Set::new(&items.item, at);
        if items.remove == Some(name) {
            self.removal(child, &mut set, items);
            let key = set.key(items.keys, items.case_counts);
            if let Some(Some(old)) = keys.remove(&key)
                && let Some(old) = into.items.get_mut(old)
            {
                // Taken out when the list has been read: the places of the others are remembered.
                old.element = &GONE;
            }
            if let Some(first) = items.keys.first() {
                into.removed.push(set.owned(first));
            }
            return;
        }
        self.element(child, &mut set, "");
        if items.keys.is_empty() {
            into.items.push(set);
            return;
        }
        if items
            .keys
            .first()
            .is_some_and(|key| set.text(key).is_empty() && items.item.attribute(key).is_some_and(is_needed))
        {
            // Told already: an entry without its name is no entry.
            return;
        }
        let key = set.key(items.keys, items.case_counts);
        match keys.get(&key).copied().flatten() {
            Some(old) => self.again(set, old, into, items),
            None => {
                keys.insert(key, Some(into.items.len()));
                into.items.push(set);
            }
        }
    }

    /// An entry whose key is there already.
    fn again(&mut self, set: Set, old: usize, into: &mut Set, items: &Collection) {
        let Some(there) = into.items.get_mut(old) else { return };
        let key = items.keys.first().map_or("", |key| key);
        let case = if there.text(key) == set.text(key) { "" } else { " (case does not count)" };
        let first = self.report.show(there.at);
        if there.at.layer == set.at.layer {
            let what = if set.element.name == "add" { "the entry" } else { set.element.name };
            let message = format!("{what} '{}' is there twice{case}", shorten(set.text(key)));
            if items.last_wins {
                self.report.warning(set.at, message, |problem| {
                    problem.help(format!("this one counts, not the one at {first}; remove one"))
                });
            } else {
                let removable = items.remove.is_some();
                self.report.violation(set.at, message, |problem| {
                    let or = if removable { ", or write remove or clear before this one" } else { "" };
                    problem.help(format!("the first is at {first}: keep one of the two{or}"))
                });
            }
        }
        *there = set;
    }

    /// `remove` names the key and nothing else.
    fn removal(&mut self, node: Node<'_, '_>, set: &mut Set, items: &'static Collection) {
        for attribute in plain(node) {
            match items
                .keys
                .iter()
                .find(|key| **key == attribute.name())
                .and_then(|key| items.item.attribute(key))
            {
                Some(row) => self.given(&attribute, row, set),
                // Other attributes of the entry are common here, and do no harm.
                None if items.item.attribute(attribute.name()).is_some() => {}
                None => self.unknown_attribute(&attribute, "remove", items.keys),
            }
        }
        let missing = items
            .keys
            .first()
            .filter(|key| set.given(key).is_none() && items.item.attribute(key).is_some_and(is_needed));
        if let Some(key) = missing {
            self.report.violation(
                set.at,
                format!("the attribute '{key}' of 'remove' is missing"),
                |problem| problem.help(format!("write {key}=\"…\": which entry is to be removed")),
            );
        }
    }

    /// The attributes of an element.
    pub(super) fn attributes(&mut self, node: Node<'_, '_>, into: &mut Set) {
        let element = into.element;
        let mut misspelt = Vec::new();
        for attribute in plain(node) {
            let name = attribute.name();
            if let Some(row) = element.attribute(name) {
                self.given(&attribute, row, into);
            } else if element.is_kept_elsewhere(name) {
                let at = Place::new(self.layer, attribute.range_qname());
                let message = format!("{} is kept elsewhere: '{name}' is not followed", element.name);
                self.report
                    .violation(at, message, |problem| problem.help("write the section out in this file"));
            } else {
                let known = element.attributes.iter().map(|row| row.name);
                misspelt.extend(meant(name, known.clone()));
                let known: Vec<&str> = known.collect();
                self.unknown_attribute(&attribute, element.name, &known);
            }
        }
        for row in element.attributes.iter().filter(|row| row.need == Need::Schema) {
            // A value that does not fit has been told already.
            if node.attribute(row.name).is_none() && !misspelt.contains(&row.name) {
                let message = format!("the attribute '{}' of '{}' is missing", row.name, element.name);
                let may_be_empty = if row.kind == Kind::Text { "; it may be empty" } else { "" };
                self.report.violation(into.at, message, |problem| {
                    problem.help(format!("write {}=\"…\"{may_be_empty}", row.name))
                });
            }
        }
    }

    fn given(&mut self, attribute: &XmlAttribute<'_, '_>, row: &'static Attribute, into: &mut Set) {
        let text = attribute.value();
        let at = self.value(attribute);
        if row.kind == Kind::NonEmpty && text.is_empty() {
            let at = Place::new(self.layer, attribute.range());
            let message = format!("'{}' of '{}' is empty", row.name, into.element.name);
            if into.element.name == "aspNetCore" {
                self.report.refusal(at, message, |problem| {
                    problem.help("write what to start, or leave an optional attribute out")
                });
            } else {
                self.report.violation(at, message, |problem| problem.help("write a value"));
            }
            into.put(row, Given { text: String::new(), at });
        } else if !kinds::fits(row.kind, text) {
            let message = format!("'{}' is no value for '{}'", shorten(text), row.name);
            let expected = kinds::expected(row.kind);
            if row.kind == Kind::HostingModel {
                self.report.refusal(at, message, |problem| problem.expected(expected));
            } else {
                self.report.violation(at, message, |problem| problem.expected(expected));
            }
        } else {
            if let Some(instead) = row.instead
                && row.default.is_none_or(|default| !default.eq_ignore_ascii_case(text))
            {
                let place = Place::new(self.layer, attribute.range_qname());
                let message = format!("'{}' has no effect here", row.name);
                self.report.warning(place, message, |problem| problem.help(advice(instead)));
            }
            into.put(row, Given { text: text.to_owned(), at });
        }
    }

    fn stray(&mut self, node: Node<'_, '_>, element: &Element) {
        let text = node.text().unwrap_or("");
        let trimmed = text.trim();
        if !trimmed.is_empty() {
            let start = node.range().start + (text.len() - text.trim_start().len());
            let at = Place::new(self.layer, start..start + trimmed.len());
            self.report.warning(at, format!("this text in '{}' means nothing", element.name), |problem| {
                problem.help("remove it, or make it a comment")
            });
        }
    }
}

fn is_needed(row: &Attribute) -> bool {
    row.need != Need::Optional
}

/// Stands for an entry that was taken away.
static GONE: Element = NOTHING;

/// Attributes that count: those with a namespace belong to transformations.
fn plain<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = XmlAttribute<'a, 'i>> {
    node.attributes()
        .filter(|attribute| attribute.namespace().is_none() && !UNIVERSAL.contains(&attribute.name()))
}
