//! Certificates of clients. The handshake only makes sure that the client holds the key of what it shows; what is made
//! of the certificate is decided afterwards, so that whoever is refused gets a page that says why, as IIS answers.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};

use super::config::{TlsError, provider};
use crate::handler::Handler;
use crate::pages::{Page, PageHandler};

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not.
    #[default]
    None,
    /// They are, and may have none.
    Allow,
    /// They are; requests without one are answered with 403.7.
    Require,
}

/// A page in place of the application, for all requests of a connection.
pub(crate) type Gate = Arc<dyn Handler>;

/// What is made of clients' certificates.
#[derive(Debug)]
pub(super) struct Clients {
    mode: ClientCertificates,
    /// Checks them against the trust anchors; without anchors any certificate will do.
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    missing: PageOf,
    untrusted: PageOf,
    expired: PageOf,
    revoked: PageOf,
}

/// A gate that can be shown in a `Debug` form.
struct PageOf(u16, Gate);

impl std::fmt::Debug for PageOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "403.{}", self.0)
    }
}

impl Clients {
    /// `anchors` are certificates in DER.
    pub(super) fn new(mode: ClientCertificates, anchors: &[Vec<u8>]) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for anchor in anchors {
            roots
                .add(CertificateDer::from(anchor.as_slice()))
                .map_err(|error| TlsError::ClientCa(error.to_string()))?;
        }
        let verifier = if roots.is_empty() {
            None
        } else {
            let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
            Some(built.map_err(|error| TlsError::ClientCa(error.to_string()))?)
        };
        Ok(Self {
            mode,
            verifier,
            missing: page(
                7,
                "Client certificate required",
                "This site accepts only clients that show a certificate, and none was sent.",
                "Install a client certificate that this site trusts and choose it when the browser asks.",
            ),
            untrusted: page(
                16,
                "Client certificate is untrusted or invalid",
                "The client's certificate was not issued by an authority that this site trusts.",
                "Use a certificate of such an authority, with the certificates between the two.",
            ),
            expired: page(
                17,
                "Client certificate has expired or is not yet valid",
                "The client's certificate is not valid at this time.",
                "Renew it, or look at the clocks of both machines.",
            ),
            revoked: page(
                13,
                "Client certificate revoked",
                "The client's certificate has been revoked.",
                "Use another one.",
            ),
        })
    }

    /// Whether certificates are checked: requests of clients whose certificate is not trusted never reach the application.
    pub(super) fn check(&self) -> bool {
        self.verifier.is_some()
    }

    /// What the handshake asks for; `None`: nothing.
    pub(super) fn handshake_verifier(&self) -> Option<Arc<dyn ClientCertVerifier>> {
        if self.mode == ClientCertificates::None {
            return None;
        }
        let hints = self.verifier.as_ref().map(|verifier| verifier.root_hint_subjects().to_vec());
        Some(Arc::new(Possession {
            hints: hints.unwrap_or_default(),
            algorithms: provider().signature_verification_algorithms,
        }))
    }

    /// The page for a connection that must not reach the application. Also asked for resumed sessions, whose
    /// certificates come out of the ticket.
    pub(super) fn gate(&self, chain: Option<&[CertificateDer<'_>]>) -> Option<Gate> {
        let Some((first, rest)) = chain.and_then(<[_]>::split_first) else {
            return (self.mode == ClientCertificates::Require).then(|| self.missing.1.clone());
        };
        let error = self.verifier.as_ref()?.verify_client_cert(first, rest, UnixTime::now()).err()?;
        tracing::debug!(%error, "a client's certificate is refused");
        Some(match error {
            Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            ) => self.expired.1.clone(),
            Error::InvalidCertificate(CertificateError::Revoked) => self.revoked.1.clone(),
            _ => self.untrusted.1.clone(),
        })
    }
}

fn page(sub_status: u16, title: &str, cause: &str, cure: &str) -> PageOf {
    let page = Page {
        status: 403,
        sub_status,
        title: title.to_owned(),
        cause: cause.to_owned(),
        cure: cure.to_owned(),
        ..Page::default()
    };
    PageOf(sub_status, Arc::new(PageHandler::new(&page)))
}

/// Asks for a certificate and makes sure that its key is the client's.
#[derive(Debug)]
struct Possession {
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Possession {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        // The handshake is not the place: see `Clients::gate`.
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
