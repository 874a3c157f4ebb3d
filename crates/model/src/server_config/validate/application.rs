//! The applications of a site: their paths, and that one of them has the path `/`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::super::draft::{ApplicationDraft, Placed};
use super::super::{Application, Format};
use super::name;
use super::pool::Pools;
use crate::routing::{self, MOST_SEGMENT_BYTES, MOST_SEGMENTS};
use crate::web_config::hints::shorten;
use crate::web_config::report::{Place, Report};

/// All applications of a site.
pub(super) fn all(
    drafts: Vec<ApplicationDraft>,
    (site, at): (&str, Place),
    (format, told): (Format, &[&str]),
    pools: &mut Pools,
    report: &mut Report<'_>,
) -> Vec<Application> {
    let mut paths: HashMap<String, Place> = HashMap::new();
    let mut applications = Vec::new();
    let given = !drafts.is_empty();
    for draft in drafts {
        let ApplicationDraft { application, path, physical_path, pool } = draft;
        check_path(&path, report);
        match paths.entry(routing::fold(&path.value)) {
            Entry::Vacant(place) => {
                place.insert(path.at);
            }
            Entry::Occupied(first) if !report.is_full() => {
                let first = report.show(*first.get());
                let message =
                    format!("the application '{}' is there twice in its site", shorten(&path.value));
                report.violation(path.at, message, |problem| {
                    problem.help(format!(
                        "the first is at {first} (case does not count): give this one another path"
                    ))
                });
            }
            Entry::Occupied(_) => {}
        }
        let pool = match &pool {
            Some(name) => pools.named(name, report),
            None => pools.own(own_pool(site, &path.value)),
        };
        let physical_path = physical_path.map(|path| path.value).unwrap_or_default();
        applications.push(Application { path: path.value, physical_path, pool, ..application });
    }
    let misspelt = ["path", "physical_path", "application"].iter().any(|name| told.contains(name));
    if !paths.contains_key("/") && !misspelt {
        let message = format!("{} has no application with the path '/'", name::site(site));
        report.violation(at, message, |problem| {
            problem.help(match format {
                _ if given => "every site has one: write it too, or move this one to '/'",
                Format::MewsToml => "write [[site.application]] with its physical_path below the site",
                Format::ApplicationHost => {
                    "write <application path=\"/\"> with its virtualDirectory into the site"
                }
            })
        });
    }
    applications
}

/// `shop` for the application `/`, `shop-api-v2` for `/api/v2`.
fn own_pool(site: &str, path: &str) -> String {
    format!("{site}{}", path.trim_end_matches('/').replace('/', "-"))
}

fn check_path(path: &Placed<String>, report: &mut Report<'_>) {
    let text = path.value.as_str();
    if text == "/" {
        return;
    }
    let wrong = |c: char| {
        c.is_control() || matches!(c, '\\' | '%' | '?' | '#' | '*' | ':' | '"' | '<' | '>' | '|' | '\u{fffd}')
    };
    let segments = || text.split('/').skip(1);
    let (problem, help) = if !text.starts_with('/') {
        ("it does not begin with '/'".to_owned(), format!("write \"/{}\"", shorten(text.trim_matches('/'))))
    } else if let Some(bad) = text.chars().find(|c| wrong(*c)) {
        let help =
            if bad == '%' { "write the characters themselves, not their escapes" } else { "leave it out" };
        (format!("'{}' cannot stand in it", bad.escape_default()), help.to_owned())
    } else if segments().any(str::is_empty) {
        let plain: Vec<&str> = segments().filter(|segment| !segment.is_empty()).collect();
        ("it has an empty part".to_owned(), format!("write \"/{}\"", shorten(&plain.join("/"))))
    } else if segments().any(|segment| matches!(segment, "." | "..")) {
        ("no request has a path with '.' or '..'".to_owned(), "write the path that they lead to".to_owned())
    } else if segments().count() > MOST_SEGMENTS {
        (format!("it has more than {MOST_SEGMENTS} parts"), "use fewer".to_owned())
    } else if segments().any(|segment| segment.len() > MOST_SEGMENT_BYTES) {
        (format!("a part of it is longer than {MOST_SEGMENT_BYTES} bytes"), "use a shorter one".to_owned())
    } else {
        return;
    };
    let message = format!("'{}' can be no path of an application: {problem}", shorten(text));
    report.violation(path.at, message, |problem| problem.help(help));
}
