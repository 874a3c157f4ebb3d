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

/// What the file says; its problems are in the report.
pub(super) fn read(source: &Source, folder: &Path, report: &mut Report<'_>) -> Draft {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    let mut draft = Draft::default();
    if !errors.is_empty() {
        // What is left of the document is not what was meant: its problems would mislead.
        syntax::explain(&source.text, &errors, report);
        return draft;
    }
    let keys: Vec<Key> = ROOT.iter().map(Row::key).collect();
    let mut reader = Reader { report, text: &source.text, folder, keys: &keys, meant: Vec::new() };
    reader.table(document.get_ref(), place(0..0), "the file", ROOT, &mut draft);
    draft.meant = reader.meant;
    draft
}
