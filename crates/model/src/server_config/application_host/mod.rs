//! Reads `applicationHost.config` of IIS into the same draft as `mews.toml`.
//!
//! The table of what may stand in it is `web_config/schema/application_host`; `web_config/server_file` lays the file
//! over it. Here its elements become sites (`site`) and pools (`pool`).

mod defaults;
mod path;
mod pool;
mod site;

use super::draft::{BindingDraft, Draft, SiteDraft};
use super::{ClientCertificates, Format, Surroundings};
use crate::url::Scheme;
use crate::web_config::report::{Place, Report};
use crate::web_config::server_file::{Location, ServerFile};

/// What the file says; its problems are in the report.
pub(super) fn read(file: &ServerFile, surroundings: Surroundings<'_>, report: &mut Report<'_>) -> Draft {
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
    for location in &file.locations {
        client_certificates(location, &mut draft.sites, report);
    }
    draft
}

/// Client certificates are asked for in a `location` of the site.
fn client_certificates(location: &Location, sites: &mut [SiteDraft], report: &mut Report<'_>) {
    let Some(access) = &location.access else { return };
    let has = |flag: &str| access.text.split(',').any(|word| word.trim().eq_ignore_ascii_case(flag));
    let wanted = if has("SslRequireCert") {
        ClientCertificates::Require
    } else if has("SslNegotiateCert") {
        ClientCertificates::Allow
    } else if has("Ssl") || has("Ssl128") {
        ClientCertificates::None
    } else {
        return;
    };
    let name = location.path.text.trim_matches('/');
    let Some(site) = sites.iter_mut().find(|site| site.name.value.eq_ignore_ascii_case(name)) else {
        // Passing it over would open what was closed.
        report.violation(
            access.at,
            "client certificates and https are required for whole sites only",
            |problem| problem.help("name a site alone as the path of the location, or leave it to the app"),
        );
        return;
    };
    let http =
        |binding: &&BindingDraft| binding.listen.as_ref().is_some_and(|url| url.scheme == Scheme::Http);
    if let Some(binding) = site.bindings.iter().find(http)
        && (has("Ssl") || has("Ssl128"))
    {
        let place = report.show(access.at);
        report.violation(binding.at, "the site requires https, and this binding is http", |problem| {
            problem.help(format!(
                "see {place}: remove the binding, or Ssl there and use UseHttpsRedirection in the app"
            ))
        });
    }
    site.site.client_certificates = wanted;
}
