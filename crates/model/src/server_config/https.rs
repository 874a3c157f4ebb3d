//! Having clients use https: `Strict-Transport-Security`, and redirects.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `Strict-Transport-Security` (RFC 6797), sent over https only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hsts {
    /// How long clients are to remember it.
    pub max_age: Duration,
    /// Whether it counts for names below too.
    pub include_subdomains: bool,
    /// Whether browsers may know it beforehand.
    pub preload: bool,
    /// Whether it is also sent to clients that asked for localhost, or for no name.
    pub localhost: bool,
}

impl Default for Hsts {
    /// What ASP.NET Core's own middleware does.
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(30 * 24 * 60 * 60),
            include_subdomains: false,
            preload: false,
            localhost: false,
        }
    }
}

impl Hsts {
    /// The field's value.
    pub fn value(&self) -> String {
        let mut value = format!("max-age={}", self.max_age.as_secs());
        if self.include_subdomains {
            value.push_str("; includeSubDomains");
        }
        if self.preload {
            value.push_str("; preload");
        }
        value
    }
}

/// What http requests are answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpsRedirect {
    /// 307.
    Temporary,
    /// 308.
    Permanent,
}

impl HttpsRedirect {
    /// Its status. Methods stay what they are.
    pub fn status(self) -> u16 {
        match self {
            Self::Temporary => 307,
            Self::Permanent => 308,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_clients_read() {
        assert_eq!(Hsts::default().value(), "max-age=2592000");
        let all = Hsts { max_age: Duration::ZERO, include_subdomains: true, preload: true, localhost: true };
        assert_eq!(all.value(), "max-age=0; includeSubDomains; preload");
    }
}
