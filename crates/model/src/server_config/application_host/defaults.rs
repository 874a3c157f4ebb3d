//! An element with the elements that hold its defaults.

use crate::web_config::Element;
use crate::web_config::tree::{Given, Set};

/// What an element says, or else its defaults, or else the table.
pub(super) struct Layered<'t> {
    set: Option<&'t Set>,
    defaults: Vec<&'t Set>,
    /// Where the table's own defaults are taken from.
    element: &'static Element,
}

impl<'t> Layered<'t> {
    /// `defaults` in the order in which they count.
    pub(super) fn new(set: &'t Set, defaults: impl IntoIterator<Item = Option<&'t Set>>) -> Self {
        Self { set: Some(set), defaults: defaults.into_iter().flatten().collect(), element: set.element }
    }

    /// The same for a part.
    pub(super) fn part(&self, path: &[&str]) -> Self {
        let element = path.iter().try_fold(self.element, |element, name| element.child(name));
        Self {
            set: self.set.and_then(|set| set.find(path)),
            defaults: self.defaults.iter().filter_map(|set| set.find(path)).collect(),
            element: element.unwrap_or(self.element),
        }
    }

    /// The element and its defaults, as far as they are there, in the order in which they count.
    pub(super) fn sets(&self) -> impl Iterator<Item = &'t Set> {
        self.set.into_iter().chain(self.defaults.iter().copied())
    }

    /// What was written.
    pub(super) fn given(&self, name: &str) -> Option<&'t Given> {
        self.sets().find_map(|set| set.given(name))
    }

    /// What counts.
    pub(super) fn text(&self, name: &str) -> &'t str {
        match self.given(name) {
            Some(given) => &given.text,
            None => self.element.attribute(name).and_then(|row| row.default).unwrap_or(""),
        }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.text(name).eq_ignore_ascii_case("true")
    }

    pub(super) fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or(0)
    }
}
