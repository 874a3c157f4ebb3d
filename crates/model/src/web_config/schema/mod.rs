//! What may stand in a `web.config`: one table, from which the reader, the checks and the reference page
//! derive. This file holds the table's own types; the rows are in the files beside it.

mod application_host;
mod asp_net_core;
mod framework;
mod others;
mod rewrite;
mod root;
mod security;
mod server;

pub(crate) use application_host::APPLICATION_HOST;
pub(super) use asp_net_core::DEBUG_LEVEL;
pub use asp_net_core::{ASP_NET_CORE, HANDLER_SETTINGS};
pub use root::{LOCATION, ROOT};

/// What an attribute's value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text; `%VAR%` is expanded when it is used.
    Text,
    /// Like `Text`, but not empty.
    NonEmpty,
    /// `true` or `false`, in any case.
    Bool,
    /// A whole number in the range.
    Number {
        /// Smallest.
        least: u64,
        /// Largest.
        most: u64,
    },
    /// -1, which stands for any, or a whole number.
    NumberOrAny {
        /// Largest.
        most: u64,
    },
    /// `hh:mm:ss` or `d.hh:mm:ss`.
    TimeSpan {
        /// Longest, in seconds.
        most: u64,
    },
    /// One of these names, in any case.
    Choice(&'static [&'static str]),
    /// Some of these names, in any case, with commas between them.
    Flags(&'static [&'static str]),
    /// `InProcess` or `OutOfProcess`, in any case; empty is the same as absent.
    HostingModel,
    /// An HTTP status from 1 to 999 that is none of 300 to 307.
    Status,
}

/// Whether an attribute may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It may.
    Optional,
    /// The schema asks for it.
    Schema,
    /// The module asks for it, after the parents' files have been merged in.
    Module,
}

/// One attribute.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Its name, in the case that is required.
    pub name: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// The value when it is absent; `None` when there is no such value.
    pub default: Option<&'static str>,
    /// Whether it must be there.
    pub need: Need,
    /// One sentence.
    pub doc: &'static str,
    /// For an attribute that is known and not acted on: what to do instead. It is said when the value differs
    /// from the default.
    pub instead: Option<&'static str>,
}

/// What Mews makes of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It counts.
    Honoured,
    /// It is read and checked; a warning says so where it asks for something that is not enforced.
    Read(&'static str),
    /// It has no meaning for an ASP.NET Core app and is passed over.
    Silent,
    /// It is passed over with a warning: what to do instead.
    Instead(&'static str),
    /// It cannot stand in a `web.config`: what to do instead.
    Refused(&'static str),
}

/// What an element is to the configuration system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Holds sections only; may occur several times.
    Group,
    /// A section: occurs once in its place.
    Section,
    /// A part of a section.
    Part,
}

/// One element.
#[derive(Clone, Copy, Debug)]
pub struct Element {
    /// Its name, in the case that is required.
    pub name: &'static str,
    /// What it is to the configuration system.
    pub role: Role,
    /// What Mews makes of it.
    pub support: Support,
    /// One sentence.
    pub doc: &'static str,
    /// Its attributes.
    pub attributes: &'static [Attribute],
    /// Its fixed child elements.
    pub children: &'static [Element],
    /// The list that it holds.
    pub items: Option<&'static Collection>,
    /// Whether what is inside is not looked at.
    pub opaque: bool,
}

/// A list of elements of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Collection {
    /// The element of an entry.
    pub item: Element,
    /// The element that takes an inherited entry away.
    pub remove: Option<&'static str>,
    /// The element that takes all inherited entries away.
    pub clear: Option<&'static str>,
    /// The attributes that together identify an entry; with none, entries are never the same.
    pub keys: &'static [&'static str],
    /// Whether the keys' case counts.
    pub case_counts: bool,
    /// Whether a second entry with the same key takes the first one's place, instead of being an error.
    pub last_wins: bool,
}

impl Attribute {
    const fn new(name: &'static str, kind: Kind, default: Option<&'static str>, doc: &'static str) -> Self {
        Self { name, kind, default, need: Need::Optional, doc, instead: None }
    }

    const fn required(self) -> Self {
        Self { need: Need::Schema, default: None, ..self }
    }

    const fn instead(self, instead: &'static str) -> Self {
        Self { instead: Some(instead), ..self }
    }
}

const fn text(name: &'static str, doc: &'static str) -> Attribute {
    Attribute::new(name, Kind::Text, Some(""), doc)
}

/// A text that must be there and not be empty.
const fn name(name: &'static str, doc: &'static str) -> Attribute {
    Attribute::new(name, Kind::NonEmpty, None, doc).required()
}

const fn flag(name: &'static str, default: &'static str, doc: &'static str) -> Attribute {
    Attribute::new(name, Kind::Bool, Some(default), doc)
}

const fn number(
    name: &'static str,
    least: u64,
    most: u64,
    default: &'static str,
    doc: &'static str,
) -> Attribute {
    Attribute::new(name, Kind::Number { least, most }, Some(default), doc)
}

const fn choice(
    name: &'static str,
    choices: &'static [&'static str],
    default: &'static str,
    doc: &'static str,
) -> Attribute {
    Attribute::new(name, Kind::Choice(choices), Some(default), doc)
}

/// The largest unsigned number of IIS's schema.
const UINT: u64 = u32::MAX as u64;

impl Element {
    const fn new(name: &'static str, role: Role, doc: &'static str) -> Self {
        Self {
            name,
            role,
            support: Support::Honoured,
            doc,
            attributes: &[],
            children: &[],
            items: None,
            opaque: false,
        }
    }

