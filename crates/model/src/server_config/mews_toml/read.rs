//! Lays a TOML document over the table: each key to its row, each value to its place.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::draft::Placed;
use super::quantity;
use super::table::{Default, Form, Key, Kind, Nested, Row, unnamed};
use crate::suggest::nearest;
use crate::web_config::hints::shorten;
use crate::web_config::report::{Place, Report};

/// Longer lists of known names help nobody.
const MOST_NAMES: usize = 12;

/// Reads one document.
pub(super) struct Reader<'r, 's> {
    pub(super) report: &'r mut Report<'s>,
    pub(super) text: &'r str,
    /// What relative paths are relative to.
    pub(super) folder: &'r Path,
    /// The whole table, for hints.
    pub(super) keys: &'r [Key],
    /// Keys that were meant by others.
    pub(super) told: Vec<&'static str>,
}

type Value<'i> = Spanned<DeValue<'i>>;

impl<'r> Reader<'r, '_> {
    /// A table's keys in the order of the file.
    pub(super) fn table<T>(
        &mut self,
        table: &DeTable<'_>,
        at: Place,
        what: &str,
        rows: &'static [Row<T>],
        into: &mut T,
    ) {
        let mut misspelt = Vec::new();
        for (key, value) in sorted(table) {
            let at = place(key.span());
            match rows.iter().find(|row| row.name == key.get_ref()) {
                Some(row) => self.row(row, Placed { value: key.get_ref(), at }, value, into),
                None => misspelt.extend(self.unknown(key.get_ref(), at, what, rows)),
            }
        }
        self.told.extend(&misspelt);
        for row in rows.iter().filter(|row| matches!(row.default, Default::Required)) {
            let given = table.keys().any(|key| key.get_ref() == row.name);
            if !given && !misspelt.contains(&row.name) {
                self.report.violation(at, format!("{what} has no '{}'", row.name), |problem| {
                    problem.help(format!("write {} = {}", row.name, row.kind.example()))
                });
            }
        }
    }

    /// Answers the name that was meant.
    fn unknown<T>(
        &mut self,
        key: &str,
        at: Place,
        what: &str,
        rows: &'static [Row<T>],
    ) -> Option<&'static str> {
        let meant = nearest(key, rows.iter().map(|row| row.name));
        let elsewhere = meant.is_none().then(|| find(self.keys, key, "")).flatten();
        self.report.violation(at, format!("unknown key '{}' in {what}", shorten(key)), |problem| {
            let names: Vec<&str> = rows.iter().map(|row| row.name).collect();
            match (meant, elsewhere) {
                (Some(meant), _) => problem.help(format!("did you mean '{meant}'?")),
                (None, Some(place)) => problem.help(format!("it belongs into {place}")),
                (None, None) if names.len() <= MOST_NAMES => {
                    problem.help(format!("known keys are {}", names.join(", ")))
                }
                (None, None) => problem.help("remove it"),
            }
        });
        meant
    }

    fn row<T>(&mut self, row: &'static Row<T>, key: Placed<&str>, value: &Value<'_>, into: &mut T) {
        let at = place(value.span());
        let text = value.get_ref().as_str().filter(|text| !text.trim().is_empty());
        let whole = number(value.get_ref());
        let done = match &row.kind {
            Kind::Bool(set) => value.get_ref().as_bool().map(|value| set(into, value)),
            Kind::Number { least, most, set } => whole
                .filter(|number| (least..=most).contains(&number))
                .map(|value| set(into, Placed { value, at })),
            Kind::Duration { least, most, set } => zero_or(whole, text)
                .and_then(quantity::duration)
                .filter(|time| (least..=most).contains(&time))
                .map(|time| set(into, time)),
            Kind::Size(set) => whole.or_else(|| text.and_then(quantity::size)).map(|bytes| set(into, bytes)),
            Kind::Processors(set) => {
                let written = self.written(&value.span());
                let text = if is_number(value.get_ref()) { Some(written) } else { text };
                text.and_then(quantity::processors).map(|thousandths| set(into, thousandths))
            }
            Kind::Times(set) => self.times(value).map(|times| set(into, times)),
            Kind::Text(set) => text.map(|text| set(into, Placed { value: text.to_owned(), at })),
            Kind::Account(set) => {
                let number = whole.map(|number| number.to_string());
                number.or_else(|| text.map(str::to_owned)).map(|name| set(into, name))
            }
            Kind::Path(set) => {
                let path = text.filter(|text| !text.contains('\0')).map(|text| self.folder.join(text));
                path.map(|value| set(into, Placed { value, at }))
            }
            Kind::Choice(choices) => {
                let word = text.unwrap_or_default();
                let chosen = choices.iter().find(|(name, _)| *name == word);
                chosen.map(|(_, set)| set(into))
            }
            Kind::Variables(set) => return self.variables(key, value, into, *set),
            Kind::Parsed { what, read, .. } => match text {
                Some(text) => {
                    if let Err(problem) = read(into, Placed { value: text, at }) {
                        let message = format!("'{}' is no {what}: {problem}", shorten(text));
                        self.report.violation(at, message, |problem| problem);
                    }
                    return;
                }
                None => None,
            },
            Kind::Nested(nested) => return nested.read(key, value, into, self),
        };
        if done.is_none() {
            self.misfit(&row.kind, key.value, value);
        }
    }

    fn misfit<T>(&mut self, kind: &Kind<T>, key: &str, value: &Value<'_>) {
        let written = self.written(&value.span());
        let bare = value.get_ref().as_str().unwrap_or(written);
        let message = format!("{} is no value for '{key}'", quoted(&shorten(written)));
        let meant = match kind {
            Kind::Choice(choices) => nearest(bare, choices.iter().map(|(name, _)| *name)),
            _ => None,
        };
        self.report.violation(place(value.span()), message, |problem| {
            let problem = problem.expected(kind.expected());
            match meant {
                Some(meant) => problem.help(format!("did you mean \"{meant}\"?")),
                None => problem,
            }
        });
    }

    /// Tables in one of their forms.
    pub(super) fn nested<T, U>(
        &mut self,
        nested: &'static Nested<T, U>,
        key: Placed<&str>,
        value: &Value<'_>,
        into: &mut T,
    ) {
        match (value.get_ref(), nested.form) {
            (DeValue::Table(table), Form::Named) => {
                for (name, inner) in sorted(table) {
                    let name = Placed { value: name.get_ref().as_ref(), at: place(name.span()) };
                    self.inside(nested, name, inner, into);
                }
            }
            (DeValue::Array(array), Form::Many) => {
                for inner in array.iter() {
                    self.inside(nested, unnamed(place(inner.span())), inner, into);
                }
            }
            (_, Form::Many) => self.inside(nested, unnamed(place(value.span())), value, into),
            (_, Form::One) => self.inside(nested, Placed { value: "", ..key }, value, into),
            (_, Form::Named) => {
                let message = format!("'{}' holds no tables", key.value);
                let help = format!("write [{}.NAME] on a line of its own, and the keys below it", key.value);
                self.report.violation(place(value.span()), message, |problem| problem.help(help));
            }
        }
    }

    fn inside<T, U>(
        &mut self,
        nested: &'static Nested<T, U>,
        name: Placed<&str>,
        value: &Value<'_>,
        into: &mut T,
    ) {
        let what = match (nested.form, name.value) {
            (Form::Named, name) => format!("{} '{}'", nested.what, shorten(name)),
            _ => nested.what.to_owned(),
        };
        let at = if nested.form == Form::One { name.at } else { place(value.span()) };
        let short = nested.short.and_then(|short| nested.rows.iter().find(|row| row.name == short));
        match (value.get_ref(), nested.off, short) {
            (DeValue::Table(table), ..) => {
                self.table(table, at, &what, nested.rows, (nested.open)(into, name));
            }
            (DeValue::Boolean(false), Some(off), _) => off(into),
            (DeValue::Boolean(true), Some(_), _) => {
                (nested.open)(into, name);
            }
            (DeValue::String(_), _, Some(row)) => {
                let key = Placed { value: row.name, at };
                self.row(row, key, value, (nested.open)(into, name));
            }
            _ => {
                let message =
                    format!("{} is no {}", quoted(&shorten(self.written(&value.span()))), nested.what);
                let expected = super::reference::forms(nested);
                self.report.violation(place(value.span()), message, |problem| {
                    problem.expected(format!("expected {expected}"))
                });
            }
        }
    }

    fn times(&mut self, value: &Value<'_>) -> Option<Vec<super::super::TimeOfDay>> {
        let one = |value: &Value<'_>| match value.get_ref() {
            DeValue::String(text) => quantity::time_of_day(text),
            DeValue::Datetime(time) if time.date.is_none() && time.offset.is_none() => {
                quantity::time_of_day(self.written(&value.span()))
            }
            _ => None,
        };
        let mut times = match value.get_ref() {
            DeValue::Array(array) => array.iter().map(one).collect::<Option<Vec<_>>>()?,
            _ => vec![one(value)?],
        };
        times.sort_unstable();
        times.dedup();
        Some(times)
    }

    fn variables<T>(
        &mut self,
        key: Placed<&str>,
        value: &Value<'_>,
        into: &mut T,
        set: fn(&mut T, Vec<(String, String)>),
    ) {
        let DeValue::Table(table) = value.get_ref() else {
            let message = format!("'{}' holds no variables", key.value);
            self.report.violation(place(value.span()), message, |problem| {
                problem.expected("expected { NAME = \"value\" }")
            });
            return;
        };
        let mut variables: Vec<(String, String)> = Vec::new();
        for (name, value) in sorted(table) {
            let at = place(name.span());
            let text = match value.get_ref() {
                DeValue::String(text) => text.clone().into_owned(),
                DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {
                    self.written(&value.span()).to_owned()
                }
                _ => {
                    let message = format!("the variable '{}' holds no text", shorten(name.get_ref()));
                    self.report.violation(place(value.span()), message, |problem| {
                        problem.expected("expected a text in quotes")
                    });
                    continue;
                }
            };
            let name = name.get_ref().as_ref();
            if name.is_empty() || name.contains(['=', '\0']) || text.contains('\0') {
                let message = format!("'{}' can be no variable", shorten(name));
                self.report.violation(at, message, |problem| {
                    problem.help("a name is not empty and holds no '='; neither name nor value holds a NUL")
                });
            } else if variables.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                let message =
                    format!("the variable '{}' is there twice (case does not count)", shorten(name));
                self.report.violation(at, message, |problem| problem.help("keep one of the two"));
            } else {
                variables.push((name.to_owned(), text));
            }
        }
        set(into, variables);
    }

    fn written(&self, range: &std::ops::Range<usize>) -> &'r str {
        self.text.get(range.clone()).unwrap_or_default()
    }
}

