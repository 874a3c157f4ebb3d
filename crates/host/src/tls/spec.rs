//! The form in which certificates cross from the supervisor to its workers.

use std::fmt;

use mews_server::tls::{self, CertificateMaterial, TlsMaterial};
use serde::{Deserialize, Serialize};

use super::options::ClientCertificates;

/// Everything that TLS listeners need. Its `Debug` form shows no key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TlsSpec {
    certificates: Vec<CertificateSpec>,
    client_certificates: ClientCertificates,
    client_ca: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CertificateSpec {
    chain: Vec<Vec<u8>>,
    key: Vec<u8>,
    ocsp: Option<Vec<u8>>,
}

impl fmt::Debug for TlsSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSpec")
            .field("certificates", &self.certificates.len())
            .field("client_certificates", &self.client_certificates)
            .finish_non_exhaustive()
    }
}

impl TlsSpec {
    /// As the server wants it.
    pub(crate) fn material(&self) -> TlsMaterial {
        let certificates = self.certificates.iter().map(|certificate| CertificateMaterial {
            chain: certificate.chain.clone(),
            key: certificate.key.clone(),
            ocsp: certificate.ocsp.clone(),
        });
        TlsMaterial {
            certificates: certificates.collect(),
            client_certificates: match self.client_certificates {
                ClientCertificates::None => tls::ClientCertificates::None,
                ClientCertificates::Allow => tls::ClientCertificates::Allow,
                ClientCertificates::Require => tls::ClientCertificates::Require,
            },
            client_ca: self.client_ca.clone(),
        }
    }

    pub(super) fn new(
        certificates: Vec<CertificateMaterial>,
        client_certificates: ClientCertificates,
        client_ca: Vec<Vec<u8>>,
    ) -> Self {
        let certificates = certificates.into_iter().map(|certificate| CertificateSpec {
            chain: certificate.chain,
            key: certificate.key,
            ocsp: certificate.ocsp,
        });
        Self { certificates: certificates.collect(), client_certificates, client_ca }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_crosses_whole_and_shows_no_key() {
        let material =
            CertificateMaterial { chain: vec![vec![1, 2]], key: vec![222, 173], ocsp: Some(vec![5]) };
        let spec = TlsSpec::new(vec![material.clone()], ClientCertificates::Allow, vec![vec![7]]);
        let crossed: TlsSpec = serde_json::from_slice(&serde_json::to_vec(&spec).unwrap()).unwrap();
        assert_eq!(crossed, spec);
        assert_eq!(crossed.material().certificates, [material]);
        assert!(!format!("{spec:?}").contains("222"));
    }
}
