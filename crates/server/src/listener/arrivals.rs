//! Connections that somebody else has accepted: taken from where they come in, and served as if accepted here.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use mio::net::{TcpStream, UnixStream};
use mio::unix::SourceFd;

use super::accept::{Acceptor, BATCH};
use super::open;
use crate::clock;
use crate::handler::Client;
use crate::reactor::{Shard, Task};
use crate::server::Shared;
use crate::sync::lock;
use crate::tls::Tls;

/// Where connections come from that somebody else has accepted. The descriptor is readable when there may be one.
pub trait Arrivals: AsFd + Send + 'static {
    /// The next one, without waiting: `WouldBlock` if there is none now, `None` once none will come any more.
    ///
    /// # Errors
    /// What keeps more from coming; it is not asked again.
    fn next(&mut self) -> io::Result<Option<Arrival>>;

    /// Takes no more. Those that have come already can still be had.
    fn close(&mut self);

    /// Whether it is asked on when the server accepts nothing any more, and never closed: it brings word of other things than
    /// connections. The server does not wait for it to end.
    fn outlives_accepting(&self) -> bool {
        false
    }
}

/// A connection that somebody else has accepted.
#[derive(Debug)]
pub enum Arrival {
    /// That of a client, of which nothing has been read.
    Client {
        /// The connection.
        stream: std::net::TcpStream,
        /// The number of the listener that it was accepted from.
        listener: usize,
        /// What clients must speak there; `None` = plain HTTP.
        tls: Option<Tls>,
    },
    /// One over which another worker of this host forwards the requests of one client's connection, as they were sent.
    Relayed {
        /// The connection.
        stream: std::os::unix::net::UnixStream,
        /// That client.
        client: Client,
    },
}

/// Starts to take connections with a task on `shard`.
pub(crate) fn start(
    server: &Arc<Shared>,
    shard: &Arc<Shard>,
    arrivals: Box<dyn Arrivals>,
) -> io::Result<Arc<Acceptor>> {
    let io = shard.reserve();
    let descriptor = arrivals.as_fd().as_raw_fd();
    if let Err(error) = io.register_read(&mut SourceFd(&descriptor)) {
        io.release();
        return Err(error);
    }
    let acceptor = Arc::new(Acceptor { io: io.clone(), paused: AtomicBool::new(false) });
    let outlives = arrivals.outlives_accepting();
    let source = (!outlives).then(|| server.source_began());
    let slot = Mutex::new(Some((arrivals, source)));
    let (server, this) = (server.clone(), acceptor.clone());
    let task = Task::new(
        shard.clone(),
        poll_fn(move |_| {
            let mut slot = lock(&slot);
            let Some((arrivals, _)) = &mut *slot else { return Poll::Ready(()) };
            if server.is_closed() && !outlives {
                arrivals.close();
                // What was on its way is ours: whoever sent it has done its part.
                while take(&server, &mut **arrivals) == Took::One {}
                this.io.release();
                *slot = None;
                return Poll::Ready(());
            }
            for _ in 0..BATCH {
                this.paused.store(server.is_full(), Ordering::Relaxed);
                if server.is_full() {
                    this.io.set_deadline(clock::deadline(super::accept::PAUSE));
                    return Poll::Pending;
                }
                match take(&server, &mut **arrivals) {
                    Took::One => {}
                    Took::Nothing => return Poll::Pending,
                    Took::Last => {
                        this.io.release();
                        *slot = None;
                        return Poll::Ready(());
                    }
                }
            }
            this.io.wake();
            Poll::Pending
        }),
    );
    io.start(task, None);
    Ok(acceptor)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Took {
    One,
    Nothing,
    Last,
}

fn take(server: &Arc<Shared>, arrivals: &mut dyn Arrivals) -> Took {
    let arrival = match arrivals.next() {
        Ok(Some(arrival)) => arrival,
        Ok(None) => return Took::Last,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Took::Nothing,
        Err(error) => {
            tracing::error!(%error, "no more connections can be taken over");
            return Took::Last;
        }
    };
    if let Err(error) = adopt(server, arrival) {
        tracing::debug!(%error, "a connection that was handed over could not be set up");
    }
    Took::One
}

/// Serves a connection that somebody else has accepted.
pub(crate) fn adopt(server: &Arc<Shared>, arrival: Arrival) -> io::Result<()> {
    match arrival {
        Arrival::Client { stream, listener, tls } => {
            stream.set_nonblocking(true)?;
            let remote = Some(stream.peer_addr()?);
            let local = stream.local_addr().ok();
            let stream = TcpStream::from_std(stream);
            open::client(
                server,
                stream,
                tls.as_ref(),
                Client { listener, remote, local, ..Client::default() },
            )
        }
        Arrival::Relayed { stream, client } => {
            stream.set_nonblocking(true)?;
            open::relayed(server, UnixStream::from_std(stream), client)
        }
    }
}
