//! Where HTTP/2 is spoken.

use serde::{Deserialize, Serialize};

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
