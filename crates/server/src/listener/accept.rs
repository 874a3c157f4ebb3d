//! Accepting connections. Until it starts, clients wait in the kernel's queue.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use mio::net::TcpListener;
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, getrlimit};

use super::open;
use crate::clock;
use crate::handler::Client;
use crate::peek::Dispatch;
use crate::reactor::{Io, Shard, Task};
use crate::server::Shared;
use crate::stats::Counters;
use crate::sync::lock;
use crate::tls::Tls;

/// Connections accepted before other tasks of the shard get their turn.
pub(super) const BATCH: usize = 64;
/// Descriptors that are left for the app, as far as the limit allows: it loads assemblies and opens files with
/// them, and breaks where a connection could have waited in the kernel's queue.
const RESERVE: RawFd = 128;
/// How long to wait when the system has no descriptor or memory left.
pub(super) const PAUSE: Duration = Duration::from_millis(250);

/// A running accept task, to be woken when it may go on or must end.
pub(crate) struct Acceptor {
    pub(super) io: Arc<Io>,
    pub(super) paused: AtomicBool,
}

impl Acceptor {
    /// Looks again: the task was stopped, or a connection has gone.
    pub(crate) fn wake(&self) {
        self.io.wake();
    }

    /// Goes on if it waits for a connection to go.
    pub(crate) fn resume(&self) {
        if self.paused.load(Ordering::Relaxed) {
            self.io.wake();
        }
    }
}

enum Accepted {
    /// Nothing to accept now.
    Drained,
    /// There may be more.
    More,
    /// Must wait for a descriptor, memory or a connection's end.
    Blocked,
}

/// What becomes of accepted connections.
#[derive(Clone)]
pub(crate) enum Spoken {
    /// HTTP is spoken on them.
    Plain,
    /// HTTP over TLS.
    Secure(Tls),
    /// They are looked at and shared out; whether TLS is spoken.
    Shared(bool, Arc<dyn Dispatch>),
}

/// Starts accepting on a socket with a task on `shard`. `number` is what its connections are told apart by.
pub(crate) fn start(
    server: &Arc<Shared>,
    shard: &Arc<Shard>,
    socket: std::net::TcpListener,
    number: usize,
    spoken: Spoken,
) -> io::Result<Arc<Acceptor>> {
    socket.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(socket);
    let io = shard.reserve();
    if let Err(error) = io.register_read(&mut listener) {
        io.release();
        return Err(error);
    }
    let acceptor = Arc::new(Acceptor { io: io.clone(), paused: AtomicBool::new(false) });
    // Without a single descriptor left there is nothing to keep.
    let in_use = next_descriptor(&listener).unwrap_or(RawFd::MAX);
    let ceiling = ceiling(getrlimit(Resource::Nofile).current, in_use);
    let slot = Mutex::new(Some((listener, server.source_began())));
    let (server, this) = (server.clone(), acceptor.clone());
    let task = Task::new(
        shard.clone(),
        poll_fn(move |_| {
            let mut slot = lock(&slot);
            let Some((listener, _)) = &*slot else { return Poll::Ready(()) };
            if server.is_closed() {
                this.io.release();
                *slot = None;
                return Poll::Ready(());
            }
            let from = From { listener, number, spoken: &spoken, ceiling };
            match accept(&server, &from, this.paused.load(Ordering::Relaxed)) {
                Accepted::Drained => this.paused.store(false, Ordering::Relaxed),
                Accepted::More => {
                    this.paused.store(false, Ordering::Relaxed);
                    this.io.wake();
                }
                Accepted::Blocked => {
                    this.paused.store(true, Ordering::Relaxed);
                    this.io.set_deadline(clock::deadline(PAUSE));
                }
            }
            Poll::Pending
        }),
    );
    io.start(task, None);
    Ok(acceptor)
}

/// What is accepted from.
struct From<'a> {
    listener: &'a TcpListener,
    number: usize,
    spoken: &'a Spoken,
    /// The lowest descriptor number that connections leave alone.
    ceiling: RawFd,
}

/// `again` = the last attempt was blocked, which has been reported.
fn accept(server: &Arc<Shared>, from: &From<'_>, again: bool) -> Accepted {
    let &From { listener, number, spoken, ceiling } = from;
    let shakes_hands = matches!(spoken, Spoken::Secure(_));
    if again && server.has_connections() && next_descriptor(listener).is_some_and(|next| next >= ceiling) {
        return Accepted::Blocked;
    }
    for _ in 0..BATCH {
        if server.is_full() || (shakes_hands && server.is_full_of_handshakes()) {
            if !again {
                let counters = server.counters();
                let full = server.is_full();
                Counters::add(if full {
                    &counters.connection_limit_hits
                } else {
                    &counters.handshake_limit_hits
                });
            }
            return Accepted::Blocked;
        }
        match listener.accept() {
            Ok((stream, remote)) => {
                let last = stream.as_raw_fd() + 1 >= ceiling;
                let local = stream.local_addr().ok();
                let client = Client { listener: number, remote: Some(remote), local, ..Client::default() };
                let opened = match spoken {
                    Spoken::Plain => open::client(server, stream, None, client),
                    Spoken::Secure(tls) => open::client(server, stream, Some(tls), client),
                    Spoken::Shared(tls, to) => open::looked_at(server, stream, *tls, to, client),
                };
                if let Err(error) = opened {
                    tracing::debug!(%error, "an accepted connection could not be set up");
                }
                if last {
                    if !again {
                        Counters::add(&server.counters().descriptor_limit_hits);
                        tracing::warn!(
                            "no more connections are accepted until some end: the limit of open files is nearly reached; raise it"
                        );
                    }
                    return Accepted::Blocked;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Accepted::Drained,
            Err(error) if is_transient(&error) => {}
            Err(error) => {
                Counters::add(&server.counters().accept_failures);
                if !again {
                    tracing::warn!(
                        %error,
                        "connections cannot be accepted now; trying again until it works. If the limit of open files is reached, raise it"
                    );
                }
                return Accepted::Blocked;
            }
        }
    }
    Accepted::More
}

/// The number that the next descriptor will have. The system gives out the lowest free one, so a copy shows it.
fn next_descriptor(any: &TcpListener) -> Option<RawFd> {
    fcntl_dupfd_cloexec(any, 0).ok().map(|copy| copy.as_raw_fd())
}

/// The lowest descriptor number that connections leave alone: under a limit of open files, of which some were
/// in use before the first connection.
fn ceiling(limit: Option<u64>, in_use: RawFd) -> RawFd {
    let Some(limit) = limit.and_then(|limit| RawFd::try_from(limit).ok()) else { return RawFd::MAX };
    limit - RESERVE.min((limit - in_use) / 2).max(0)
}

/// Failures of the one connection that was to be accepted, not of accepting.
fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Interrupted
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_left_for_the_app() {
        assert_eq!(ceiling(Some(1024), 200), 896);
        assert_eq!(ceiling(Some(300), 200), 250);
        assert_eq!(ceiling(Some(300), 300), 300);
        assert_eq!(ceiling(Some(0), 10), 0);
        assert_eq!(ceiling(Some(u64::MAX), 10), RawFd::MAX);
        assert_eq!(ceiling(None, 10), RawFd::MAX);
    }
}
