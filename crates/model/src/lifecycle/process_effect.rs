//! What has to be done for the processes of an out-of-process application.

use std::time::Duration;

use crate::failure::Failure;
use crate::lifecycle::{Level, Moment, RunId, Slot};

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// It is forwarded to this run now.
    Ready(RunId),
    /// It waits for the `Release` of its slot.
    Wait,
    /// It is answered with a failure.
    Refused {
        /// What to answer.
        failure: Failure,
        /// When another request would have better chances, from now.
        retry_after: Option<Duration>,
    },
}

/// An effect, performed in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessEffect {
    /// Start a process on a port of its own, and watch until it listens or ends.
    Spawn {
        /// For which slot.
        slot: Slot,
        /// The name of this start.
        run: RunId,
        /// Counted from 1.
        attempt: u32,
    },
    /// Let go what waits for the slot: forward it to the run, and from now on whatever comes for the slot; or answer
    /// it with the failure, to which what the run printed last is added (it may have been killed just before).
    Release {
        /// Which slot.
        slot: Slot,
        /// Its run.
        run: RunId,
        /// Whether it can be forwarded to.
        outcome: Result<(), Failure>,
    },
    /// Begin no further request with the run.
    Withdraw {
        /// Which slot.
        slot: Slot,
        /// Its run.
        run: RunId,
    },
    /// Send the shutdown message; `ShutdownAnswered` follows.
    SendShutdown(RunId),
    /// Ask the run's processes to end (SIGTERM).
    Terminate(RunId),
    /// End whatever is left of the run, every descendant included, and forget it: nothing more is told about it.
    Kill(RunId),
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
    /// Everything has ended after `StopRequested`. The last effect ever.
    Stopped,
}
