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

/// An effect, performed by the supervisor in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start a worker with the application.
    SpawnWorker(WorkerId),
    /// Start a worker that answers every request with this failure.
    SpawnFailurePage(WorkerId, Failure),
    /// Tell a worker of the latter kind to show another failure.
    UpdateFailurePage(WorkerId, Failure),
    /// Tell a worker to stop taking connections, finish what it has, and end.
    StopWorker(WorkerId),
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
    /// End the supervisor with this exit code. The last effect ever.
    Exit(u8),
}
