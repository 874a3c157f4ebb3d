//! What status and reports tell of a pool's past.

use std::time::Duration;

use super::AppPool;
use crate::failure::Failure;
use crate::lifecycle::{Moment, RecycleCause, WorkerId};

/// What has happened to a pool.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// How often its application ended unasked and was started again.
    pub restarts: u32,
    /// How many replacements have ended, well or not.
    pub recycles: u32,
    /// The last of them.
    pub last_recycle: Option<Recycled>,
    /// The last failure, and when it came.
    pub last_failure: Option<(Moment, Failure)>,
}

/// A replacement that has ended.
#[derive(Clone, Debug)]
pub struct Recycled {
    /// The worker that has taken over, or could not.
    pub worker: WorkerId,
    /// Why it was begun.
    pub cause: RecycleCause,
    /// When it ended.
    pub at: Moment,
    /// How long it took.
    pub took: Duration,
    /// Why the new worker could not take over. `None` when it has.
    pub failure: Option<Failure>,
}

impl AppPool {
    pub(super) fn remember(&mut self, failure: &Failure, now: Moment) {
        self.record.last_failure = Some((now, failure.clone()));
    }
}
