//! One connection to an upstream, registered with the shard of the client connections that use it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use super::relay::{Cause, Relay};
use super::upstream::Upstream;
use crate::clock;
use crate::handler::ConnectionInfo;
use crate::output::Wire;
use crate::reactor::{Io, Shard, Task};
use crate::sync::lock;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Both directions, after what the kernel has.
    Close,
    /// At once, so that the upstream sees that its request is aborted.
    Reset,
}

/// See the module's documentation.
pub(super) struct Link {
    pub(super) io: Arc<Io>,
    pub(super) wire: Wire,
    upstream: Arc<Upstream>,
    /// That of the upstream when it was made.
    generation: u64,
    current: Mutex<Option<Arc<Relay>>>,
    /// Coarse time at which it is given up while idle.
    idle_until: AtomicU64,
    over: AtomicBool,
}

impl Link {
    /// Begins to connect. Nobody is told of anything before [`Self::attach`]; what has happened by then is still to be
    /// seen in `io`.
    pub(super) fn open(
        upstream: &Arc<Upstream>,
        shard: &Arc<Shard>,
        client: &ConnectionInfo,
    ) -> io::Result<Arc<Self>> {
        let generation = upstream.generation();
        let mut stream = upstream.open(client)?;
        let io = shard.reserve_uncounted();
        if let Err(error) = io.register(&mut stream) {
            io.release();
            return Err(error);
        }
        let link = Arc::new(Self {
            io: io.clone(),
            wire: Wire::new(stream),
            upstream: upstream.clone(),
            generation,
            current: Mutex::new(None),
            idle_until: AtomicU64::new(0),
            over: AtomicBool::new(false),
        });
        io.start(Task::new(shard.clone(), Watch(link.clone())), None);
        Ok(link)
    }

    pub(super) fn shard(&self) -> &Arc<Shard> {
        self.io.shard()
    }

    pub(super) fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Tells `relay` of what happens from now on.
    pub(super) fn attach(&self, relay: Arc<Relay>) {
        *lock(&self.current) = Some(relay);
    }

    /// Tells nobody any more; answers who was told.
    pub(super) fn detach(&self) -> Option<Arc<Relay>> {
        lock(&self.current).take()
    }

    /// Whether the upstream has neither closed it nor sent anything.
    pub(super) fn is_quiet(&self) -> bool {
        if self.is_over() || self.io.broken() || self.io.read_closed() {
            return false;
        }
        self.io.begin_read();
        matches!(self.wire.peek(), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    pub(super) fn idle_until(&self, deadline: u64) {
        self.idle_until.store(deadline, Ordering::Relaxed);
        self.io.set_deadline(deadline);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Ends the connection now; whoever calls has taken it out of use.
    pub(super) fn end(&self, how: Ending) {
        if self.over.swap(true, Ordering::AcqRel) {
            return;
        }
        match how {
            Ending::Close => self.wire.close(),
            Ending::Reset => self.wire.reset(),
        }
        // Its task ends, and with it the registration.
        self.io.wake();
    }

    fn look(self: &Arc<Self>) {
        let current = lock(&self.current).clone();
        match current {
            Some(relay) => relay.advance(Cause::Upstream),
            None => {
                let late = clock::coarse_ms() >= self.idle_until.load(Ordering::Relaxed);
                let changed = self.io.can_read() && !self.is_over();
                // Out of the pool first: from then on nobody else uses it.
                if (late || changed) && self.upstream.discard(self) {
                    if !late && self.is_quiet() {
                        self.upstream.put_back(self.clone());
                    } else {
                        self.end(Ending::Close);
                    }
                }
            }
        }
    }
}

/// The task of a connection: it passes events on, and lives as long as the connection.
struct Watch(Arc<Link>);

impl Future for Watch {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let link = &self.0;
        if !link.is_over() {
            link.look();
        }
        if link.is_over() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let link = &self.0;
        link.io.release();
        if !link.over.swap(true, Ordering::AcqRel) {
            // The server stops, or something panicked.
            match link.detach() {
                Some(relay) => {
                    link.wire.reset();
                    relay.lost();
                }
                None => {
                    link.upstream.discard(link);
                    link.wire.close();
                }
            }
        }
    }
}
