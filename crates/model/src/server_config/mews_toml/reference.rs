//! What a key holds, in words: for messages, and for the reference page, which is written from the table.

use std::fmt::Write as _;

use super::quantity::{show_duration, show_size};
use super::rows::ROOT;
use super::table::{Default, Form, Key, Kind, Nest};

const HEAD: &str = "\
<!-- Printed by `cargo run -p mews-model --example mews_toml_reference`; a test compares. -->

# mews.toml

What `mews serve` reads: sites, where they listen, the applications in them, and the application pools that these run
in. The file is [TOML](https://toml.io), UTF-8, at most 1 MiB. `mews check FILE` reads it, and the `web.config` of every
application in it, without starting anything.

- A key that is not listed here is an error. All problems of a file are told at once, with line and column.
- A **duration** is a text such as `\"90s\"`, `\"20m\"`, `\"29h\"`, `\"7d\"` or `\"1h 30m\"`; `0` needs no unit.
- A **size** is a text such as `\"512 MiB\"` or `\"1.5 GB\"` (a thousand and 1024 are told apart), or a number of bytes.
- A relative **path** is relative to the folder of the file.
- Names of sites and pools are compared without regard to case.
- The words are those of IIS where IIS has one; `mews serve` reads an `applicationHost.config` too.

";

const EXAMPLE: &str = r#"```toml
[[site]]
name = "shop"
bindings = ["http://*:80", "https://shop.example:443"]
certificate = { cert = "/etc/mews/shop.pem", key = "/etc/mews/shop.key" }

[[site.application]]
path = "/"
physical_path = "/srv/shop"

[[site.application]]
path = "/api"
physical_path = "/srv/shop-api"
pool = "api"

[pool.api]
start = "always"
recycle = { memory = "1 GiB", at = ["04:00"] }
```

"#;

/// The whole page.
pub fn reference() -> String {
    let mut page = format!("{HEAD}{EXAMPLE}");
    for row in ROOT {
        section(&mut page, &row.key(), "");
    }
    page
}

/// One table with its keys, and the tables inside it below.
fn section(page: &mut String, key: &Key, path: &str) {
    let dotted = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
    let title = match key.form {
        Some(Form::Many) if key.short.is_none() => format!("[[{dotted}]]"),
        Some(Form::Named) => format!("[{dotted}.NAME]"),
        _ => dotted.replace("pool.", "pool.NAME."),
    };
    // Writing to a `String` cannot fail, here and below.
    let _ = write!(page, "## {title}\n\n{}\n\n", key.doc);
    page.push_str("| key | value | default | |\n| --- | --- | --- | --- |\n");
    for inner in &key.inside {
        let default = match inner.default {
            Default::Required => "required".to_owned(),
            Default::Text(text) => format!("`{text}`"),
            Default::Words(words) => words.to_owned(),
        };
        let more = if inner.inside.is_empty() { "" } else { " See below." };
        let _ = writeln!(page, "| `{}` | {} | {default} | {}{more} |", inner.name, inner.holds, inner.doc);
    }
    page.push('\n');
    for inner in key.inside.iter().filter(|inner| !inner.inside.is_empty()) {
        section(page, inner, &dotted);
    }
}

/// What may stand in the place of nested tables.
pub(super) fn forms<T>(nested: &dyn Nest<T>) -> String {
    let mut forms = vec!["a table"];
    if nested.short().is_some() {
        forms.insert(0, "a text");
    }
    if nested.off() {
        forms.push("false");
    }
    forms.join(" or ")
}

impl<T> Kind<T> {
    /// For the column of the reference page.
    pub(super) fn holds(&self) -> String {
        match self {
            Self::Bool(_) => "`true`, `false`".to_owned(),
            Self::Number { least, most, .. } => format!("{least} to {most}"),
            Self::Duration { least, most, .. } => {
                format!("duration, {} to {}", show_duration(*least), show_duration(*most))
            }
            Self::Size(_) => "size".to_owned(),
            Self::Processors(_) => "number of processors, or percent of one".to_owned(),
            Self::Times(_) => "list of times".to_owned(),
            Self::Text(_) => "text".to_owned(),
            Self::Account(_) => "name or number".to_owned(),
            Self::Path(_) => "path".to_owned(),
            Self::Choice(choices) => {
                let names: Vec<String> = choices.iter().map(|(name, _)| format!("`\"{name}\"`")).collect();
                names.join(", ")
            }
            Self::Variables(_) => "`{ NAME = \"value\" }`".to_owned(),
            Self::Parsed { what, .. } => (*what).to_owned(),
            Self::Nested(nested) => match nested.form() {
                Form::One => forms(*nested),
                Form::Many => format!("list of: {}", forms(*nested)),
                Form::Named => "tables".to_owned(),
            },
        }
    }

    /// Behind the caret of a message.
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Bool(_) => "expected true or false".to_owned(),
            Self::Number { least, most, .. } => format!("expected a whole number from {least} to {most}"),
            Self::Duration { least, most, .. } => format!(
                "expected a duration from {} to {}, as in {}",
                show_duration(*least),
                show_duration(*most),
                self.example()
            ),
            Self::Choice(choices) => {
                let names: Vec<String> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
                format!("expected {}", names.join(" or "))
            }
            Self::Text(_) => "expected a text that is not empty".to_owned(),
            _ => format!("expected a value such as {}", self.example()),
        }
    }

    /// A value as it may be written.
    pub(super) fn example(&self) -> String {
        match self {
            Self::Bool(_) => "true".to_owned(),
            Self::Number { least, .. } => least.to_string(),
            Self::Duration { most, .. } if most.as_secs() < 60 => "\"10s\"".to_owned(),
            Self::Duration { .. } => "\"5m\"".to_owned(),
            Self::Size(_) => format!("\"{}\"", show_size(1 << 30)),
            Self::Processors(_) => "1.5 or \"150%\"".to_owned(),
            Self::Times(_) => "[\"04:00\"]".to_owned(),
            Self::Text(_) => "\"shop\"".to_owned(),
            Self::Account(_) => "\"www-data\"".to_owned(),
            Self::Path(_) => "\"/srv/shop\"".to_owned(),
            Self::Choice(choices) => {
                choices.first().map_or_else(String::new, |(name, _)| format!("\"{name}\""))
            }
            Self::Variables(_) => "{ NAME = \"value\" }".to_owned(),
            Self::Parsed { example, .. } => (*example).to_owned(),
            Self::Nested(nested) => match (nested.form(), nested.short()) {
                (Form::Many, Some(_)) => "[\"…\"]".to_owned(),
                (_, Some(_)) => "\"…\"".to_owned(),
                _ => "{ … }".to_owned(),
            },
        }
    }
}
