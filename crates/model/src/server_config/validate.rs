//! Holds the parts of a file against each other: names, numbers, paths, pools, addresses.

mod application;
mod binding;
mod name;
mod pool;
mod worker;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::draft::{Draft, SiteDraft};
use super::{Format, ServerConfig, Site};
use crate::web_config::report::{Place, Report};

/// The configuration, which counts only if the report holds no error.
pub(super) fn finish(draft: Draft, report: &mut Report<'_>) -> ServerConfig {
    let Draft { sites: drafts, pools, admin, format, told } = draft;
    if drafts.is_empty() && !told.contains(&"site") {
        report.violation(Place::default(), "the file has no site", |problem| {
            problem.help("write at least one, with a name, bindings and an application")
        });
    }
    let mut pools = pool::Pools::new(pools, format, report);
    binding::check(&drafts, format, &told, report);
    let ids = ids(&drafts, report);
    let mut names = name::Names::new();
    let places: Vec<Place> = drafts.iter().map(|draft| draft.at).collect();
    let mut sites = Vec::new();
    for (draft, id) in drafts.into_iter().zip(ids) {
        name::check("site", &draft.name, report);
        name::unique("site", &draft.name, &mut names, report);
        sites.push(site(draft, id, (format, &told), &mut pools, report));
    }
    worker::check(&sites, &places, report);
    ServerConfig { sites, pools: pools.finish(report), admin }
}

/// Each site's number: its own, or the next that is free.
fn ids(sites: &[SiteDraft], report: &mut Report<'_>) -> Vec<u32> {
    let mut taken: HashMap<u32, Place> = HashMap::new();
    for id in sites.iter().filter_map(|site| site.id.as_ref()) {
        match taken.entry(id.value) {
            Entry::Vacant(place) => {
                place.insert(id.at);
            }
            Entry::Occupied(first) if !report.is_full() => {
                let first = report.show(*first.get());
                report.violation(id.at, format!("the site number {} is there twice", id.value), |problem| {
                    problem.help(format!("the first is at {first}: give this site another one"))
                });
            }
            Entry::Occupied(_) => {}
        }
    }
    let mut free = (1..=u32::MAX).filter(|id| !taken.contains_key(id));
    let mut next = || free.next().unwrap_or(u32::MAX);
    sites.iter().map(|site| site.id.as_ref().map_or_else(&mut next, |id| id.value)).collect()
}

fn site(
    draft: SiteDraft,
    id: u32,
    (format, told): (Format, &[&str]),
    pools: &mut pool::Pools,
    report: &mut Report<'_>,
) -> Site {
    let SiteDraft { at, site, name, bindings, applications, short, .. } = draft;
    if short.as_ref().is_some_and(|short| short.physical_path.is_none()) && !told.contains(&"physical_path") {
        let message = format!("{} has a pool and no 'physical_path'", name::site(&name.value));
        report.violation(at, message, |problem| {
            problem.help("write it, or name the pool below [[site.application]]")
        });
    }
    let applications = short.into_iter().chain(applications).collect();
    let applications = application::all(applications, (&name.value, at), (format, told), pools, report);
    let bindings = binding::values(&bindings, site.http2);
    // What is missing here may only be misspelt.
    if !["bindings", "certificate"].iter().any(|name| told.contains(name)) {
        binding::certificates(&site, &bindings, &name.value, at, report);
    }
    Site { name: name.value, id, bindings, applications, ..site }
}
