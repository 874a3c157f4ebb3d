//! The statuses and sub-statuses that Mews itself answers with: one table, from which failure
//! pages, log lines and explanations are made.
//!
//! Not here: statuses that an application chooses.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A status with IIS's sub-status, as in `500.30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StatusCode {
    /// The HTTP status, 400 to 599.
    pub number: u16,
    /// The sub-status; 0 when there is none.
    pub sub_status: u16,
}

/// One row of the table.
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
}

impl StatusCode {
    /// Malformed request.
    pub const BAD_REQUEST: Self = Self::new(400, 0);
    /// Request filtering: the request body is longer than allowed.
    pub const CONTENT_LENGTH_TOO_LARGE: Self = Self::new(404, 13);
    /// The request body is larger than the host's limit.
    pub const PAYLOAD_TOO_LARGE: Self = Self::new(413, 0);
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
    /// The app did not start in time.
    pub const START_TIMED_OUT: Self = Self::new(500, 37);
    /// Single-file publish.
    pub const SINGLE_FILE: Self = Self::new(500, 38);
    /// The forwarded-to process broke the exchange.
    pub const BAD_GATEWAY: Self = Self::new(502, 3);
    /// The forwarded-to process could not be started.
    pub const PROCESS_FAILED: Self = Self::new(502, 5);
    /// The app keeps crashing and is held back for a moment.
    pub const UNAVAILABLE: Self = Self::new(503, 0);

    /// Names a status. Whether Mews uses it is told by [`StatusCode::row`].
    pub const fn new(number: u16, sub_status: u16) -> Self {
        Self { number, sub_status }
    }

    /// The table's row, if Mews answers with this status.
    pub fn row(self) -> Option<&'static Status> {
        STATUSES.iter().find(|row| row.code == self)
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

/// Every status that Mews itself answers with, in order.
pub const STATUSES: &[Status] = &[
    Status {
        code: StatusCode::BAD_REQUEST,
        title: "Bad request",
        cause: "The request is not valid HTTP.",
        cure: "Look at the client or the proxy that sent it.",
    },
    Status {
        code: StatusCode::CONTENT_LENGTH_TOO_LARGE,
        title: "Content length too large",
        cause: "The request body is longer than request filtering allows.",
        cure: "Send less, or raise maxAllowedContentLength in web.config under \
               system.webServer/security/requestFiltering/requestLimits.",
    },
    Status {
        code: StatusCode::PAYLOAD_TOO_LARGE,
        title: "Request body too large",
        cause: "The request body is larger than the limit.",
        cure: "Send less, or raise maxAllowedContentLength in web.config and MaxRequestBodySize in the app.",
    },
    Status {
        code: StatusCode::CANNOT_RESOLVE,
        title: "The app cannot be launched",
        cause: "What to launch, or the .NET to launch it with, could not be found.",
        cure: "Check processPath and arguments in web.config, and that the app was published completely.",
    },
    Status {
        code: StatusCode::BAD_CONFIGURATION,
        title: "The configuration is invalid",
        cause: "web.config or the app's runtime configuration cannot be used as it is.",
        cure: "Mend the place that the log names; the app is started again when the file changes.",
    },
    Status {
        code: StatusCode::START_FAILED,
        title: "The app failed to start",
        cause: "The app ended or threw an exception before its server had started.",
        cure: "Read the app's own messages: in the log, and here when ASPNETCORE_ENVIRONMENT is Development.",
    },
    Status {
        code: StatusCode::RUNTIME_NOT_FOUND,
        title: "The .NET runtime was not found",
        cause: "The .NET runtime or a framework version that the app asks for is not installed.",
        cure: "Install the ASP.NET Core runtime in the version the app asks for, or point DOTNET_ROOT at it.",
    },
    Status {
        code: StatusCode::HOST_NOT_LOADED,
        title: "The .NET host could not be loaded",
        cause: "libhostfxr.so could not be loaded.",
        cure: "The usual reason is another processor architecture: install .NET, and publish the app, for \
               the architecture of this machine.",
    },
    Status {
        code: StatusCode::HANDLER_NOT_LOADED,
        title: "The app cannot take requests from this host",
        cause: "The app did not start an ASP.NET Core server that this host can stand in for.",
        cure: "Check that the app refers to Microsoft.AspNetCore.App and builds a web host.",
    },
    Status {
        code: StatusCode::MIXED_MODELS,
        title: "Two hosting models in one pool",
        cause: "The application pool already runs an app in the other hosting model.",
        cure: "Give each app an application pool of its own.",
    },
    Status {
        code: StatusCode::SEVERAL_APPS,
        title: "Two in-process apps in one pool",
        cause: "The application pool already runs another app in-process.",
        cure: "Give each in-process app an application pool of its own.",
    },
    Status {
        code: StatusCode::START_TIMED_OUT,
        title: "The app did not start in time",
        cause: "The app's server had not started when the startup time limit was over.",
        cure: "Find out what the app waits for; if it needs the time, raise startupTimeLimit in web.config.",
    },
    Status {
        code: StatusCode::SINGLE_FILE,
        title: "Single-file apps cannot run in-process",
        cause: "The executable has no .dll of the same name beside it: it was published as a single file.",
        cure: "Publish without PublishSingleFile, or use the out-of-process hosting model.",
    },
    Status {
        code: StatusCode::BAD_GATEWAY,
        title: "The app's process did not answer properly",
        cause: "The connection to the app's process failed during the request.",
        cure: "Read the app's own messages in the log.",
    },
    Status {
        code: StatusCode::PROCESS_FAILED,
        title: "The app's process could not be started",
        cause: "The app's process failed to start, ended at once, or never listened on its port.",
        cure: "Read the app's own messages in the log.",
    },
    Status {
        code: StatusCode::UNAVAILABLE,
        title: "The app is being restarted",
        cause: "The app ended unexpectedly and will be started again in a moment.",
        cure: "Try again shortly. The log tells why it ended.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_unique() {
        let codes: Vec<_> = STATUSES.iter().map(|row| (row.code.number, row.code.sub_status)).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
    }

    #[test]
    fn every_row_says_cause_and_cure_in_sentences() {
        for row in STATUSES {
            assert!(row.cause.ends_with('.') && row.cure.ends_with('.'), "{}", row.code);
            assert!(!row.title.ends_with('.'), "{}", row.code);
            assert!(!row.cause.contains("  ") && !row.cure.contains("  "), "{}", row.code);
        }
    }

    #[test]
    fn shown_as_iis_does() {
        assert_eq!(StatusCode::START_FAILED.to_string(), "500.30");
        assert_eq!(StatusCode::CANNOT_RESOLVE.to_string(), "500.0");
        assert_eq!(StatusCode::PAYLOAD_TOO_LARGE.to_string(), "413");
        assert_eq!(StatusCode::CONTENT_LENGTH_TOO_LARGE.to_string(), "404.13");
    }

    #[test]
    fn a_status_outside_the_table_still_has_a_title() {
        assert!(StatusCode::new(500, 99).row().is_none());
        assert!(!StatusCode::new(500, 99).title().is_empty());
    }
}
