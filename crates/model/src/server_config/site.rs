//! A site and its applications.

use std::path::PathBuf;

use super::{AccessLog, Binding, ConnectionLimits, HostName, Hsts, Http2, HttpsRedirect, Inherited};
use crate::HostingModel;
use crate::authentication::SignInSettings;
use crate::compression::Compression;
use crate::url::Scheme;

/// A site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// Its name, unique.
    pub name: String,
    /// Its number, unique and at least 1; part of `/LM/W3SVC/1/ROOT`.
    pub id: u32,
    /// Whether it is served once the host has started (`serverAutoStart`).
    pub auto_start: bool,
    /// Where it listens; at least one.
    pub bindings: Vec<Binding>,
    /// The certificates of its https bindings, chosen by the name that a client asks for; the first for all others.
    pub certificates: Vec<CertificateFiles>,
    /// Whether clients of https bindings are asked for a certificate.
    pub client_certificates: ClientCertificates,
    /// Authorities (PEM) whose client certificates are accepted; any certificate without.
    pub client_ca: Option<PathBuf>,
    /// `Strict-Transport-Security`, if it is sent.
    pub hsts: Option<Hsts>,
    /// What http requests are answered with, if they are sent to https.
    pub https_redirect: Option<HttpsRedirect>,
    /// The port that clients reach https at, where that is not the one of a binding.
    pub https_port: Option<u16>,
    /// How responses are compressed, where the application's `web.config` says nothing else; `None`: they are not.
    pub compression: Option<Compression>,
    /// Where its requests are logged.
    pub access_log: Option<AccessLog>,
    /// Keys and names of users who sign in; `None`: the system's.
    pub authentication: Option<SignInSettings>,
    /// Where HTTP/2 is spoken, as far as its bindings say nothing else.
    pub http2: Http2,
    /// What clients may ask of its connections.
    pub limits: ConnectionLimits,
    /// Its applications. One of them has the path `/`.
    pub applications: Vec<Application>,
}

impl Site {
    /// Where clients reach it over https: for each name a port, 0 for one that is not known before it is listened on.
    pub fn https_ports(&self) -> Vec<(HostName, u16)> {
        if let Some(port) = self.https_port {
            return vec![(HostName::Any, port)];
        }
        let https = self.bindings.iter().filter(|binding| binding.listen.scheme == Scheme::Https);
        // The closest name first, as for requests.
        let mut ports: Vec<_> = https.map(|binding| (binding.host.clone(), binding.listen.port)).collect();
        ports.sort_by_key(|(name, _)| match name {
            HostName::Exact(_) => (0, 0),
            HostName::Below(end) => (1, usize::MAX - end.len()),
            HostName::Any => (2, 0),
        });
        ports
    }
}

/// The files of a certificate. Absolute paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM with its issuers, or PKCS#12.
    pub cert: PathBuf,
    /// The private key (PEM), if `cert` does not contain it.
    pub key: Option<PathBuf>,
    /// A file whose first line is the password of a PKCS#12 archive.
    pub password_file: Option<PathBuf>,
    /// An OCSP response (DER) to send along.
    pub ocsp: Option<PathBuf>,
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not.
    #[default]
    None,
    /// They are, and may have none.
    Allow,
    /// They are, and get 403.7 without one.
    Require,
}

/// An application of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// `/`, or the path below which it lies: begins with `/` and does not end with it. Unique in its site, compared without
    /// regard to case.
    pub path: String,
    /// The folder with its `web.config`. Absolute; may be a symbolic link, which is followed at each start.
    pub physical_path: PathBuf,
    /// The name of its pool.
    pub pool: String,
    /// Overrides what its `web.config` says.
    pub hosting_model: Option<HostingModel>,
    /// In place of the site's.
    pub authentication: Option<SignInSettings>,
    /// What the server's file says about who may send requests; its `web.config` is laid over that.
    pub inherited: Option<Inherited>,
}
