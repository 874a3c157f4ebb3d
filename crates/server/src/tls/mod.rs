//! TLS for accepted connections: certificates, client certificates, handshakes, and the session under a connection's
//! bytes.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `config` | what listeners share, and how it is replaced while they run |
//! | `certificate` | one certificate with its key, checked |
//! | `certificates` | the choice by server name |
//! | `end_point` | what a sign-in over a connection can be bound to |
//! | `clients` | certificates of clients: what is asked for and what is made of it |
//! | `handshake` | a connection until it is secured |
//! | `session` | encryption and decryption over a non-blocking socket |
//!
//! Files, passwords and their watching are the host's.

mod certificate;
mod certificates;
mod clients;
mod config;
mod end_point;
mod handshake;
mod session;

pub use certificate::{CertificateFacts, CertificateMaterial};
pub use clients::ClientCertificates;
pub use config::{Tls, TlsError, TlsMaterial};
pub use end_point::ServerCertificate;

pub(crate) use clients::Gate;
pub(crate) use handshake::{Opened, Opening};
pub(crate) use session::{Flushed, Session};

/// What TLS agreed on for a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsInfo {
    /// 0x0303 or 0x0304.
    pub protocol: u16,
    /// The IANA number of the cipher suite.
    pub cipher_suite: u16,
    /// The server name that the client asked for, in lower case; empty if none.
    pub server_name: String,
    /// The client's certificate in DER. Whether it was checked is a matter of the listener's settings.
    pub client_certificate: Option<Box<[u8]>>,
    /// Whether it was issued by an authority that the listener trusts: what it says may be believed.
    pub client_is_trusted: bool,
    /// The certificate that the client was shown.
    pub server_certificate: Option<ServerCertificate>,
    /// `CLOCK_MONOTONIC` nanoseconds of the handshake: the client's hello came, it was answered, the client's second
    /// flight came, the handshake was over.
    pub legs_ns: [i64; 4],
}

impl TlsInfo {
    /// What a sign-in is bound to if it is bound to this connection (`tls-server-end-point`, RFC 5929).
    pub fn end_point(&self) -> Option<Vec<u8>> {
        self.server_certificate.as_ref()?.end_point()
    }
}
