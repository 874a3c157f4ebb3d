//! The messages of the control channel. Both sides are the same binary, so there is no version.
//!
//! The supervisor's first message is a [`WorkerSpec`] with the listening sockets; after it come
//! [`SupervisorMessage`]s one way and [`WorkerMessage`]s the other.

use std::path::PathBuf;
use std::time::Duration;

use mews_model::Failure;
use serde::{Deserialize, Serialize};

use crate::log::LogFormat;

/// Everything a worker needs to know. Its environment and current directory are set already.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WorkerSpec {
    /// What it is to do.
    pub(crate) role: Role,
    /// The sockets that come with the message, in order.
    pub(crate) listeners: Vec<ListenerSpec>,
    /// How its own log lines look.
    pub(crate) log_format: LogFormat,
    /// How long it may take to end after it was told to.
    pub(crate) shutdown_limit: Duration,
}

/// What a worker does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Role {
    /// Hosts an app in-process.
    Application(Box<AppSpec>),
    /// Answers every request with a failure.
    FailurePage(FailurePage),
}

/// One listening socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ListenerSpec {
    /// The URL it listens for, with its real port; two sockets may share one.
    pub(crate) url: String,
    /// Whether TLS is spoken on it.
    pub(crate) tls: bool,
}

/// The app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AppSpec {
    /// For messages: the name of its .dll as far as known.
    pub(crate) name: String,
    /// What to start.
    pub(crate) launch: Launch,
    /// Arguments from our own command line, after those of `launch`.
    pub(crate) args: Vec<String>,
    /// The app's folder: content root and current directory. Absolute.
    pub(crate) physical_path: PathBuf,
    /// `/` or the path below which the app lies.
    pub(crate) virtual_path: String,
    /// The site's name.
    pub(crate) site_name: String,
    /// The site's number.
    pub(crate) site_id: u32,
    /// The application pool's name.
    pub(crate) app_pool: String,
    /// As `/LM/W3SVC/1/ROOT`.
    pub(crate) application_id: String,
    /// As `MACHINE/WEBROOT/APPHOST/Site`.
    pub(crate) config_path: String,
    /// The largest request body in bytes that is let through to the app; `None` for any.
    pub(crate) max_request_body: Option<u64>,
    /// Whether the app may accept WebSockets.
    pub(crate) web_sockets: bool,
    /// Which schemes are switched on.
    pub(crate) authentication: Authentication,
    /// How long its start may take. The supervisor sees to it.
    pub(crate) startup_limit: Duration,
    /// Stack of the app's threads in bytes (`stackSize`); the runtime's default when `None`.
    pub(crate) stack_size: Option<u64>,
    /// Whether exceptions may be shown to clients.
    pub(crate) detailed_errors: bool,
    /// The free-form switches of web.config, as written.
    pub(crate) handler_settings: Vec<(String, String)>,
    /// Threads that serve connections; one for each processor when `None`.
    pub(crate) io_threads: Option<u16>,
}

/// What to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Launch {
    /// This .dll. Absolute.
    Dll(PathBuf),
    /// What web.config says, with `%VAR%` expanded, otherwise as written.
    Process {
        /// `dotnet`, or an executable relative to the app's folder.
        process_path: String,
        /// In the syntax of a Windows command line.
        arguments: String,
    },
}

/// Which authentication schemes are switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Authentication {
    /// Requests without a user.
    pub(crate) anonymous: bool,
    /// Windows (Kerberos).
    pub(crate) windows: bool,
    /// HTTP Basic against the system's accounts.
    pub(crate) basic: bool,
}

/// A failure to be shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FailurePage {
    /// What to show. Its detail was removed already if clients may not see it.
    pub(crate) failure: Failure,
    /// When the app is tried again, from now.
    pub(crate) retry_after: Option<Duration>,
}

/// Supervisor to worker, after the spec.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum SupervisorMessage {
    /// Stop taking connections, finish what there is, and end.
    Stop,
    /// Show this failure from now on (role `FailurePage` only).
    ShowFailure(FailurePage),
}

/// Worker to supervisor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum WorkerMessage {
    /// The role answers requests from now on.
    Started {
        /// The app's name, when the worker knows it better than the spec did.
        app: Option<String>,
        /// The version of the .NET runtime, `9.0.7`.
        dotnet: Option<String>,
        /// Full path of the libhostfxr.so in use.
        hostfxr: Option<String>,
    },
    /// The app cannot start; the worker ends.
    StartFailed(Failure),
    /// The app, or the managed server, has something to say.
    Report {
        /// What it is about.
        kind: Report,
        /// The text, several lines perhaps.
        text: String,
    },
    /// The app stops of its own accord: requests are not taken any more.
    Stopping,
    /// The app has ended; the worker ends next.
    Stopped {
        /// What the app's `Main` returned.
        exit_code: i32,
    },
}

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// An exception ended the app before its server had started.
    StartFailure,
    /// An exception ended the app after that.
    UnhandledException,
    /// Something to be logged.
    Warning,
    /// The app cannot be hosted here.
    CannotHost,
}
