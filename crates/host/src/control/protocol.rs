//! The messages of the control channel. Both sides are the same binary, so there is no version.
//!
//! The supervisor's first message is a [`WorkerSpec`] with the listening sockets; after it come
//! [`SupervisorMessage`]s one way and [`WorkerMessage`]s the other.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use mews_model::Failure;
use mews_model::metrics::Snapshot;
use serde::{Deserialize, Serialize};

use super::rules::{AnswerRules, HttpsRules, SiteRules};
use crate::edge::EdgeSpec;
use crate::handover::PoolId;
use crate::log::LogFormat;
use crate::routing::Routes;
use crate::tls::TlsSpec;

/// Everything a worker needs to know. Its environment and current directory are set already.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WorkerSpec {
    /// What it is to do.
    pub(crate) role: Role,
    /// The pool's other applications, in order; `role` has the first.
    pub(crate) more: Vec<Hosted>,
    /// Those of several out-of-process applications that are offline at first, by their numbers, and their files.
    pub(crate) offline: Vec<(usize, PathBuf)>,
    /// Where its connections come from. The sockets of those that it accepts from itself come with the message, in order.
    pub(crate) listeners: Vec<ListenerSpec>,
    /// How requests are told apart, if they are not all for the one application.
    pub(crate) routes: Option<Routes>,
    /// What TLS listeners need.
    pub(crate) tls: TlsSpecs,
    /// What stands between clients and the app.
    pub(crate) edge: EdgeSpec,
    /// Having clients use https, for each of the pool's applications.
    pub(crate) https: Vec<HttpsRules>,
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
    /// Hosts an app out-of-process: starts its processes and forwards to them.
    OutOfProcess(Box<ProcessSpec>),
    /// Answers every request with a page.
    Page(PageSpec),
    /// Hands connections to the workers that they are for.
    Gateway,
}

/// An application beside the first of its pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Hosted {
    /// It is hosted as well (role `OutOfProcess` only).
    App(Box<ProcessSpec>),
    /// It cannot be; its requests are answered with why.
    Refused(Box<FailurePage>),
}

/// What a page worker answers with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum PageSpec {
    /// A failure.
    Failure(Box<FailurePage>),
    /// The file `app_offline.htm`.
    Offline(OfflinePage),
}

/// Where the file `app_offline.htm` is, and what belongs to its answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OfflinePage {
    /// The file.
    pub(crate) file: PathBuf,
    /// `customHeaders`.
    pub(crate) headers: Vec<(String, String)>,
}

/// Names the certificates of a group of listeners for the life of the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct TlsId(pub(crate) u32);

/// One listening socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ListenerSpec {
    /// The URL it listens for, with its real port; two sockets may share one.
    pub(crate) url: String,
    /// What TLS there works with; `None` = plain HTTP.
    pub(crate) tls: Option<TlsId>,
    /// What its connections are told apart by.
    pub(crate) number: usize,
    /// The gateway accepts there: no socket comes.
    pub(crate) shared: bool,
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
    /// The same as it was named, if that is a link: the name by which data protection knows the app.
    pub(crate) named_folder: Option<PathBuf>,
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
    /// What happens to requests before the app sees them, and how the host's own answers look.
    pub(crate) rules: SiteRules,
    /// Where copies of its folder lie, from which it is loaded (`enableShadowCopy`); `None` without. Absolute.
    pub(crate) shadow_copies: Option<PathBuf>,
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

/// An app whose processes are started, watched and forwarded to. Their environment is the worker's, with what
/// each start adds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProcessSpec {
    /// The app.
    pub(crate) app: AppSpec,
    /// How many processes (`processesPerApplication`), at least 1.
    pub(crate) processes: usize,
    /// How many may end in a minute before none is started (`rapidFailsPerMinute`).
    pub(crate) rapid_fails_per_minute: u64,
    /// How long a process may be silent during a request (`requestTimeout`); `None` for ever.
    pub(crate) request_timeout: Option<Duration>,
    /// How long requests are still served after a stop was asked for (`shutdownDelay`).
    pub(crate) shutdown_delay: Duration,
    /// How long a process may take to end after it was told to (`shutdownTimeLimit`).
    pub(crate) shutdown_limit: Duration,
    /// The environment of its processes, before what each start adds; the worker's own if `None`.
    pub(crate) environment: Option<Vec<(OsString, OsString)>>,
    /// What the app's own configuration says of the variables that each start sets.
    pub(crate) configured: ConfiguredVariables,
    /// Whether what the processes print is read at all (`enableOutOfProcessConsoleRedirection`).
    pub(crate) capture: bool,
    /// The files that it goes to as well.
    pub(crate) stdout_log: Option<StdoutLog>,
    /// Whether the processes are started before the worker says that it has started; otherwise with their first requests.
    pub(crate) eager: bool,
    /// Whether the processes' `Connection` header reaches clients (`forwardResponseConnectionHeader`).
    pub(crate) forward_connection_header: bool,
}

