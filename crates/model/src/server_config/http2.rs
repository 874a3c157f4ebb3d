//! Where HTTP/2 is spoken.

use serde::{Deserialize, Serialize};

use crate::url::Scheme;

/// Where HTTP/2 is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Http2 {
    /// Nowhere.
    Off,
    /// Over TLS, with clients that offer it.
    #[default]
    Tls,
    /// Also without TLS, with clients that begin with it (prior knowledge).
    Always,
}

impl Http2 {
    /// Whether it is spoken at an address of this scheme.
    pub fn at(self, scheme: Scheme) -> bool {
        match self {
            Self::Off => false,
            Self::Tls => scheme == Scheme::Https,
            Self::Always => true,
        }
    }
}
