//! Reads `mews.toml`.
//!
//! `rows` is the table of all keys; a new setting is a line there. `read` lays a document over it; `quantity` reads
//! durations and the like; `reference` writes the page for people.

mod quantity;
mod read;
mod reference;
mod rows;
mod syntax;
mod table;

use std::path::Path;

use read::{Reader, place};
pub use reference::reference;
use rows::ROOT;
use table::{Key, Row};
use toml::de::DeTable;

use super::draft::Draft;
use crate::diagnostic::Source;
use crate::web_config::report::Report;

/// The keys of a site's `limits`, and what counts where they are not written.
pub(crate) fn limits() -> impl Iterator<Item = (&'static str, &'static str)> {
    rows::LIMITS.iter().filter_map(|row| match row.default {
        table::Default::Text(text) => Some((row.name, text)),
        table::Default::Required | table::Default::Words(_) => None,
    })
}

/// What the file says; its problems are in the report.
pub(super) fn read(source: &Source, folder: &Path, report: &mut Report<'_>) -> Draft {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    let mut draft = Draft::default();
    if !errors.is_empty() {
        // What is left of the document is not what was meant: its problems would mislead.
        syntax::explain(&source.text, &errors, report);
        draft.told.push("site");
        return draft;
    }
    let keys: Vec<Key> = ROOT.iter().map(Row::key).collect();
    let mut reader = Reader { report, text: &source.text, folder, keys: &keys, told: Vec::new() };
    reader.table(document.get_ref(), place(0..0), "the file", ROOT, &mut draft);
    draft.told = reader.told;
    draft
}

#[cfg(test)]
mod tests {
    use super::super::Pool;
    use super::super::draft::{ApplicationDraft, SiteDraft};
    use super::table::Default;
    use super::*;
    use crate::authentication::SignInSettings;
    use crate::web_config::report::Place;

    fn draft(text: &str) -> Draft {
        let source = Source::new("mews.toml", text);
        let mut report = Report::new(std::slice::from_ref(&source));
        let draft = read(&source, Path::new("/etc/mews"), &mut report);
        let (problems, _) = report.finish();
        assert!(problems.is_empty(), "{text}\n{problems:?}");
        draft
    }

    /// Every default of a table, as it would be written.
    fn defaults(keys: &[Key], path: &str, text: &mut String) {
        for key in keys {
            match key.default {
                Default::Text(value) => text.push_str(&format!("{path}{} = {value}\n", key.name)),
                Default::Required | Default::Words(_) => {}
            }
            if key.form == Some(table::Form::One) {
                defaults(&key.inside, &format!("{path}{}.", key.name), text);
            }
        }
    }

    #[test]
    fn defaults_are_the_values_own() {
        let keys: Vec<Key> = ROOT.iter().map(Row::key).collect();
        let inside = |name: &str| keys.iter().find(|key| key.name == name).unwrap().inside.iter();
        let mut text = "[[site]]\n".to_owned();
        for key in inside("site").filter(|key| key.inside.is_empty()) {
            defaults(std::slice::from_ref(key), "", &mut text);
        }
        text.push_str("name = 'x'\n[[site.application]]\nphysical_path = '/x'\n");
        for key in inside("site").filter(|key| key.name == "application") {
            defaults(&key.inside, "", &mut text);
        }
        text.push_str("[pool.x]\n");
        for key in inside("pool") {
            defaults(std::slice::from_ref(key), "", &mut text);
        }
        assert!(text.contains("recycle.age = \"29h\""), "{text}");
        let draft = draft(&text);
        assert_eq!(draft.pools[0].pool, Pool::new("x"));
        assert_eq!(draft.sites[0].site, SiteDraft::new(Place::default()).site);
        let mut application = ApplicationDraft::new(Place::default());
        application.application.authentication = Some(SignInSettings::default());
        assert_eq!(draft.sites[0].applications[0].application, application.application);
        assert_eq!(draft.sites[0].applications[0].path.value, application.path.value);
    }

    #[test]
    fn rows_are_sound() {
        fn check(keys: &[Key], path: &str) {
            for (at, key) in keys.iter().enumerate() {
                let path = format!("{path}.{}", key.name);
                assert!(key.doc.ends_with('.'), "{path}");
                assert!(keys.iter().skip(at + 1).all(|other| other.name != key.name), "{path}");
                let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
                assert!(key.name.bytes().all(plain), "{path}");
                let short = |short: &str| key.inside.iter().any(|inner| inner.name == short);
                assert!(key.short.is_none_or(short), "{path}");
                check(&key.inside, &path);
            }
        }
        check(&ROOT.iter().map(Row::key).collect::<Vec<_>>(), "");
    }
}
