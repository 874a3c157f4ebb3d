//! What workers leave behind. The supervisor adopts it, and looks after it as init would.

use mews_model::HostingModel;
use mews_process::descendants::{self, Orphans};

use super::Supervisor;
use super::worker::{Kind, Worker};

/// Ends what came from a worker that has ended. The programs of an out-of-process app died with it; what these
/// had started did not. An in-process app's own children are its own affair. `children` are all workers that live.
pub(super) fn end_programs(worker: &Worker, children: &[u32]) {
    if worker.kind() != Kind::App(HostingModel::OutOfProcess) {
        return;
    }
    let others: Vec<u32> = children.iter().copied().filter(|pid| *pid != worker.pid()).collect();
    let from = Orphans::Of { worker: worker.pid(), groups: worker.programs() };
    let left = descendants::end_orphans(from, &others);
    if !left.is_empty() {
        tracing::warn!("processes that the app had started could not be ended: {left:?}");
    }
}

impl Supervisor {
    /// Takes whatever else has ended from the process table.
    pub(super) fn reap_orphans(&self) {
        let reaped = descendants::reap_orphans(&self.children());
        if !reaped.is_empty() {
            tracing::debug!(?reaped, "orphans have ended");
        }
    }

    /// The processes of all workers, and the gateway's.
    pub(super) fn children(&self) -> Vec<u32> {
        let workers = self.pools.values().flat_map(|pool| pool.workers.values()).map(Worker::pid);
        workers.chain(self.gateway.pids()).collect()
    }
}
