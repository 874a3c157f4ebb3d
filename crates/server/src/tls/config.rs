//! What the TLS listeners of a server share: certificates, session resumption, and what is asked of clients. Everything
//! but the protocol settings can be replaced while they run.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};

use super::certificate::CertificateMaterial;
use super::certificates::{Certificates, Table};
use super::clients::{ClientCertificates, Clients};

/// HTTP/2 as clients and servers name it to each other.
pub(super) const HTTP2: &[u8] = b"h2";

/// Sessions remembered for clients that take no tickets.
const CACHED_SESSIONS: usize = 1024;

/// Tickets that a client of TLS 1.3 gets, for as many connections that resume its session.
const TICKETS: usize = 2;

/// Everything TLS needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsMaterial {
    /// At least one; the first is for clients that name no host, or an unknown one.
    pub certificates: Vec<CertificateMaterial>,
    /// Whether clients are asked for a certificate.
    pub client_certificates: ClientCertificates,
    /// Trust anchors for clients' certificates, in DER. Without any, every certificate is accepted and judging it is
    /// the application's business.
    pub client_ca: Vec<Vec<u8>>,
}

/// Why material cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// There is none.
    #[error("there is no certificate")]
    NoCertificate,
    /// It cannot be read.
    #[error("the certificate cannot be used: {0}")]
    Certificate(String),
    /// It cannot be read, or is of a kind that is not supported.
    #[error("the private key cannot be used: {0}")]
    Key(String),
    /// The two do not belong together.
    #[error("the private key is not that of the certificate")]
    Mismatch,
    /// A trust anchor cannot be read.
    #[error("a trust anchor for clients' certificates cannot be used: {0}")]
    ClientCa(String),
    /// The cryptographic library refuses to work.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// What TLS listeners work with. Clones are the same.
#[derive(Clone)]
pub struct Tls {
    inner: Arc<Inner>,
}

struct Inner {
    certificates: Arc<Certificates>,
    current: ArcSwap<Current>,
}

pub(super) struct Current {
    /// Offers HTTP/1.1 alone.
    pub(super) config: Arc<ServerConfig>,
    /// Offers HTTP/2 as well.
    pub(super) with_http2: Arc<ServerConfig>,
    pub(super) clients: Clients,
    mode: ClientCertificates,
    anchors: Vec<Vec<u8>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// TLS 1.2 and 1.3 with these certificates.
    ///
    /// # Errors
    /// The first thing of the material that cannot be used.
    pub fn new(material: &TlsMaterial) -> Result<Self, TlsError> {
        let certificates = Arc::new(Certificates::new(table(material)?));
        let current = Current::new(material, certificates.clone())?;
        Ok(Self { inner: Arc::new(Inner { certificates, current: ArcSwap::from_pointee(current) }) })
    }

    /// Handshakes that begin from now on use this; connections go on. Clients can resume their sessions, unless what is
    /// asked of them has changed.
    ///
    /// # Errors
    /// The first thing of the material that cannot be used; then nothing has changed.
    pub fn replace(&self, material: &TlsMaterial) -> Result<(), TlsError> {
        let table = table(material)?;
        let current = self.inner.current.load();
        if current.mode != material.client_certificates || current.anchors != material.client_ca {
            let next = Current::new(material, self.inner.certificates.clone())?;
            self.inner.current.store(Arc::new(next));
        }
        self.inner.certificates.replace(table);
        Ok(())
    }

    /// Whether a client that asked for the first name and got its certificate would get the same one for the second,
    /// which may have a port.
    pub fn covers(&self, server_name: &str, host: &[u8]) -> bool {
        self.inner.certificates.covers(server_name, host)
    }

    pub(super) fn current(&self) -> Arc<Current> {
        self.inner.current.load_full()
    }
}

impl Current {
    fn new(material: &TlsMaterial, certificates: Arc<Certificates>) -> Result<Self, TlsError> {
        let clients = Clients::new(material.client_certificates, &material.client_ca)?;
        let verifier = clients.handshake_verifier().unwrap_or_else(WebPkiClientVerifier::no_client_auth);
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| TlsError::Setup(error.to_string()))?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(certificates);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.session_storage = ServerSessionMemoryCache::new(CACHED_SESSIONS);
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(|error| TlsError::Setup(error.to_string()))?;
        config.send_tls13_tickets = TICKETS;
        // Requests that arrive before the handshake has ended could be replayed.
        config.max_early_data_size = 0;
        config.send_half_rtt_data = false;
        let mut with_http2 = config.clone();
        with_http2.alpn_protocols.insert(0, HTTP2.to_vec());
        Ok(Self {
            config: Arc::new(config),
            with_http2: Arc::new(with_http2),
            clients,
            mode: material.client_certificates,
            anchors: material.client_ca.clone(),
        })
    }
}

fn table(material: &TlsMaterial) -> Result<Table, TlsError> {
    let provider = provider();
    let mut table = Table::default();
    let mut first: Option<Vec<String>> = None;
    for certificate in &material.certificates {
        let (key, facts) = certificate.load(&provider)?;
        // A second certificate for the same names has another kind of key.
        let is_default = first.get_or_insert_with(|| facts.names.clone()) == &facts.names;
        table.add(&key, &facts.names, is_default);
    }
    if first.is_none() { Err(TlsError::NoCertificate) } else { Ok(table) }
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::OnceLock<Arc<CryptoProvider>> = std::sync::OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider())).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What could be otherwise in another version of the library.
    #[test]
    fn nothing_is_left_to_the_librarys_defaults() {
        let certificates = Arc::new(Certificates::new(Table::default()));
        let current = Current::new(&TlsMaterial::default(), certificates).unwrap();
        for (config, protocols) in
            [(&current.config, &[&b"http/1.1"[..]][..]), (&current.with_http2, &[b"h2", b"http/1.1"])]
        {
            assert_eq!(config.alpn_protocols, protocols);
            assert_eq!((config.max_early_data_size, config.send_half_rtt_data), (0, false));
            assert_eq!(config.send_tls13_tickets, 2);
            assert!(config.ticketer.enabled() && config.session_storage.can_cache());
            // Half a day: keys of tickets change before that.
            assert!(config.ticketer.lifetime() <= 12 * 60 * 60, "{}", config.ticketer.lifetime());
            assert!(!config.ignore_client_order && !config.key_log.will_log("CLIENT_RANDOM"));
        }
    }
}
