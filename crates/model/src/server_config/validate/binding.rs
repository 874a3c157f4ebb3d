//! Addresses: no two sites listen for the same, and one address and port speaks one scheme.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::super::draft::{BindingDraft, SiteDraft};
use super::super::{Binding, ClientCertificates, Format, HostName, Http2, Site};
use super::name;
use crate::routing::{covers, overlap};
use crate::url::{ListenUrl, Scheme};
use crate::web_config::report::{Place, Report};

/// More sockets than these are not passed to a worker.
const MOST_ADDRESSES: usize = crate::url::MOST_URLS;

#[derive(Clone)]
struct Taken<'a> {
    binding: Binding,
    at: Place,
    site: &'a str,
    index: usize,
}

/// Complains about bindings that cannot be side by side.
pub(super) fn check(sites: &[SiteDraft], format: Format, told: &[&str], report: &mut Report<'_>) {
    // The first binding of each address. Addresses that are the same in two spellings have the first one's number.
    let mut addresses: Vec<(Taken<'_>, usize)> = Vec::new();
    let mut taken: HashMap<(usize, &HostName), Taken<'_>> = HashMap::new();
    for (index, site) in sites.iter().enumerate() {
        if site.bindings.is_empty() && !told.contains(&"bindings") {
            let message = format!("{} listens nowhere", name::site(&site.name.value));
            report.violation(site.at, message, |problem| {
                problem.help(match format {
                    Format::MewsToml => "write bindings = [\"http://*:80\"]",
                    Format::ApplicationHost => {
                        "write <binding protocol=\"http\" bindingInformation=\"*:80:\" /> into its bindings"
                    }
                })
            });
        }
        for draft in &site.bindings {
            if report.is_full() {
                return;
            }
            let Some(binding) = draft.value(site.site.http2) else { continue };
            let new = Taken { binding, at: draft.at, site: &site.name.value, index };
            let apart = addresses.iter().find(|(first, _)| differ(&first.binding, &new.binding));
            if let Some((first, _)) = apart {
                complain_of_http2(first, &new, report);
            }
            let known = addresses.iter().find(|(first, _)| first.binding.listen == new.binding.listen);
            let address = match known {
                Some((_, address)) => *address,
                None if addresses.len() == MOST_ADDRESSES => {
                    let message = format!("there are more than {MOST_ADDRESSES} addresses to listen on");
                    report.violation(draft.at, message, |problem| {
                        problem.help("let sites share an address and a port, told apart by host names")
                    });
                    return;
                }
                None => {
                    let conflict = addresses.iter().find(|(first, _)| conflict(&first.binding, &new.binding));
                    if let Some((first, _)) = conflict {
                        complain(first, &new, format, report);
                    }
                    let same = addresses.iter().find(|(first, _)| same(&first.binding, &new.binding));
                    let address = same.map_or(addresses.len(), |(_, address)| *address);
                    addresses.push((new.clone(), address));
                    address
                }
            };
            match taken.entry((address, &draft.host)) {
                Entry::Occupied(first) => complain(first.get(), &new, format, report),
                Entry::Vacant(place) => {
                    place.insert(new);
                }
            }
        }
    }
}

/// Whether two bindings have the same connections.
fn same(a: &Binding, b: &Binding) -> bool {
    a.listen.scheme == b.listen.scheme && covers(&a.listen, &b.listen) && covers(&b.listen, &a.listen)
}

/// Whether HTTP/2 is spoken at one of two bindings only, although it is not known in time which of them a client means: without
/// TLS it says so before it names a host.
fn differ(a: &Binding, b: &Binding) -> bool {
    let plain = a.listen.scheme == Scheme::Http && b.listen.scheme == Scheme::Http;
    plain && a.http2 != b.http2 && overlap(&a.listen, &b.listen)
}

/// Whether two addresses cannot be listened on side by side.
fn conflict(a: &Binding, b: &Binding) -> bool {
    let inside = covers(&a.listen, &b.listen) || covers(&b.listen, &a.listen);
    overlap(&a.listen, &b.listen) && (a.listen.scheme != b.listen.scheme || !inside)
}

fn complain_of_http2(first: &Taken<'_>, second: &Taken<'_>, report: &mut Report<'_>) {
    let place = report.show(first.at);
    let message = format!(
        "'{}' and '{}' are one address and port, and HTTP/2 is spoken at one of them only",
        first.binding, second.binding
    );
    report.violation(second.at, message, |problem| {
        problem.help(format!(
            "the other is at {place}: give both the same http2, since without TLS a client begins with HTTP/2 before it names a host"
        ))
    });
}

fn complain(first: &Taken<'_>, second: &Taken<'_>, format: Format, report: &mut Report<'_>) {
    let place = report.show(first.at);
    let name = name::site(first.site);
    let (message, help) = if first.binding.listen.scheme != second.binding.listen.scheme {
        (
            format!("'{}' and '{}' are one address and port with two schemes", first.binding, second.binding),
            format!("the other is at {place}: give one of them another port"),
        )
    } else if !covers(&first.binding.listen, &second.binding.listen)
        && !covers(&second.binding.listen, &first.binding.listen)
    {
        (
            format!("'{}' and '{}' cannot be listened on side by side", first.binding, second.binding),
            format!("the other is at {place}: write both with the same address, or with *"),
        )
    } else if first.index == second.index {
        (
            format!("the binding '{}' is there twice", second.binding),
            format!("the first is at {place}: keep one"),
        )
    } else if second.binding.host == HostName::Any {
        (
            format!("{name} listens on '{}' too", second.binding),
            format!(
                "see {place}: give one of them another port, or a host name, as in {}",
                named(second, format)
            ),
        )
    } else {
        (
            format!("{name} has the binding '{}' too", second.binding),
            format!("see {place}: give one of them another host name or port"),
        )
    };
    report.violation(second.at, message, |problem| problem.help(help));
}

/// The binding of a site with a host name.
fn named(taken: &Taken<'_>, format: Format) -> String {
    let ListenUrl { scheme, port, .. } = taken.binding.listen;
    let name = taken.site.to_ascii_lowercase();
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let name = if is_name { name.as_str() } else { "shop" };
    match format {
        Format::MewsToml => format!("{}://{name}.example:{port}", scheme.as_str()),
        Format::ApplicationHost => format!("*:{port}:{name}.example"),
    }
}

/// The bindings that are whole.
pub(super) fn values(drafts: &[BindingDraft], http2: Http2) -> Vec<Binding> {
    drafts.iter().filter_map(|draft| draft.value(http2)).collect()
}

/// https needs a certificate, and nothing else does.
pub(super) fn certificates(
    site: &Site,
    bindings: &[Binding],
    name: &str,
    at: Place,
    report: &mut Report<'_>,
) {
    let name = name::site(name);
    let https = bindings.iter().any(|binding| binding.listen.scheme == Scheme::Https);
    let client = site.client_certificates != ClientCertificates::None;
    if !https && site.https_redirect.is_some() && site.https_port.is_none() {
        report.warning(at, format!("{name} sends clients to https and has no https binding"), |problem| {
            problem.help("write one, unless another server speaks https for it on port 443")
        });
    }
    if https && site.certificates.is_empty() {
        report.violation(at, format!("{name} has https bindings and no certificate"), |problem| {
            problem
                .help("write certificate = { cert = \"/etc/mews/shop.pem\", key = \"/etc/mews/shop.key\" }")
        });
    } else if !https && (!site.certificates.is_empty() || client || site.client_ca.is_some()) {
        report.warning(at, format!("the certificates of {name} are not used"), |problem| {
            problem.help("it has no https binding: write one, or leave them out")
        });
    } else if https && !client && site.client_ca.is_some() {
        report.warning(at, format!("the client_ca of {name} is not used"), |problem| {
            problem.help("its clients are not asked for certificates: set client_certificates too")
        });
    }
}