fn sorted<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Spanned<toml::de::DeString<'i>>, &'t Value<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

pub(super) fn place(range: std::ops::Range<usize>) -> Place {
    Place::new(0, range)
}

fn number(value: &DeValue<'_>) -> Option<u64> {
    let DeValue::Integer(number) = value else { return None };
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn is_number(value: &DeValue<'_>) -> bool {
    matches!(value, DeValue::Integer(_) | DeValue::Float(_))
}

/// The number 0 needs no unit.
fn zero_or(number: Option<u64>, text: Option<&str>) -> Option<&str> {
    if number == Some(0) { Some("0") } else { text }
}

/// Where a key of this name belongs: `[[site]]`, `[pool.NAME]`, `recycle of [pool.NAME]`.
fn find(keys: &[Key], name: &str, path: &str) -> Option<String> {
    for key in keys {
        let inside = match (key.form, path) {
            (Some(Form::Named), _) => format!("[{}.NAME]", key.name),
            (Some(Form::Many), "") => format!("[[{}]]", key.name),
            (Some(_), "") => key.name.to_owned(),
            (Some(_), path) => format!("{} of {path}", key.name),
            (None, _) => continue,
        };
        if key.inside.iter().any(|inner| inner.name.eq_ignore_ascii_case(name)) {
            return Some(inside);
        }
        if let Some(found) = find(&key.inside, name, &inside) {
            return Some(found);
        }
    }
    None
}

/// Between single quotes, unless it has quotes of its own.
fn quoted(text: &str) -> String {
    if text.starts_with(['"', '\'']) { text.to_owned() } else { format!("'{text}'") }
}
