//! What can happen to the processes of an out-of-process application.

use std::fmt;
use std::net::SocketAddr;

use crate::failure::Failure;
use crate::lifecycle::Exit;

/// One of the places for a process (`processesPerApplication`), counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub usize);

/// Names one start of a process. Never used twice, so that what is told late about a process that was given
/// up is told from what is told about its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u32);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What is seen of a process that starts and cannot be forwarded to yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Seen {
    /// It listens nowhere.
    #[default]
    Nothing,
    /// It listens on its port, but where only IPv6 leads.
    OnlyIpv6,
    /// It listens, but not on its port.
    Elsewhere(Vec<SocketAddr>),
    /// Somebody else listens on its port.
    Foreign {
        /// The process, if it may be known.
        pid: Option<u32>,
        /// Its short name; empty when unknown.
        name: String,
    },
}

/// An event, fed into the machine by whoever performs its effects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessEvent {
    /// The process runs.
    Spawned {
        /// Which start.
        run: RunId,
        /// Its process id.
        pid: u32,
        /// The port that it was told to listen on.
        port: u16,
    },
    /// It could not be made to run. No `Exited` follows.
    SpawnFailed {
        /// Which start.
        run: RunId,
        /// Why.
        failure: Failure,
        /// Whether another attempt may go better.
        retry: bool,
    },
    /// How its port looks. Need not be told again while it does not change.
    Seen {
        /// Which start.
        run: RunId,
        /// What is there.
        what: Seen,
    },
    /// It, or a process that it started, listens on its port.
    Listening {
        /// Which start.
        run: RunId,
        /// Who listens.
        pid: u32,
    },
    /// A process that was watched has ended: the one that was started, or the one that listens.
    Exited {
        /// Which start.
        run: RunId,
        /// How.
        exit: Exit,
        /// Another process of the run that listens on its port all the same.
        served_by: Option<u32>,
    },
    /// What came of `SendShutdown`: the status of the answer, or why there is none.
    ShutdownAnswered {
        /// Which start.
        run: RunId,
        /// The answer.
        answer: Result<u16, String>,
    },
    /// The moment of the last `SetTimer` has come (or passed, or nearly).
    TimerFired,
    /// The application goes offline: its processes end, and none is started. Or it is back.
    Offline(bool),
    /// Stop gracefully.
    StopRequested,
}
