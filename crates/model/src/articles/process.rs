//! Requests that could not be answered because of the app's process: 501 to 505.

use crate::status::{Status, StatusCode};

const OUTPUT: &str =
    "The app's own output is in the log, and in the stdout log when `stdoutLogEnabled` is true.";

pub(super) const ROWS: &[Status] = &[
    Status {
        code: StatusCode::NOT_IMPLEMENTED,
        title: "Not implemented",
        cause: "The request's method is not implemented here.",
        cure: "Do not use this address as a proxy.",
        when: &["A client sends `CONNECT`: it takes the server for a proxy."],
        more: &["`MEWS_LOG=debug` logs each refusal."],
        see: &["400", "404.6"],
        never: None,
    },
    Status {
        code: StatusCode::BAD_GATEWAY,
        title: "The app's process did not answer properly",
        cause: "The connection to the app's process failed during the request.",
        cure: "Read the app's own messages in the log.",
        when: &[
            "The process ended, or closed the connection, before it had answered.",
            "It did not answer within `requestTimeout`.",
            "Its answer is not valid HTTP.",
            "It could not be started and `disableStartUpErrorPage` is true: then there is no body, and `httpErrors` may \
             give one.",
        ],
        more: &[
            "The log has a line with the same sentence, the request's id and the process's address.",
            OUTPUT,
            "After the response had begun, the connection is reset instead.",
        ],
        see: &["aspNetCore requestTimeout", "aspNetCore disableStartUpErrorPage", "502.5", "1030"],
        never: None,
    },
    Status {
        code: StatusCode::PROCESS_FAILED,
        title: "The app's process could not be started",
        cause: "The app's process failed to start, ended at once, or never listened on its port.",
        cure: "Read the app's own messages in the log.",
        when: &[
            "`processPath` names nothing that can be executed here: it is missing, not executable, a Windows program, or \
             built for another processor.",
            "The process ended before it listened, for instance because of an exception in `Main`.",
            "It listens somewhere else: a fixed port in `UseUrls`, `Kestrel:Endpoints` or `appsettings.json` overrides \
             the one that it was given in `ASPNETCORE_PORT`.",
            "It did not listen within `startupTimeLimit`.",
            "It crashed more than `rapidFailsPerMinute` times within a minute.",
        ],
        more: &[
            "`mews check` finds what can be seen without starting.",
            OUTPUT,
            "Run the same command in the app's folder: `dotnet Shop.dll`.",
        ],
        see: &[
            "aspNetCore processPath",
            "aspNetCore startupTimeLimit",
            "aspNetCore rapidFailsPerMinute",
            "502.3",
            "1000",
            "1003",
            "1020",
        ],
        never: None,
    },
    Status {
        code: StatusCode::UNAVAILABLE,
        title: "The app is being restarted",
        cause: "The app ended unexpectedly and will be started again in a moment.",
        cure: "Try again shortly. The log tells why it ended.",
        when: &[
            "The app crashed again soon after it had been restarted; a growing pause keeps it from crashing in a loop.",
            "The app is being stopped or replaced, and the request came on a connection that was still open.",
        ],
        more: &[
            "The log tells why the app ended: exit code or signal, its exception, its last lines of output.",
            "`Retry-After` tells when the next start will be tried.",
        ],
        see: &["500.30", "502.5", "1011", "1018"],
        never: None,
    },
    Status {
        code: StatusCode::VERSION_NOT_SUPPORTED,
        title: "HTTP version not supported",
        cause: "The request asks for a version of HTTP that is not spoken on this connection.",
        cure: "Use HTTP/1.1.",
        when: &["The request line ends with another version than HTTP/1.0 or HTTP/1.1."],
        more: &["`MEWS_LOG=debug` logs each refusal."],
        see: &["400"],
        never: None,
    },
];
