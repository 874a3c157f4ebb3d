//! What a sign-in over a connection can be bound to: the certificate that the client was shown.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The certificate that a client was shown. Two are the same when a sign-in over one is bound to the other too.
#[derive(Clone)]
pub struct ServerCertificate(Shown);

#[derive(Clone)]
enum Shown {
    Here(Arc<CertifiedKey>),
    /// Another process has shown it; what is known is what it can be bound to.
    Elsewhere(Arc<[u8]>),
}

impl PartialEq for ServerCertificate {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Shown::Here(one), Shown::Here(other)) if Arc::ptr_eq(one, other) => true,
            _ => self.end_point() == other.end_point(),
        }
    }
}

impl Eq for ServerCertificate {}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerCertificate")
    }
}

impl ServerCertificate {
    /// One that another process has shown, by what [`super::TlsInfo::end_point`] says there.
    pub fn elsewhere(end_point: Vec<u8>) -> Self {
        Self(Shown::Elsewhere(end_point.into()))
    }

    /// The channel binding of type `tls-server-end-point`, with its name before it.
    pub(super) fn end_point(&self) -> Option<Vec<u8>> {
        let der = match &self.0 {
            Shown::Here(key) => key.cert.first()?,
            Shown::Elsewhere(end_point) => return Some(end_point.to_vec()),
        };
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let mut data = b"tls-server-end-point:".to_vec();
        // The hash is that of the certificate's signature; MD5 and SHA-1 are replaced by SHA-256.
        match certificate.signature_algorithm.algorithm.to_id_string().as_str() {
            "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => data.extend_from_slice(&Sha384::digest(der)),
            "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => data.extend_from_slice(&Sha512::digest(der)),
            _ => data.extend_from_slice(&Sha256::digest(der)),
        }
        Some(data)
    }
}

thread_local! {
    /// rustls tells nobody which certificate a connection was given, but it asks for it on the thread that hands it the
    /// client's hello.
    static CHOSEN: RefCell<Option<Arc<CertifiedKey>>> = const { RefCell::new(None) };
}

/// This certificate is chosen for the connection whose bytes are read on this thread.
pub(super) fn chosen(key: Option<&Arc<CertifiedKey>>) {
    CHOSEN.replace(key.cloned());
}

/// The certificate that was chosen on this thread since the last call.
pub(super) fn take_chosen() -> Option<ServerCertificate> {
    CHOSEN.take().map(|key| ServerCertificate(Shown::Here(key)))
}
