//! The reference page of `web.config`, written from the table.

use std::fmt::Write as _;

use super::schema::{
    APPLICATION_HOST, Attribute, Collection, Element, HANDLER_SETTINGS, Kind, LOCATION, Need, ROOT, Role,
    Support,
};

const HEAD: &str = "\
<!-- Printed by `cargo run -p mews-model --example web_config_reference`; a test compares. -->

# web.config

What Mews reads of an app's `web.config`: every element and attribute that IIS knows, and what becomes of it here.
Names count by case. An element or attribute that IIS does not know is an error; one that has no effect here is
named in a warning with what to do instead, or passed over where it cannot matter.

All problems of a file are told at once, with line and column. `%NAME%` in a value stands for a variable of the
environment. The file is UTF-8, UTF-16, or what its XML declaration names (ISO 8859-1, Windows-1252); it holds at
most 1 MiB and no DOCTYPE.

A list's entries are added with the element named below. Where nothing else is said, `remove` takes away an entry
that was inherited, and `clear` takes away all of them. A second entry with the same key is an error.

";

const LOCATIONS: &str = "\
A sub-application inherits what the files above it say; its own file counts over them, and the innermost `location`
over the outer ones. In a `location` for a path inside the app the sections count that say who may send requests
(`security/access`, `authentication`, `authorization`, `ipSecurity`); others cannot differ below a part of an app: they are
checked and warned about.

";

const HOST_HEAD: &str = "\
<!-- Printed by `cargo run -p mews-model --example application_host_reference`; a test compares. -->

# applicationHost.config

What `mews serve` reads of IIS's own configuration: sites and application pools. An element or attribute that IIS does
not know is an error, and so is a path that cannot exist here (`C:\\inetpub`, `%SystemDrive%`); what has no effect here is
named in a warning with what to do instead. `mews check FILE` tells all of it without starting anything.

- `%NAME%` in a path stands for a variable of the environment of `mews`; `\\` separates folders as `/` does. A relative
  path is relative to the folder of the file.
- IIS keeps certificates in the store of Windows. Here each https binding names its certificate's file with
  `certificateFile` (and `keyFile` or `passwordFile`), which only Mews reads.
- A virtual directory other than `/` is not served: an ASP.NET Core app serves its files itself.
- Of `system.webServer`, also in a `location`, the sections count that say who may send requests: `security/access`,
  `security/ipSecurity`, `security/authorization` and those of `security/authentication` ([web.config](web-config.md) has
  their tables). A `location` is for the whole server, a site (`Shop`), an application (`Shop/api`) or a path inside one
  (`Shop/api/admin`); a `web.config` is laid over what is said for the folders above it. Sections that are locked
  (`overrideModeDefault=\"Deny\"` in `configSections`, `overrideMode=\"Deny\"` at a `location`) may not stand in a
  `web.config`, unless a `location` with `overrideMode=\"Allow\"` holds them. `sslFlags` of a site also decides whether its
  clients are asked for certificates.
- The other sections are not applied, which a warning says: what matters goes into each `web.config`.
- `system.webServer` and its `location` elements may otherwise stay as they are.

";

/// The page of `applicationHost.config`.
pub fn application_host_reference() -> String {
    let mut page = HOST_HEAD.to_owned();
    for group in APPLICATION_HOST.children.iter().filter(|element| element.role == Role::Group) {
        for child in group.children {
            walk(&mut page, child, group.name);
        }
    }
    page
}

/// The whole page.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("## location\n\n");
    line(&mut page, LOCATION.doc);
    attributes(&mut page, LOCATION.attributes);
    page.push_str(LOCATIONS);
    let server = ROOT.children.iter().filter(|element| element.name == "system.webServer");
    for element in server {
        for child in element.children {
            walk(&mut page, child, element.name);
        }
    }
    page.push_str("## Sections without effect\n\n");
    page.push_str("Those of `system.webServer` are named without it.\n\n");
    page.push_str("| section | what it is | what to do instead |\n| --- | --- | --- |\n");
    let mut rest = Vec::new();
    for element in ROOT.children {
        if element.name == "system.webServer" {
            without_effect(element.children, "", &mut rest);
        } else {
            without_effect(std::slice::from_ref(element), "", &mut rest);
        }
    }
    for row in rest {
        page.push_str(&row);
    }
    page
}

/// Text between markup, so that nothing of it is markup.
fn line(page: &mut String, text: &str) {
    page.push_str(&plain(text));
    page.push_str("\n\n");
}

fn plain(text: &str) -> String {
    text.replace('|', "\\|").replace('*', "\\*").replace('<', "&lt;")
}

/// Whether nothing of an element counts.
fn is_without_effect(element: &Element) -> bool {
    !matches!(element.support, Support::Honoured | Support::Read(_))
}

