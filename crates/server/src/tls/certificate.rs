//! One certificate with its private key: checked against each other, and the facts that others want to know of it.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::config::TlsError;

/// A certificate as it is handed to the server. Its `Debug` form does not show the key.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateMaterial {
    /// DER, the server's own certificate first, then its issuers.
    pub chain: Vec<Vec<u8>>,
    /// The private key: PKCS#8, PKCS#1 or SEC1 in DER.
    pub key: Vec<u8>,
    /// An OCSP response in DER that goes out with the certificate.
    pub ocsp: Option<Vec<u8>>,
}

impl fmt::Debug for CertificateMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateMaterial")
            .field("chain", &self.chain.len())
            .field("ocsp", &self.ocsp.is_some())
            .finish_non_exhaustive()
    }
}

impl CertificateMaterial {
    /// Checks that it can be used: that everything can be read and that the key is the certificate's.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<CertificateFacts, TlsError> {
        self.load(&super::config::provider()).map(|(_, facts)| facts)
    }

    pub(super) fn load(
        &self,
        provider: &CryptoProvider,
    ) -> Result<(Arc<CertifiedKey>, CertificateFacts), TlsError> {
        let first = self.chain.first().ok_or(TlsError::NoCertificate)?;
        let facts = CertificateFacts::of(first)?;
        let key = PrivateKeyDer::try_from(self.key.clone())
            .map_err(|_| TlsError::Key("it is no PKCS#8, PKCS#1 or SEC1 key".to_owned()))?;
        let key =
            provider.key_provider.load_private_key(key).map_err(|error| TlsError::Key(error.to_string()))?;
        let chain = self.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let mut certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            // Keys that cannot tell their public half are taken at their word.
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => return Err(TlsError::Mismatch),
            Err(error) => return Err(TlsError::Certificate(error.to_string())),
        }
        certified.ocsp = self.ocsp.clone();
        Ok((Arc::new(certified), facts))
    }
}

/// What a certificate says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The host names it is for, in lower case, wildcards as `*.example.com`. Without such names in it, its common
    /// name stands in.
    pub names: Vec<String>,
    /// When it begins to be valid, in seconds since 1970.
    pub not_before: i64,
    /// When it ceases to be valid, in seconds since 1970.
    pub not_after: i64,
}

impl CertificateFacts {
    /// Reads them.
    ///
    /// # Errors
    /// It is no certificate.
    pub fn of(der: &[u8]) -> Result<Self, TlsError> {
        let (_, certificate) = X509Certificate::from_der(der)
            .map_err(|error| TlsError::Certificate(format!("it is no X.509 certificate ({error})")))?;
        let alternatives = certificate.subject_alternative_name().ok().flatten();
        let mut names: Vec<String> = alternatives
            .iter()
            .flat_map(|extension| &extension.value.general_names)
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
                _ => None,
            })
            .collect();
        if names.is_empty() {
            let common = certificate.subject().iter_common_name().next();
            names.extend(common.and_then(|name| name.as_str().ok()).map(str::to_ascii_lowercase));
        }
        let validity = certificate.validity();
        Ok(Self {
            names,
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn material(names: &[&str]) -> CertificateMaterial {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        CertificateMaterial {
            chain: vec![made.cert.der().to_vec()],
            key: made.signing_key.serialize_der(),
            ocsp: None,
        }
    }

    #[test]
    fn a_certificate_tells_its_names_and_its_time() {
        let facts = material(&["WWW.example.com", "*.example.com"]).check().unwrap();
        assert_eq!(facts.names, ["www.example.com", "*.example.com"]);
        assert!(facts.not_before < facts.not_after);
    }

    #[test]
    fn a_foreign_key_a_broken_key_and_a_broken_certificate_are_told_apart() {
        let (one, other) = (material(&["a.example"]), material(&["b.example"]));
        let mixed = CertificateMaterial { key: other.key, ..one.clone() };
        assert!(matches!(mixed.check(), Err(TlsError::Mismatch)));
        let broken = CertificateMaterial { key: vec![1, 2, 3], ..one.clone() };
        assert!(matches!(broken.check(), Err(TlsError::Key(_))));
        let broken = CertificateMaterial { chain: vec![vec![0x30, 0]], ..one.clone() };
        assert!(matches!(broken.check(), Err(TlsError::Certificate(_))));
        let none = CertificateMaterial { chain: Vec::new(), ..one };
        assert!(matches!(none.check(), Err(TlsError::NoCertificate)));
    }

    #[test]
    fn the_key_is_not_shown() {
        let material = material(&["a.example"]);
        assert_eq!(format!("{material:?}"), "CertificateMaterial { chain: 1, ocsp: false, .. }");
    }
}
