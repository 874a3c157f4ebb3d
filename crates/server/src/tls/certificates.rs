//! Which certificate a client gets: by the exact name it asks for, then by a wildcard, then the first one.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::end_point;

/// The certificates of a listener; replaced while handshakes go on.
#[derive(Debug)]
pub(super) struct Certificates {
    table: ArcSwap<Table>,
}

impl Certificates {
    pub(super) fn new(table: Table) -> Self {
        Self { table: ArcSwap::from_pointee(table) }
    }

    /// See `Tls::covers`.
    pub(super) fn covers(&self, server_name: &str, host: &[u8]) -> bool {
        let Ok(host) = std::str::from_utf8(host) else { return false };
        // An address in brackets is no name, and gets what no name gets.
        let name = host.split(':').next().filter(|name| !name.starts_with('['));
        let table = self.table.load();
        let (shown, due) = (table.find(Some(server_name)), table.find(name));
        shown.first().zip(due.first()).is_some_and(|(shown, due)| Arc::ptr_eq(shown, due))
    }

    /// Handshakes that begin from now on get these.
    pub(super) fn replace(&self, table: Table) {
        self.table.store(Arc::new(table));
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let table = self.table.load();
        let found = table.find(hello.server_name());
        // Of several for one name the first that the client can check; if none, the handshake says so.
        let fits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        let key = found.iter().find(fits).or(found.first()).cloned();
        end_point::chosen(key.as_ref());
        key
    }
}

type Keys = Vec<Arc<CertifiedKey>>;

/// Certificates by name.
#[derive(Debug, Default)]
pub(super) struct Table {
    exact: HashMap<String, Keys>,
    /// By what follows the `*.`.
    wildcard: HashMap<String, Keys>,
    /// For clients that name nobody, or somebody unknown.
    default: Keys,
}

impl Table {
    /// Adds a certificate for these names. Of the first one added all certificates with the same names are the default.
    pub(super) fn add(&mut self, key: &Arc<CertifiedKey>, names: &[String], is_default: bool) {
        for name in names {
            let name = name.trim_end_matches('.');
            let keys = match name.strip_prefix("*.") {
                Some(parent) => self.wildcard.entry(parent.to_owned()),
                None => self.exact.entry(name.to_owned()),
            };
            keys.or_default().push(key.clone());
        }
        if is_default {
            self.default.push(key.clone());
        }
    }

    fn find(&self, name: Option<&str>) -> &[Arc<CertifiedKey>] {
        let Some(name) = name else { return &self.default };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if let Some(keys) = self.exact.get(&name) {
            return keys;
        }
        // A wildcard stands for one label.
        let parent = name.split_once('.').map(|(_, parent)| parent);
        parent.and_then(|parent| self.wildcard.get(parent)).unwrap_or(&self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::certificate::CertificateMaterial;
    use crate::tls::config::provider;

    fn key(name: &str) -> Arc<CertifiedKey> {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let material = CertificateMaterial {
            chain: vec![made.cert.der().to_vec()],
            key: made.signing_key.serialize_der(),
            ocsp: None,
        };
        material.load(&provider()).unwrap().0
    }

    #[test]
    fn exact_comes_before_wildcard_comes_before_the_first() {
        let keys = [key("first"), key("wild"), key("exact")];
        let mut table = Table::default();
        table.add(&keys[0], &["first.example".to_owned()], true);
        table.add(&keys[1], &["*.example.com".to_owned()], false);
        table.add(&keys[2], &["www.example.com".to_owned()], false);
        let certificates = Certificates::new(table);
        for (shown, host, same) in [
            ("www.example.com", "WWW.example.com:443", true),
            ("api.example.com", "shop.example.com", true),
            ("api.example.com", "www.example.com", false),
            ("first.example", "other", true),
            ("first.example", "[::1]:443", true),
            ("www.example.com", "\u{e9}", false),
        ] {
            assert_eq!(certificates.covers(shown, host.as_bytes()), same, "{shown} {host}");
        }
        let table = certificates.table.load();
        for (name, expected) in [
            (None, 0),
            (Some("first.example"), 0),
            (Some("www.example.com"), 2),
            (Some("WWW.Example.com."), 2),
            (Some("api.example.com"), 1),
            (Some("deep.api.example.com"), 0),
            (Some("example.com"), 0),
            (Some("unknown"), 0),
        ] {
            assert!(Arc::ptr_eq(&table.find(name)[0], &keys[expected]), "{name:?}");
        }
    }
}
