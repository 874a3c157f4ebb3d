//! Where HTTP/2 is spoken, as the command line says it and as workers are told it.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Where HTTP/2 is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Http2 {
    /// Nowhere
    Off,
    /// Over TLS, with clients that offer it
    #[default]
    Tls,
    /// Also without TLS, with clients that begin with it (prior knowledge)
    Always,
}

impl Http2 {
    /// The same for the HTTP server.
    pub(crate) fn for_server(self) -> mews_server::Http2 {
        match self {
            Self::Off => mews_server::Http2::Off,
            Self::Tls => mews_server::Http2::Tls,
            Self::Always => mews_server::Http2::Always,
        }
    }
}

impl From<mews_model::server_config::Http2> for Http2 {
    fn from(configured: mews_model::server_config::Http2) -> Self {
        use mews_model::server_config::Http2 as Configured;
        match configured {
            Configured::Off => Self::Off,
            Configured::Tls => Self::Tls,
            Configured::Always => Self::Always,
        }
    }
}
