//! The form of the table: what a key is called, what it may hold, and where its value goes.

use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::super::TimeOfDay;
use super::super::draft::Placed;
use super::read::Reader;
use crate::web_config::report::Place;

/// One key of a TOML table that is read into a `T`.
pub(super) struct Row<T: 'static> {
    pub(super) name: &'static str,
    pub(super) kind: Kind<T>,
    /// What counts without it.
    pub(super) default: Default,
    /// One or more sentences.
    pub(super) doc: &'static str,
}

/// What counts where a key is not written.
#[derive(Clone, Copy)]
pub(super) enum Default {
    /// It must be written.
    Required,
    /// This, as it would be written; a test reads it and compares.
    Text(&'static str),
    /// Something that cannot be written, in words.
    Words(&'static str),
}

/// What a key holds, and what becomes of it.
pub(super) enum Kind<T: 'static> {
    Bool(fn(&mut T, bool)),
    Number {
        least: u64,
        most: u64,
        set: fn(&mut T, Placed<u64>),
    },
    Duration {
        least: Duration,
        most: Duration,
        set: fn(&mut T, Duration),
    },
    Size(fn(&mut T, u64)),
    Processors(fn(&mut T, u32)),
    Times(fn(&mut T, Vec<TimeOfDay>)),
    /// A text that is not empty.
    Text(fn(&mut T, Placed<String>)),
    /// A text that is not empty, or a number.
    Account(fn(&mut T, String)),
    /// A path; relative ones have become absolute.
    Path(fn(&mut T, Placed<PathBuf>)),
    /// One of these names.
    Choice(&'static [Choice<T>]),
    /// Names and values.
    Variables(fn(&mut T, Vec<(String, String)>)),
    /// A text with a grammar of its own: what it is called, an example, and how it is read.
    Parsed {
        what: &'static str,
        example: &'static str,
        read: fn(&mut T, Placed<&str>) -> Result<(), String>,
    },
    /// Tables inside.
    Nested(&'static dyn Nest<T>),
}

/// A name, and what it means.
pub(super) type Choice<T> = (&'static str, fn(&mut T));

/// How tables lie inside a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One table.
    One,
    /// A list of tables, `[[site]]`; one table alone counts as a list of one.
    Many,
    /// One table per name, `[pool.NAME]`.
    Named,
}

/// Tables inside a table: the rows that they are read with.
pub(super) struct Nested<T: 'static, U: 'static> {
    pub(super) form: Form,
    /// How one of them is called in messages.
    pub(super) what: &'static str,
    pub(super) rows: &'static [Row<U>],
    /// Where one of them is read into. Its name is empty but for [`Form::Named`].
    pub(super) open: for<'t> fn(&'t mut T, Placed<&str>) -> &'t mut U,
    /// What `false` in the table's place means.
    pub(super) off: Option<fn(&mut T)>,
    /// The key that a text in the table's place stands for.
    pub(super) short: Option<&'static str>,
}

/// A [`Nested`] whose inner type does not matter.
pub(super) trait Nest<T>: Sync {
    fn form(&self) -> Form;
    fn off(&self) -> bool;
    fn short(&self) -> Option<&'static str>;
    fn read(
        &'static self,
        key: Placed<&str>,
        value: &Spanned<DeValue<'_>>,
        into: &mut T,
        reader: &mut Reader<'_, '_>,
    );
    /// The rows, without what they do.
    fn keys(&self) -> Vec<Key>;
}

/// A row without what it does: for the reference page, and for hints.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) holds: String,
    pub(super) default: Default,
    pub(super) doc: &'static str,
    pub(super) form: Option<Form>,
    pub(super) short: Option<&'static str>,
    pub(super) inside: Vec<Key>,
}

impl<T> Row<T> {
    pub(super) fn key(&self) -> Key {
        let nested = match &self.kind {
            Kind::Nested(nested) => Some(nested),
            _ => None,
        };
        Key {
            name: self.name,
            holds: self.kind.holds(),
            default: self.default,
            doc: self.doc,
            form: nested.map(|nested| nested.form()),
            short: nested.and_then(|nested| nested.short()),
            inside: nested.map_or_else(Vec::new, |nested| nested.keys()),
        }
    }
}

impl<T: 'static, U: 'static> Nest<T> for Nested<T, U> {
    fn form(&self) -> Form {
        self.form
    }

    fn off(&self) -> bool {
        self.off.is_some()
    }

    fn short(&self) -> Option<&'static str> {
        self.short
    }

    fn read(
        &'static self,
        key: Placed<&str>,
        value: &Spanned<DeValue<'_>>,
        into: &mut T,
        reader: &mut Reader<'_, '_>,
    ) {
        reader.nested(self, key, value, into);
    }

    fn keys(&self) -> Vec<Key> {
        self.rows.iter().map(Row::key).collect()
    }
}

/// A key and what it holds; the way to write a row.
pub(super) const fn row<T>(name: &'static str, kind: Kind<T>, default: Default, doc: &'static str) -> Row<T> {
    Row { name, kind, default, doc }
}

/// A number from `least` to `most`.
pub(super) const fn number<T>(least: u64, most: u64, set: fn(&mut T, Placed<u64>)) -> Kind<T> {
    Kind::Number { least, most, set }
}

/// A duration from so many seconds to so many.
pub(super) const fn duration<T>(least: u64, most: u64, set: fn(&mut T, Duration)) -> Kind<T> {
    Kind::Duration { least: Duration::from_secs(least), most: Duration::from_secs(most), set }
}

/// Where something stands that has no name.
pub(super) fn unnamed(at: Place) -> Placed<&'static str> {
    Placed { value: "", at }
}