    const fn group(name: &'static str, doc: &'static str) -> Self {
        Self::new(name, Role::Group, doc)
    }

    const fn section(name: &'static str, doc: &'static str) -> Self {
        Self::new(name, Role::Section, doc)
    }

    const fn part(name: &'static str, doc: &'static str) -> Self {
        Self::new(name, Role::Part, doc)
    }

    /// A section that is passed over with a warning, whatever it holds.
    const fn ignored(name: &'static str, doc: &'static str, instead: &'static str) -> Self {
        Self::section(name, doc).support(Support::Instead(instead)).opaque()
    }

    /// A section that is passed over, whatever it holds.
    const fn silent(name: &'static str, doc: &'static str) -> Self {
        Self::section(name, doc).support(Support::Silent).opaque()
    }

    const fn refused(name: &'static str, doc: &'static str, instead: &'static str) -> Self {
        Self::section(name, doc).support(Support::Refused(instead)).opaque()
    }

    const fn attributes(self, attributes: &'static [Attribute]) -> Self {
        Self { attributes, ..self }
    }

    const fn children(self, children: &'static [Element]) -> Self {
        Self { children, ..self }
    }

    const fn items(self, items: &'static Collection) -> Self {
        Self { items: Some(items), ..self }
    }

    const fn support(self, support: Support) -> Self {
        Self { support, ..self }
    }

    const fn opaque(self) -> Self {
        Self { opaque: true, ..self }
    }

    /// The attribute with this name.
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        self.attributes.iter().find(|row| row.name == name)
    }

    /// The child with this name.
    pub fn child(&self, name: &str) -> Option<&'static Element> {
        self.children.iter().find(|row| row.name == name)
    }

    /// The names of all elements that may stand inside.
    pub fn inside(&self) -> impl Iterator<Item = &'static str> {
        let fixed = self.children.iter().map(|child| child.name);
        let listed = self.items.into_iter();
        let listed = listed.flat_map(|items| [Some(items.item.name), items.remove, items.clear]);
        fixed.chain(listed.flatten())
    }
}

impl Collection {
    /// `add`, `remove` and `clear`, entries identified by these attributes, case not counting.
    const fn add(
        item_doc: &'static str,
        attributes: &'static [Attribute],
        keys: &'static [&'static str],
    ) -> Self {
        Self {
            item: Element::part("add", item_doc).attributes(attributes),
            remove: Some("remove"),
            clear: Some("clear"),
            keys,
            case_counts: false,
            last_wins: false,
        }
    }

    const fn case_counts(self) -> Self {
        Self { case_counts: true, ..self }
    }

    const fn last_wins(self) -> Self {
        Self { last_wins: true, ..self }
    }

    const fn without_remove(self) -> Self {
        Self { remove: None, ..self }
    }

    /// The same with entries of another shape, or under another name.
    const fn of(self, item: Element) -> Self {
        Self { item, ..self }
    }
}

/// An element that no file can hold.
pub(super) const NOTHING: Element = Element::part("", "");

/// Attributes that IIS knows on every element.
pub(super) const UNIVERSAL: &[&str] =
    &["lockAttributes", "lockElements", "lockAllAttributesExcept", "lockAllElementsExcept", "lockItem"];

/// The path of an element with this name, if it belongs elsewhere: `system.webServer/security`.
pub(super) fn belongs_in(name: &str) -> Option<String> {
    fn find(element: &Element, name: &str, path: &str) -> Option<String> {
        for child in element.children {
            if child.name == name {
                return Some(path.to_owned());
            }
            let below =
                if path.is_empty() { child.name.to_owned() } else { format!("{path}/{}", child.name) };
            if let Some(found) = find(child, name, &below) {
                return Some(found);
            }
        }
        None
    }
    find(&ROOT, name, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(element: &Element, path: &str) {
        let path = format!("{path}/{}", element.name);
        assert!(element.doc.ends_with('.'), "{path}");
        if let Support::Instead(text) | Support::Refused(text) | Support::Read(text) = element.support {
            assert!(text.ends_with('.'), "{path}");
        }
        for (at, row) in element.attributes.iter().enumerate() {
            assert!(row.doc.ends_with('.'), "{path} {}", row.name);
            assert!(row.instead.is_none_or(|text| text.ends_with('.')), "{path} {}", row.name);
            assert!(!(row.need != Need::Optional && row.default.is_some()), "{path} {}", row.name);
            assert!(element.attributes.iter().skip(at + 1).all(|other| other.name != row.name), "{path}");
            if let Some(default) = row.default.filter(|default| !default.is_empty()) {
                assert!(super::super::kinds::fits(row.kind, default), "{path} {}", row.name);
            }
        }
        let mut names: Vec<&str> = element.inside().collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "{path}");
        for child in element.children {
            check(child, &path);
        }
        if let Some(items) = element.items {
            for key in items.keys {
                assert!(items.item.attribute(key).is_some(), "{path} {key}");
            }
            check(&items.item, &path);
        }
    }

    #[test]
    fn rows_are_sound() {
        check(&ROOT, "");
        check(&APPLICATION_HOST, "");
        check(&LOCATION, "");
        for row in HANDLER_SETTINGS {
            assert!(row.doc.ends_with('.'), "{}", row.name);
        }
    }

    #[test]
    fn a_misplaced_element_is_found() {
        assert_eq!(belongs_in("requestFiltering").as_deref(), Some("system.webServer/security"));
        assert_eq!(belongs_in("aspNetCore").as_deref(), Some("system.webServer"));
        assert_eq!(belongs_in("nothing"), None);
    }
}