fn walk(page: &mut String, element: &Element, path: &str) {
    if is_without_effect(element) {
        return;
    }
    let path = format!("{path}/{}", element.name);
    if element.role == Role::Group {
        for child in element.children {
            walk(page, child, &path);
        }
        return;
    }
    let _ = writeln!(page, "## {path}\n");
    line(page, element.doc);
    if let Support::Read(text) = element.support {
        line(page, &format!("Read, and not enforced. {text}"));
    }
    attributes(page, element.attributes);
    list(page, element.items);
    for child in element.children {
        part(page, child, element.name);
    }
    if element.name == "aspNetCore" {
        page.push_str("### handlerSettings: known names\n\n");
        page.push_str(
            "Names count in any case; of several the first one counts. An unknown one is warned about.\n\n",
        );
        attributes(page, HANDLER_SETTINGS);
    }
}

fn part(page: &mut String, element: &Element, path: &str) {
    let path = format!("{path}/{}", element.name);
    let _ = writeln!(page, "### {path}\n");
    line(page, element.doc);
    match element.support {
        Support::Instead(text) => line(page, &format!("No effect here. {text}")),
        Support::Silent => line(page, "No effect here."),
        Support::Honoured | Support::Read(_) | Support::Refused(_) => {}
    }
    attributes(page, element.attributes);
    list(page, element.items);
    for child in element.children {
        part(page, child, &path);
    }
}

fn list(page: &mut String, items: Option<&Collection>) {
    let Some(items) = items else { return };
    let _ = write!(page, "Entries: `{}`.", items.item.name);
    if !items.keys.is_empty() {
        let keys: Vec<String> = items.keys.iter().map(|key| format!("`{key}`")).collect();
        let case = if items.case_counts { "case counts" } else { "in any case" };
        let _ = write!(page, " Key: {} ({case}).", keys.join(", "));
    }
    if items.last_wins {
        page.push_str(" Of several the last one counts, with a warning.");
    }
    match (items.remove, items.clear) {
        (None, Some(_)) => page.push_str(" There is no `remove`."),
        (Some(remove), Some(clear)) if remove != "remove" => {
            let _ = write!(page, " `{remove}` and `{clear}` take entries away.");
        }
        _ => {}
    }
    page.push_str("\n\n");
    attributes(page, items.item.attributes);
    for child in items.item.children {
        part(page, child, items.item.name);
    }
    list(page, items.item.items);
}

fn attributes(page: &mut String, rows: &[Attribute]) {
    if rows.is_empty() {
        return;
    }
    page.push_str("| attribute | value | default | |\n| --- | --- | --- | --- |\n");
    for row in rows {
        let default = match (row.need, row.default) {
            (Need::Optional, Some("")) => "empty".to_owned(),
            (Need::Optional, Some(default)) => format!("`{default}`"),
            (Need::Optional, None) => "none".to_owned(),
            (Need::Schema | Need::Module, _) => "required".to_owned(),
        };
        let instead = row.instead.map_or_else(String::new, |text| format!(" No effect here. {text}"));
        let doc = plain(&format!("{}{instead}", row.doc));
        let _ = writeln!(page, "| `{}` | {} | {default} | {doc} |", row.name, kind(row.kind));
    }
    page.push('\n');
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::NonEmpty => "text, not empty".to_owned(),
        Kind::Bool => "`true`, `false`".to_owned(),
        Kind::Number { least, most } => format!("{least} to {most}"),
        Kind::NumberOrAny { most } => format!("-1, 0 to {most}"),
        Kind::TimeSpan { most } => {
            format!("`hh:mm:ss` to {}:{:02}:{:02}", most / 3600, most / 60 % 60, most % 60)
        }
        Kind::Choice(names) => quoted(names),
        Kind::Flags(names) => format!("some of {}", quoted(names)),
        Kind::HostingModel => "`InProcess`, `OutOfProcess`".to_owned(),
        Kind::Status => "1 to 999 without 300 to 307".to_owned(),
    }
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn without_effect(elements: &[Element], path: &str, rows: &mut Vec<String>) {
    for element in elements {
        let path = if path.is_empty() { element.name.to_owned() } else { format!("{path}/{}", element.name) };
        let instead = match element.support {
            Support::Instead(text) => plain(text),
            Support::Refused(text) => format!("An error. {}", plain(text)),
            Support::Silent => String::new(),
            Support::Honoured | Support::Read(_) => {
                if element.role == Role::Group {
                    without_effect(element.children, &path, rows);
                }
                continue;
            }
        };
        rows.push(format!("| `{path}` | {} | {instead} |\n", plain(element.doc)));
        if element.role == Role::Group {
            without_effect(element.children, &path, rows);
        }
    }
}
