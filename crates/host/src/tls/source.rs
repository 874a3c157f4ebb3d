//! Which files certificates come from.

use std::path::{Path, PathBuf};

use mews_model::server_config::{self, CertificateFiles, Site};

use super::options::{ClientCertificates, TlsOptions};

/// Where certificates come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The command line.
    Options(TlsOptions),
    /// The sites of one address.
    Configured(Configured),
}

/// What the sites of one address say about TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Configured {
    /// The certificates; the first for clients that ask for no name of theirs.
    pub(crate) certificates: Vec<CertificateFiles>,
    /// Whether clients are asked for a certificate.
    pub(crate) client_certificates: server_config::ClientCertificates,
    /// Authorities whose client certificates are accepted.
    pub(crate) client_ca: Option<PathBuf>,
}

/// What clients are asked for.
pub(super) struct Clients<'a> {
    pub(super) asked: ClientCertificates,
    pub(super) authorities: Option<&'a Path>,
}

impl Configured {
    /// What these sites say together. The handshake comes before anybody can tell which site a client wants, so what
    /// clients are asked for must be the same in all.
    ///
    /// # Errors
    /// The names of two sites that differ.
    pub(crate) fn of<'a>(sites: impl IntoIterator<Item = &'a Site>) -> Result<Self, Box<(&'a str, &'a str)>> {
        let mut sites = sites.into_iter();
        let Some(first) = sites.next() else { return Ok(Self::default()) };
        let mut all = Self {
            certificates: first.certificates.clone(),
            client_certificates: first.client_certificates,
            client_ca: first.client_ca.clone(),
        };
        for site in sites {
            let asked = (site.client_certificates, &site.client_ca);
            if asked != (all.client_certificates, &all.client_ca) {
                return Err(Box::new((&first.name, &site.name)));
            }
            let new = site.certificates.iter().filter(|files| !all.certificates.contains(files));
            let new: Vec<CertificateFiles> = new.cloned().collect();
            all.certificates.extend(new);
        }
        Ok(all)
    }
}

impl Source {
    /// Whether any certificate is named.
    pub(super) fn names_some(&self) -> bool {
        match self {
            Self::Options(options) => !options.tls_cert.is_empty(),
            Self::Configured(configured) => !configured.certificates.is_empty(),
        }
    }

    pub(super) fn clients(&self) -> Clients<'_> {
        match self {
            Self::Options(options) => {
                Clients { asked: options.client_certificates, authorities: options.client_ca.as_deref() }
            }
            Self::Configured(configured) => Clients {
                asked: match configured.client_certificates {
                    server_config::ClientCertificates::None => ClientCertificates::None,
                    server_config::ClientCertificates::Allow => ClientCertificates::Allow,
                    server_config::ClientCertificates::Require => ClientCertificates::Require,
                },
                authorities: configured.client_ca.as_deref(),
            },
        }
    }

    /// Every file that is read.
    pub(super) fn files(&self) -> Vec<&PathBuf> {
        match self {
            Self::Options(options) => options.files().collect(),
            Self::Configured(configured) => {
                let certificates = configured.certificates.iter().flat_map(|files| {
                    [Some(&files.cert), files.key.as_ref(), files.password_file.as_ref(), files.ocsp.as_ref()]
                });
                certificates.chain([configured.client_ca.as_ref()]).flatten().collect()
            }
        }
    }
}
