//! What the command line says about TLS.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// The options of `mews run` that are about TLS.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct TlsOptions {
    /// Certificate for https URLs: PEM with its issuers, or PKCS#12 (.pfx)
    ///
    /// Given several times, the one for the host name that a client asks for is used, and the first for all
    /// other clients. Changed files are taken at once. Without it https URLs get a self-signed certificate.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Vec<PathBuf>,

    /// Private key of a PEM certificate that does not contain it; one for each, in the same order
    #[arg(long, value_name = "PEM", requires = "tls_cert")]
    pub(crate) tls_key: Vec<PathBuf>,

    /// File whose first line is the password of the PKCS#12 certificates
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_password_file: Option<PathBuf>,

    /// OCSP response (DER) that is sent with a certificate; one for each, in the same order
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_ocsp: Vec<PathBuf>,

    /// Whether https clients are asked for a certificate; without one, 'require' answers 403.7
    #[arg(long, value_name = "MODE", default_value = "none")]
    pub(crate) client_certificates: ClientCertificates,

    /// Authorities (PEM) whose client certificates are accepted; any certificate without this
    #[arg(long, value_name = "PEM")]
    pub(crate) client_ca: Option<PathBuf>,
}

impl TlsOptions {
    /// The first option that makes sense with https URLs only.
    pub(crate) fn named(&self) -> Option<&'static str> {
        if !self.tls_cert.is_empty() {
            Some("--tls-cert")
        } else if self.client_certificates != ClientCertificates::None {
            Some("--client-certificates")
        } else if self.client_ca.is_some() {
            Some("--client-ca")
        } else {
            None
        }
    }

    /// Every file that is read.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let lists = [&self.tls_cert, &self.tls_key, &self.tls_ocsp];
        let singles = [&self.tls_password_file, &self.client_ca];
        lists.into_iter().flatten().chain(singles.into_iter().flatten())
    }
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum ClientCertificates {
    /// They are not
    #[default]
    None,
    /// They are, and may have none
    Allow,
    /// They are, and get 403.7 without one
    Require,
}
