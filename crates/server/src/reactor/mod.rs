//! The event loop: *shards*, each an epoll instance and a queue of ready tasks, driven by one thread
//! at a time.
//!
//! Handlers run on the driving thread, so a driver can get stuck inside application code. Nothing of a
//! shard is held while a task is polled; the [`watchdog`] therefore can hand the shard to another thread,
//! and the stuck one, when it returns, finds that its turn has passed and becomes a spare.
//!
//! Tasks are ordinary futures with ordinary wakers. An HTTP/1 connection is one; others may follow.

mod io;
mod job;
mod probe;
mod shard;
mod suspicion;
mod task;
mod threads;
mod watchdog;

pub(crate) use io::{Hook, Io};
pub(crate) use shard::Shard;
pub(crate) use task::Task;
pub(crate) use threads::Threads;
pub(crate) use watchdog::{Signal, Watchdog};
