//! What the supervisor has to do.

use crate::failure::Failure;
use crate::lifecycle::{Moment, WorkerId};

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something happened as it should.
    Info,
    /// Something is not as it should be, and is being handled.
    Warn,
    /// The application is not available.
    Error,
}

/// What a page worker answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Why the application does not run.
    Failure(Failure),
    /// The file `app_offline.htm`.
    Offline,
}

/// Why a worker is told to end, and so how much it may do before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Another worker takes the connections, now or later: clients that are about to send a request lose nothing.
    Replaced,
    /// The application was taken offline: further requests are answered with `app_offline.htm`.
    Offline,
    /// The host stops.
    Ending,
}

/// An effect, performed by the supervisor in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start a worker with the application.
    SpawnWorker {
        /// Its number.
        id: WorkerId,
        /// Whether everything of the application is to be started before the worker is ready: nobody waits for it, or
        /// another worker still answers.
        eager: bool,
    },
    /// Start a worker that answers every request with this.
    SpawnPage(WorkerId, Shown),
    /// Tell a worker of the latter kind to show something else.
    UpdatePage(WorkerId, Shown),
    /// Tell a worker to stop taking connections, finish what it has, and end.
    StopWorker(WorkerId, Leave),
    /// End a worker's process at once.
    KillWorker(WorkerId),
    /// Send `TimerFired` at this moment; replaces the timer before it. `None`: no timer.
    SetTimer(Option<Moment>),
    /// Write a line to the log.
    Log {
        /// How much it matters.
        level: Level,
        /// The event's number in the original, if it has one.
        event_id: Option<u16>,
        /// The line.
        text: String,
    },
    /// Nothing of the pool is left. The last effect ever.
    Gone,
}
