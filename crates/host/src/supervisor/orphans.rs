//! What workers leave behind. The supervisor adopts it, and looks after it as init would.

use mews_model::HostingModel;
use mews_process::descendants::{self, Orphans};

use super::Supervisor;
use super::worker::{Kind, Worker};

impl Supervisor {
    /// Ends what came from a worker that has ended. The programs of an out-of-process app died with it; what these
    /// had started did not. An in-process app's own children are its own affair.
    pub(super) fn end_programs(&self, worker: &Worker) {
        if worker.kind() != Kind::App(HostingModel::OutOfProcess) {
            return;
        }
        let from = Orphans::Of { worker: worker.pid(), sessions: worker.programs() };
        let left = descendants::end_orphans(from, &self.children());
        if !left.is_empty() {
            tracing::warn!("processes that the app had started could not be ended: {left:?}");
        }
    }

    /// Takes whatever else has ended from the process table.
    pub(super) fn reap_orphans(&self) {
        let reaped = descendants::reap_orphans(&self.children());
        if !reaped.is_empty() {
            tracing::debug!(?reaped, "orphans have ended");
        }
    }

    fn children(&self) -> Vec<u32> {
        self.workers.values().map(Worker::pid).collect()
    }
}
