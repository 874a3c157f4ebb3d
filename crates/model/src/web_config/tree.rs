//! What the files say, merged: the table's elements with the values given, each with its place.

use super::kinds;
use super::report::Place;
use super::schema::{Attribute, Element};

/// A value as written.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// The text.
    pub(crate) text: String,
    /// Where.
    pub(crate) at: Place,
}

/// One element with what was given for it.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    /// Its row.
    pub(crate) element: &'static Element,
    /// The name of its last tag.
    pub(crate) at: Place,
    /// The values given.
    pub(crate) attributes: Vec<(&'static Attribute, Given)>,
    /// The fixed children that are there.
    pub(crate) children: Vec<Set>,
    /// The entries of its list.
    pub(crate) items: Vec<Set>,
    /// Whether what a server has of its own was cleared.
    pub(crate) cleared: bool,
    /// The first key of each entry that was taken away.
    pub(crate) removed: Vec<String>,
}

impl Set {
    pub(crate) fn new(element: &'static Element, at: Place) -> Self {
        Self {
            element,
            at,
            attributes: Vec::new(),
            children: Vec::new(),
            items: Vec::new(),
            cleared: false,
            removed: Vec::new(),
        }
    }

    /// Sets a value, in place of an earlier one.
    pub(crate) fn put(&mut self, row: &'static Attribute, given: Given) {
        match self.attributes.iter_mut().find(|(other, _)| other.name == row.name) {
            Some((_, old)) => *old = given,
            None => self.attributes.push((row, given)),
        }
    }

    /// The child with this row, made when it is not there yet.
    pub(crate) fn child_mut(&mut self, element: &'static Element, at: Place) -> &mut Set {
        let found = self.children.iter().position(|child| child.element.name == element.name);
        let index = found.unwrap_or_else(|| {
            self.children.push(Set::new(element, at));
            self.children.len() - 1
        });
        &mut self.children[index]
    }

    /// A copy that holds nothing but what is at a path.
    pub(crate) fn only(&self, path: &[&str]) -> Self {
        let Some((name, rest)) = path.split_first() else { return self.clone() };
        let child = self.find(&[name]).map(|child| child.only(rest));
        Self { children: child.into_iter().collect(), ..Self::new(self.element, self.at) }
    }

    /// The element at a path below this one, if it is there.
    pub(crate) fn find(&self, path: &[&str]) -> Option<&Set> {
        path.iter().try_fold(self, |set, name| set.children.iter().find(|child| child.element.name == *name))
    }

    /// What was written for an attribute.
    pub(crate) fn given(&self, name: &str) -> Option<&Given> {
        self.attributes.iter().find(|(row, _)| row.name == name).map(|(_, given)| given)
    }

    /// Where an attribute's value is, or else the element.
    pub(crate) fn place(&self, name: &str) -> Place {
        self.given(name).map_or(self.at, |given| given.at)
    }

    /// The value of an attribute, or its default.
    pub(crate) fn text(&self, name: &str) -> &str {
        match self.given(name) {
            Some(given) => &given.text,
            None => self.element.attribute(name).and_then(|row| row.default).unwrap_or(""),
        }
    }

    pub(crate) fn owned(&self, name: &str) -> String {
        self.text(name).to_owned()
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        kinds::boolean(self.text(name)).unwrap_or(false)
    }

    /// A number, or a time span in seconds.
    pub(crate) fn number(&self, name: &str) -> u64 {
        let text = self.text(name);
        kinds::number(text).or_else(|| kinds::time_span(text)).unwrap_or(0)
    }

    pub(crate) fn number_u32(&self, name: &str) -> u32 {
        u32::try_from(self.number(name)).unwrap_or(u32::MAX)
    }

    pub(crate) fn number_u16(&self, name: &str) -> u16 {
        u16::try_from(self.number(name)).unwrap_or(u16::MAX)
    }

    /// Whether a choice or a set of flags holds this name.
    pub(crate) fn has(&self, name: &str, flag: &str) -> bool {
        kinds::flags(self.text(name)).any(|other| other.eq_ignore_ascii_case(flag))
    }

    /// What identifies an entry.
    pub(crate) fn key(&self, keys: &[&str], case_counts: bool) -> String {
        let parts: Vec<&str> = keys.iter().map(|key| self.text(key)).collect();
        let key = parts.join("\0");
        if case_counts { key } else { key.to_lowercase() }
    }
}
