//! The statuses and sub-statuses of the host: a number, and the row of the table behind it, from which failure
//! pages, log lines and explanations are made. The rows themselves are in [`crate::articles`].
//!
//! Not here: statuses that an application chooses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::articles;

/// A status with IIS's sub-status, as in `500.30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StatusCode {
    /// The HTTP status, 400 to 599.
    pub number: u16,
    /// The sub-status; 0 when there is none.
    pub sub_status: u16,
}

/// One row of the table: everything there is to say about a status. The texts are Markdown, of which only
/// back-quotes are used.
#[derive(Debug)]
pub struct Status {
    /// Which status the row explains.
    pub code: StatusCode,
    /// A few words, the heading of a page.
    pub title: &'static str,
    /// One plain sentence: what happened, when nothing more precise is known.
    pub cause: &'static str,
    /// One or two sentences: what to do.
    pub cure: &'static str,
    /// The situations that lead to it, a sentence each.
    pub when: &'static [&'static str],
    /// How to find out more, a sentence each.
    pub more: &'static [&'static str],
    /// Settings, options and other numbers that have to do with it.
    pub see: &'static [&'static str],
    /// Why Mews never answers with it, for a number that IIS has and that people look up; `None` when it does.
    pub never: Option<&'static str>,
}

impl StatusCode {
    /// Malformed request.
    pub const BAD_REQUEST: Self = Self::new(400, 0);
    /// The signed-in user may not send the request, and may sign in as another one.
    pub const NOT_AUTHORIZED: Self = Self::new(401, 0);
    /// Name, password or token were not accepted.
    pub const LOGON_FAILED: Self = Self::new(401, 1);
    /// The request needs a user, and none of the schemes was used.
    pub const SIGN_IN_REQUIRED: Self = Self::new(401, 2);
    /// The user may not send the request.
    pub const FORBIDDEN: Self = Self::new(403, 0);
    /// The address needs HTTPS.
    pub const SSL_REQUIRED: Self = Self::new(403, 4);
    /// The client's address is refused.
    pub const ADDRESS_REJECTED: Self = Self::new(403, 6);
    /// A client certificate is needed.
    pub const CLIENT_CERTIFICATE_REQUIRED: Self = Self::new(403, 7);
    /// Request filtering: a denied text in the path or the query.
    pub const URL_SEQUENCE_DENIED: Self = Self::new(404, 5);
    /// Request filtering: a denied method.
    pub const VERB_DENIED: Self = Self::new(404, 6);
    /// Request filtering: a denied file extension.
    pub const FILE_EXTENSION_DENIED: Self = Self::new(404, 7);
    /// Request filtering: a hidden path segment.
    pub const HIDDEN_SEGMENT: Self = Self::new(404, 8);
    /// Request filtering: a header longer than its limit.
    pub const HEADER_TOO_LONG: Self = Self::new(404, 10);
    /// Request filtering: a path that changes when it is decoded twice.
    pub const DOUBLE_ESCAPED: Self = Self::new(404, 11);
    /// Request filtering: characters outside ASCII.
    pub const HIGH_BIT_CHARACTERS: Self = Self::new(404, 12);
    /// Request filtering: the request body is longer than allowed.
    pub const CONTENT_LENGTH_TOO_LARGE: Self = Self::new(404, 13);
    /// Request filtering: the path is longer than allowed.
    pub const URL_TOO_LONG: Self = Self::new(404, 14);
    /// Request filtering: the query is longer than allowed.
    pub const QUERY_STRING_TOO_LONG: Self = Self::new(404, 15);
    /// Request filtering: a denied text in the query.
    pub const QUERY_STRING_SEQUENCE_DENIED: Self = Self::new(404, 18);
    /// The request head did not come in time.
    pub const REQUEST_TIMEOUT: Self = Self::new(408, 0);
    /// The request body is larger than the host's limit.
    pub const PAYLOAD_TOO_LARGE: Self = Self::new(413, 0);
    /// The request line is longer than the host's limit.
    pub const URI_TOO_LONG: Self = Self::new(414, 0);
    /// The request head is larger than the host's limit.
    pub const HEADERS_TOO_LARGE: Self = Self::new(431, 0);
    /// The parameters of the start could not be resolved.
    pub const CANNOT_RESOLVE: Self = Self::new(500, 0);
    /// The configuration is invalid.
    pub const BAD_CONFIGURATION: Self = Self::new(500, 19);
    /// The app failed to start.
    pub const START_FAILED: Self = Self::new(500, 30);
    /// The .NET runtime or a framework is missing.
    pub const RUNTIME_NOT_FOUND: Self = Self::new(500, 31);
    /// `libhostfxr.so` could not be loaded.
    pub const HOST_NOT_LOADED: Self = Self::new(500, 32);
    /// The app cannot take requests from this host.
    pub const HANDLER_NOT_LOADED: Self = Self::new(500, 33);
    /// Two hosting models in one pool.
    pub const MIXED_MODELS: Self = Self::new(500, 34);
    /// Two in-process apps in one pool.
    pub const SEVERAL_APPS: Self = Self::new(500, 35);
    /// The part that forwards requests is missing. IIS only.
    pub const FORWARDER_NOT_LOADED: Self = Self::new(500, 36);
    /// The app did not start in time.
    pub const START_TIMED_OUT: Self = Self::new(500, 37);
    /// Single-file publish.
    pub const SINGLE_FILE: Self = Self::new(500, 38);
    /// The forwarded-to process broke the exchange.
    pub const BAD_GATEWAY: Self = Self::new(502, 3);
    /// The forwarded-to process could not be started.
    pub const PROCESS_FAILED: Self = Self::new(502, 5);
    /// The app is not running at the moment: it keeps crashing and is held back, or is being stopped.
    pub const UNAVAILABLE: Self = Self::new(503, 0);
    /// A method that is not implemented.
    pub const NOT_IMPLEMENTED: Self = Self::new(501, 0);
    /// A version of HTTP that is not spoken.
    pub const VERSION_NOT_SUPPORTED: Self = Self::new(505, 0);

