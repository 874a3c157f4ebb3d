//! What is asked and answered: one line of JSON each way, then the connection ends.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A request that is longer is refused.
pub(crate) const MOST_REQUEST: usize = 4096;

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Command {
    /// What runs, and how it is
    Status,
    /// Start pools that are stopped, disabled or idle
    Start,
    /// Stop pools; requests are answered with 503
    Stop,
    /// Replace the workers of pools, without losing a request
    Recycle,
    /// Take the changed configuration file
    Reload,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// The command.
    pub(crate) command: Command,
    /// A pool, or a site for its pools; every pool when `None`.
    pub(crate) name: Option<String>,
}

/// What is answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    /// To `Status`.
    Status(Box<Status>),
    /// To everything else: what came of it, for each pool.
    Done(Vec<Outcome>),
    /// Why nothing was done.
    Refused(String),
}

/// What came of a command for one pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// The pool.
    pub(crate) pool: String,
    /// Whether it is as the command wanted it.
    pub(crate) ok: bool,
    /// A clause: `recycled in 1.2 s`.
    pub(crate) text: String,
}

/// How everything is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The supervisor's process.
    pub(crate) pid: u32,
    /// The version of Mews.
    pub(crate) version: String,
    /// The configuration file.
    pub(crate) config: Option<String>,
    /// How long it has run.
    pub(crate) seconds: u64,
    /// The pools, in the order of the file.
    pub(crate) pools: Vec<PoolStatus>,
}

/// How a pool is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PoolStatus {
    /// Its name.
    pub(crate) pool: String,
    /// Its applications: `shop`, `shop/api`.
    pub(crate) applications: Vec<String>,
    /// Those of several applications that are offline.
    pub(crate) offline: Vec<String>,
    /// Where it accepts by itself.
    pub(crate) urls: Vec<String>,
    /// One word: `running`.
    pub(crate) state: String,
    /// `in-process` or `out-of-process`, while a worker runs.
    pub(crate) model: Option<String>,
    /// The worker's process.
    pub(crate) pid: Option<u32>,
    /// For how long that has answered.
    pub(crate) seconds: Option<u64>,
    /// Requests that it has begun.
    pub(crate) requests: Option<u64>,
    /// Its open connections.
    pub(crate) connections: Option<u64>,
    /// Bytes of memory that it and its programs have to themselves.
    pub(crate) memory: Option<u64>,
    /// How often the app ended unasked and was started again.
    pub(crate) restarts: u32,
    /// How often its worker was replaced, or that was tried.
    pub(crate) recycles: u32,
    /// The last of these.
    pub(crate) last_recycle: Option<RecycleStatus>,
    /// The last failure.
    pub(crate) last_failure: Option<FailureStatus>,
    /// When it is tried again.
    pub(crate) retry_in_seconds: Option<u64>,
    /// Workers that are to end.
    pub(crate) leaving: Vec<LeavingStatus>,
}

/// A replacement of a worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RecycleStatus {
    /// A clause: `it has run for 29 h`.
    pub(crate) cause: String,
    /// How long ago it ended.
    pub(crate) seconds_ago: u64,
    /// How long it took.
    pub(crate) milliseconds: u64,
    /// Why the old worker stayed.
    pub(crate) failure: Option<String>,
}

/// A failure, in the words of page and log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FailureStatus {
    /// As `500.30`.
    pub(crate) code: String,
    /// What happened.
    pub(crate) cause: String,
    /// What to do.
    pub(crate) cure: String,
    /// How long ago it was.
    pub(crate) seconds_ago: u64,
}

/// A worker that is to end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LeavingStatus {
    /// Its process.
    pub(crate) pid: u32,
    /// Its open connections, when it last told.
    pub(crate) connections: u64,
}
