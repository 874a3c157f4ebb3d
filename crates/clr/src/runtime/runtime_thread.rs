//! The thread that runs the app's `Main`: deep enough, prepared for managed code, and waited for.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::altstack::prepare_thread;
use crate::hostfxr::{Context, Exit, Initialized};

/// As deep as .NET's own main thread usually is, in bytes.
pub const DEFAULT_STACK_BYTES: usize = 8 * 1024 * 1024;

/// A running app.
#[derive(Debug)]
pub struct RuntimeThread {
    exit: Receiver<Exit>,
    thread: JoinHandle<()>,
}

impl RuntimeThread {
    /// Loads CoreCLR and runs the app's `Main` on a new thread with `stack_bytes` of stack.
    ///
    /// # Errors
    /// The thread or its signal stack cannot be made.
    pub fn start(context: Context<Initialized>, stack_bytes: usize) -> io::Result<Self> {
        let (ready, prepared) = sync_channel(1);
        let (ended, exit) = sync_channel(1);
        let thread =
            Builder::new().name("dotnet-main".to_owned()).stack_size(stack_bytes).spawn(move || {
                let preparation = prepare_thread();
                let go = preparation.is_ok();
                // Neither receiver is gone before its one message: the first is waited for below; if the second is, nobody
                // wants to know.
                let _ = ready.send(preparation);
                if go {
                    let _ = ended.send(context.run());
                }
            })?;
        match prepared.recv() {
            Ok(Ok(())) => Ok(Self { exit, thread }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::Error::other("the runtime's thread ended before it began")),
        }
    }

    /// Waits until `Main` has returned. A panic on the thread counts as exit code −1.
    #[must_use]
    pub fn wait(self) -> Exit {
        let exit = self.exit.recv().unwrap_or_else(|_| lost());
        // It has nothing left to do but end; how it ends says no more than its message.
        let _ = self.thread.join();
        exit
    }

    /// Waits at most so long; `None` if `Main` is still running. After an answer there is nothing more to wait for.
    #[must_use]
    pub fn wait_timeout(&self, limit: Duration) -> Option<Exit> {
        match self.exit.recv_timeout(limit) {
            Ok(exit) => Some(exit),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(lost()),
        }
    }
}

fn lost() -> Exit {
    Exit { code: -1, words: "the runtime's thread ended without an exit code".to_owned() }
}
