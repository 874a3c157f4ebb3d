//! What can happen to an application pool.

use std::fmt;
use std::time::Duration;

use crate::failure::Failure;
use crate::lifecycle::RecycleCause;

/// Names a worker process for the life of the supervisor. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u32);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Why the .NET host did not even begin to run an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One plain sentence.
    pub cause: String,
    /// What to do about it.
    pub cure: String,
}

/// How a worker process ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// It ended by itself with exit code 0.
    pub clean: bool,
    /// For a sentence: `exited with code 134`, `was killed by SIGSEGV (signal 11)`.
    pub description: String,
    /// What ended the app, when that is known better than by the process's end: `An unhandled exception
    /// ended the app`. Holds nothing that the app said.
    pub cause: Option<String>,
    /// What the app itself gave as the reason, one line.
    pub reason: Option<String>,
    /// Set when no code of the app has run at all; says more than everything else here. Out-of-process only.
    pub refusal: Option<Refusal>,
    /// Lines for a developer: the last that the process wrote to stderr.
    pub detail: Option<String>,
}

/// What was measured of a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Requests that it has begun.
    pub requests: u64,
    /// How long it has been without a request; zero while there is one.
    pub idle: Duration,
    /// Bytes of memory that it and its programs use, if that was looked at.
    pub memory: Option<u64>,
}

/// An event, fed into the machine by the supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Begin. Ignored after the first time.
    Start,
    /// A client has connected while nobody accepts.
    ConnectionWaits,
    /// The worker's application has started: its server takes requests.
    WorkerStarted(WorkerId),
    /// The worker says that its application cannot start, or could not be spawned at all. Its process may
    /// still be ending; `WorkerExited` follows in any case.
    WorkerFailed(WorkerId, Failure),
    /// The worker's application stops of its own accord.
    WorkerStopping(WorkerId),
    /// The worker, which was told to end, takes no connections any more.
    WorkerClosed(WorkerId),
    /// The worker has not answered for so long.
    WorkerHung(WorkerId, Duration),
    /// What was measured of the worker.
    WorkerMeasured(WorkerId, Measured),
    /// The worker's process has ended. Comes once for every worker that was to be spawned.
    WorkerExited(WorkerId, Exit),
    /// Files of the application changed since its last start.
    FilesChanged,
    /// The file `app_offline.htm` is there (or has changed), or has gone.
    Offline(bool),
    /// Replace the worker.
    Recycle(RecycleCause),
    /// Start, whatever has happened: by command.
    TurnOn,
    /// Stop, and stay so: by command.
    TurnOff,
    /// The moment of the last `SetTimer` has come (or passed, or nearly).
    TimerFired,
    /// Stop gracefully, for good.
    StopRequested,
    /// Stop at once, for good.
    SecondStop,
}
