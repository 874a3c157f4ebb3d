//! What a shard runs on its thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::io::Io;
use super::task::Task;

/// Something ready to run.
pub(super) enum Job {
    /// Poll a task.
    Poll(Arc<Task>),
    /// Tell a connection's hook of events.
    Service(Arc<Io>),
    /// Something that has to happen on the shard's thread.
    Call(Box<dyn FnOnce() + Send>),
}

impl Job {
    pub(super) fn run(self) {
        match self {
            Job::Poll(task) => task.run(),
            Job::Service(io) => {
                let Some(hook) = io.hook() else { return };
                if catch_unwind(AssertUnwindSafe(|| hook.service())).is_err() {
                    tracing::error!("a notification of the handler panicked; the connection is closed");
                    hook.kill();
                    io.wake();
                }
            }
            Job::Call(call) => {
                if catch_unwind(AssertUnwindSafe(call)).is_err() {
                    tracing::error!("a call on an I/O thread panicked");
                }
            }
        }
    }
}
