//! Where a pool can stand.

use crate::lifecycle::{Moment, WorkerId};

/// Where the pool stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was asked of it yet.
    New,
    /// No worker; the first connection starts one.
    Stopped,
    /// A worker starts the application. New connections wait in the kernel, or get the page that was shown before.
    Starting {
        /// The worker that starts it.
        worker: WorkerId,
        /// Counted from 1 since the last success or file change.
        attempt: u32,
        /// When the start has taken too long.
        limit_at: Moment,
    },
    /// The application answers.
    Running {
        /// The worker it runs in.
        worker: WorkerId,
        /// Since when.
        since: Moment,
    },
    /// The application answers, and another worker starts it anew.
    Overlapping {
        /// The worker that answers.
        worker: WorkerId,
        /// Since when it does.
        since: Moment,
        /// The worker that starts.
        next: WorkerId,
        /// When that start has taken too long.
        limit_at: Moment,
    },
    /// The application must not run twice: its worker ends before the next one starts. New connections wait.
    Rotating {
        /// The worker that ends.
        worker: WorkerId,
        /// When its end is not waited for any more.
        give_up_at: Moment,
    },
    /// There was nothing to do; the worker ends.
    Draining {
        /// The worker that ends.
        worker: WorkerId,
        /// When its end is not waited for any more.
        give_up_at: Moment,
    },
    /// The application did not start; the failure page answers.
    Failed {
        /// When it is tried again, unless its files change before.
        retry_at: Moment,
    },
    /// The application crashed repeatedly; the failure page answers.
    Restarting {
        /// When it is tried again, unless its files change before.
        retry_at: Moment,
    },
    /// Given up, or switched off; a page answers.
    Disabled {
        /// Which of both.
        why: Why,
    },
    /// `app_offline.htm` answers.
    Offline,
    /// All workers were told to end.
    Stopping {
        /// Since when.
        since: Moment,
        /// When the supervisor ends even if they have not.
        give_up_at: Moment,
    },
    /// The end.
    Gone,
}

/// Why a pool is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It failed too often within a short time. A command, or a change of files or configuration, starts it again.
    Failures,
    /// It was switched off, or never switched on. Only a command starts it.
    Command,
}
