//! Reads `applicationHost.config` of IIS into the same draft as `mews.toml`.
//!
//! The table of what may stand in it is `web_config/schema/application_host`; `web_config/server_file` lays the file
//! over it. Here its elements become sites (`site`) and pools (`pool`).

mod defaults;
mod path;
mod pool;
mod site;

use std::sync::Arc;

use super::draft::{BindingDraft, Draft};
use super::{ClientCertificates, Format, Inherited, Surroundings};
use crate::url::Scheme;
use crate::web_config::hints::shorten;
use crate::web_config::report::{Place, Report};
use crate::web_config::scopes::{Meaning, normalised};
use crate::web_config::server_file::ServerFile;

/// What the file says, whose bytes these are; its problems are in the report.
pub(super) fn read(
    file: &ServerFile,
    bytes: &[u8],
    surroundings: Surroundings<'_>,
    report: &mut Report<'_>,
) -> Draft {
    let bytes: Arc<[u8]> = bytes.into();
    let mut draft = Draft { format: Format::ApplicationHost, ..Draft::default() };
    let Some(host) = file.root.find(&["system.applicationHost"]) else {
        draft.told.push("site");
        if !report.violates_schema {
            report.violation(Place::default(), "the file has no system.applicationHost", |problem| {
                problem.help("is it a web.config? An app folder is hosted with: mews run DIR")
            });
        }
        return draft;
    };
    if let Some(pools) = host.find(&["applicationPools"]) {
        let defaults = pools.find(&["applicationPoolDefaults"]);
        draft.pools = pools.items.iter().map(|set| pool::read(set, defaults, surroundings, report)).collect();
    }
    if let Some(sites) = host.find(&["sites"]) {
        let mut reader = site::Reader { sites, surroundings, told: &mut draft.told, report, logs_told: None };
        draft.sites = sites.items.iter().map(|set| reader.site(set)).collect();
    }
    let mut names = Vec::new();
    for site in &mut draft.sites {
        let name = normalised(&site.name.value);
        let is_https =
            |binding: &BindingDraft| binding.listen.as_ref().is_some_and(|url| url.scheme == Scheme::Https);
        if site.bindings.iter().any(is_https) {
            site.site.client_certificates = client_certificates(file, &name);
        }
        for application in &mut site.applications {
            let path = normalised(&format!("{name}{}", application.path.value));
            let rules = file.rules_for(&path);
            application.application.inherited =
                (!rules.is_empty()).then(|| Inherited::new(surroundings.file, &bytes, path, rules));
        }
        names.push(name);
    }
    for rules in &file.rules {
        let of_site = |site: &String| rules.meaning(site) != Meaning::Elsewhere;
        if !names.is_empty() && !names.iter().any(of_site) {
            let message = format!("there is no site that '{}' belongs to", shorten(&rules.path.text));
            report.warning(rules.path.at, message, |problem| {
                problem.help("begin the path of the location with the name of a site, or remove it")
            });
        }
    }
    draft
}

/// Whether clients of a site are asked for certificates: what its applications require is seen by these themselves.
fn client_certificates(file: &ServerFile, site: &str) -> ClientCertificates {
    let mut wanted = ClientCertificates::None;
    let mut inside = false;
    for rules in &file.rules {
        let Some(access) = rules.access else { continue };
        match rules.meaning(site) {
            Meaning::Here if access.require_certificate => wanted = ClientCertificates::Require,
            Meaning::Here if access.negotiate_certificate => wanted = ClientCertificates::Allow,
            Meaning::Here => wanted = ClientCertificates::None,
            Meaning::Inside(_) => inside |= access.negotiate_certificate || access.require_certificate,
            Meaning::Elsewhere => {}
        }
    }
    match wanted {
        ClientCertificates::None if inside => ClientCertificates::Allow,
        wanted => wanted,
    }
}