    /// Names a status. Whether Mews uses it is told by [`StatusCode::row`].
    pub const fn new(number: u16, sub_status: u16) -> Self {
        Self { number, sub_status }
    }

    /// The table's row, if the status is one of the host's.
    pub fn row(self) -> Option<&'static Status> {
        articles::statuses().find(|row| row.code == self)
    }

    /// The heading of a page; a general one for a status outside the table.
    pub fn title(self) -> &'static str {
        self.row().map_or("The request could not be answered", |row| row.title)
    }

    /// What to do; empty for a status outside the table.
    pub fn cure(self) -> &'static str {
        self.row().map_or("", |row| row.cure)
    }
}

/// The text is no status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a status; write one as in 500.31")]
pub struct NotAStatus(pub String);

impl FromStr for StatusCode {
    type Err = NotAStatus;

    /// Reads `500.31` or `413`: 100 to 999, and the sub-status after a dot.
    fn from_str(text: &str) -> Result<Self, NotAStatus> {
        let number = |text: &str| -> Option<u16> {
            let digits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            if digits { text.parse().ok() } else { None }
        };
        let (status, sub_status) = text.split_once('.').unwrap_or((text, "0"));
        match (number(status), number(sub_status)) {
            (Some(status @ 100..=999), Some(sub_status)) => Ok(Self::new(status, sub_status)),
            _ => Err(NotAStatus(text.to_owned())),
        }
    }
}

impl fmt::Display for StatusCode {
    /// `500.30`, `404.13`; `413` where no sub-status is known, but `500.0`, which is one of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.number, self.sub_status) {
            (500, 0) => f.write_str("500.0"),
            (number, 0) => write!(f, "{number}"),
            (number, sub_status) => write!(f, "{number}.{sub_status}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_as_iis_does_and_read_back() {
        for (code, text) in [
            (StatusCode::START_FAILED, "500.30"),
            (StatusCode::CANNOT_RESOLVE, "500.0"),
            (StatusCode::PAYLOAD_TOO_LARGE, "413"),
            (StatusCode::CONTENT_LENGTH_TOO_LARGE, "404.13"),
        ] {
            assert_eq!(code.to_string(), text);
            assert_eq!(text.parse(), Ok(code));
        }
        assert_eq!("500".parse(), Ok(StatusCode::CANNOT_RESOLVE));
        for text in ["", "x", "50", "1005", "500.", ".5", "500.x", "500.30.1", "+500", "500.99999", " 500"] {
            assert!(text.parse::<StatusCode>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_status_outside_the_table_still_has_a_title() {
        assert!(StatusCode::new(500, 99).row().is_none());
        assert!(!StatusCode::new(500, 99).title().is_empty());
    }

    #[test]
    fn every_name_has_its_row() {
        for code in [
            StatusCode::BAD_REQUEST,
            StatusCode::NOT_AUTHORIZED,
            StatusCode::LOGON_FAILED,
            StatusCode::SIGN_IN_REQUIRED,
            StatusCode::FORBIDDEN,
            StatusCode::SSL_REQUIRED,
            StatusCode::HIDDEN_SEGMENT,
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::HANDLER_NOT_LOADED,
            StatusCode::FORWARDER_NOT_LOADED,
            StatusCode::SINGLE_FILE,
            StatusCode::NOT_IMPLEMENTED,
            StatusCode::BAD_GATEWAY,
            StatusCode::UNAVAILABLE,
            StatusCode::VERSION_NOT_SUPPORTED,
        ] {
            assert!(code.row().is_some(), "{code}");
        }
    }
}