/// Variables of the process environment that web.config may set itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConfiguredVariables {
    /// `ASPNETCORE_PORT`, not empty, not checked.
    pub(crate) port: Option<String>,
    /// `ASPNETCORE_TOKEN`, not empty.
    pub(crate) token: Option<String>,
    /// Whether `ASPNETCORE_URLS` is set.
    pub(crate) urls: bool,
    /// Whether `ASPNETCORE_ANCM_HTTPS_PORT` is set.
    pub(crate) https_port: bool,
}

/// Where output is written besides (`stdoutLogEnabled`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StdoutLog {
    /// The beginning of the files' path. Absolute.
    pub(crate) prefix: PathBuf,
    /// The size at which another file is begun, in bytes; 0 for never.
    pub(crate) max_bytes: u64,
    /// How many files of one start are kept.
    pub(crate) max_files: usize,
}

/// A failure to be shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FailurePage {
    /// What to show, with everything that is known.
    pub(crate) failure: Failure,
    /// When the app is tried again, from now.
    pub(crate) retry_after: Option<Duration>,
    /// How it is shown, and to whom.
    pub(crate) rules: AnswerRules,
}

/// Certificates, each with the name by which listeners refer to them.
pub(crate) type TlsSpecs = Vec<(TlsId, TlsSpec)>;

/// Supervisor to worker, after the spec.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum SupervisorMessage {
    /// Stop taking connections, finish what there is, and end.
    Stop(Ending),
    /// Show this from now on (role `Page` only).
    Show(PageSpec),
    /// Use these certificates for TLS handshakes from now on.
    Certificates(TlsId, TlsSpec),
    /// The channel that comes along leads to the gateway; for the gateway: to the worker that from now on has the
    /// connections of this pool.
    Channel(Option<PoolId>),
    /// The application with this number, of several out-of-process ones, is offline: it stops, and this file is answered with.
    /// `None`: it is back.
    Offline(usize, Option<PathBuf>),
    /// Requests are told apart like this from now on.
    Routes(Box<Routes>),
    /// Answer with `Alive` once every I/O thread has been seen to run.
    Ping(u64),
    /// Answer with `Metrics`.
    Metrics(u64),
}

/// Why a worker is to end, and so what becomes of clients that are about to send a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Ending {
    /// Another worker takes the connections, now or later: they are answered once more.
    Replaced,
    /// The app was taken offline: they are answered with the file.
    Offline(OfflinePage),
    /// The host stops.
    HostStops,
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
    /// The programs that run for the worker now (role `OutOfProcess` only): the ids of their processes, which
    /// are those of their process groups.
    Programs(Vec<u32>),
    /// Connections wait for a worker of this pool (role `Gateway` only).
    Wanted(PoolId),
    /// Every I/O thread runs.
    Alive(Vitals),
    /// What was counted up to now; with the number of the question, or 0 for the last time.
    Metrics(u64, Snapshot),
    /// After `Stop`: no connections are taken any more.
    Closed,
    /// The app stops of its own accord: requests are not taken any more.
    Stopping,
    /// The app has ended; the worker ends next.
    Stopped {
        /// What the app's `Main` returned.
        exit_code: i32,
    },
}

/// What a worker tells of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Vitals {
    /// The number of the ping that this answers.
    pub(crate) ping: u64,
    /// Requests that it has begun.
    pub(crate) requests: u64,
    /// Connections with a request in progress, WebSockets included.
    pub(crate) busy: u64,
    /// Open connections.
    pub(crate) connections: u64,
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
