//! TLS for accepted connections: certificates, client certificates, handshakes, and the session under a connection's
//! bytes.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `config` | what listeners share, and how it is replaced while they run |
//! | `certificate` | one certificate with its key, checked |
//! | `certificates` | the choice by server name |
//! | `clients` | certificates of clients: what is asked for and what is made of it |
//! | `handshake` | a connection until it is secured |
//! | `session` | encryption and decryption over a non-blocking socket |
//!
//! Files, passwords and their watching are the host's.

mod certificate;
mod certificates;
mod clients;
mod config;
mod handshake;
mod session;

pub use certificate::{CertificateFacts, CertificateMaterial};
pub use clients::ClientCertificates;
pub use config::{Tls, TlsError, TlsMaterial};

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
    /// `CLOCK_MONOTONIC` nanoseconds of the handshake: the client's hello came, it was answered, the client's second
    /// flight came, the handshake was over.
    pub legs_ns: [i64; 4],
}
