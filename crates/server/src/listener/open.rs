//! A connection from the moment that it is ours: its shard, its facts, and what is spoken on it.

use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use mio::net::{TcpStream, UnixStream};

use super::addresses::Admission;
use crate::access::{Cause, Unserved};
use crate::clock;
use crate::handler::{Client, ConnectionInfo};
use crate::http1::{self, Conn, Rejection};
use crate::http2::{self, Connection};
use crate::output::{Stream, Wire, socket};
use crate::peek::{self, Dispatch};
use crate::reactor::{Io, Shard, Task};
use crate::server::Shared;
use crate::stats::Counters;
use crate::tls::{Opened, Opening, Tls};

static NEXT_CONNECTION: AtomicU64 = AtomicU64::new(1);

/// Begins to serve the connection of a client, of which nothing has been read.
pub(super) fn client(
    server: &Arc<Shared>,
    stream: TcpStream,
    tls: Option<&Tls>,
    client: Client,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut info = info(client);
    match server.addresses().admit(info.remote) {
        Admission::Served(place) => info.place = place,
        // There is nothing to be said in the clear.
        Admission::Refused(_) if tls.is_some() => return drop_at_once(server, &stream, &info),
        Admission::Refused(place) => {
            info.place = Some(place);
            let (io, stream) = reserve(server, stream)?;
            count(server);
            let conn = Conn::new(info, server.clone(), io.clone(), Wire::new(stream), None);
            io.start(Task::new(io.shard().clone(), http1::refuse(conn, Rejection::ADDRESS)), None);
            return Ok(());
        }
        Admission::Dropped => return drop_at_once(server, &stream, &info),
    }
    let Some(tls) = tls else { return plain(server, stream.into(), info) };
    let (io, stream) = reserve(server, stream)?;
    let opening = Opening::new(&info, io.clone(), server.clone(), stream, tls).map_err(|error| {
        io.release();
        io::Error::other(error)
    })?;
    count(server);
    let task = Task::new(io.shard().clone(), secure(opening, info, server.clone(), io.clone()));
    io.start(task, None);
    Ok(())
}

/// Begins to look who the connection of a client is for.
pub(super) fn looked_at(
    server: &Arc<Shared>,
    stream: TcpStream,
    tls: bool,
    to: &Arc<dyn Dispatch>,
    client: Client,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (io, stream) = reserve(server, stream)?;
    count(server);
    let watch = peek::watch(server.clone(), io.clone(), stream, info(client), tls, to.clone());
    io.start(Task::new(io.shard().clone(), watch), None);
    Ok(())
}

/// Begins to serve a connection over which another worker forwards the requests of one client.
pub(super) fn relayed(server: &Arc<Shared>, stream: UnixStream, client: Client) -> io::Result<()> {
    plain(server, stream.into(), info(client))
}

/// Closes the connection of an address that has too many.
fn drop_at_once(server: &Shared, stream: &TcpStream, info: &ConnectionInfo) -> io::Result<()> {
    Counters::add(&server.counters().accepted);
    Counters::add(&server.counters().address_limit_hits);
    server.accounting().unserved(&Unserved {
        remote: info.remote,
        local: info.local,
        head: b"",
        cause: Cause::Address,
        sent: 0,
        duration_ns: 0,
    });
    socket::swallow(stream.as_fd());
    Ok(())
}

fn info(client: Client) -> ConnectionInfo {
    ConnectionInfo::new(NEXT_CONNECTION.fetch_add(1, Ordering::Relaxed), clock::now_ns(), client)
}

fn plain(server: &Arc<Shared>, stream: Stream, info: ConnectionInfo) -> io::Result<()> {
    let (io, stream) = reserve(server, stream)?;
    count(server);
    let is_clients = matches!(stream, Stream::Tcp(_));
    if is_clients && server.speaks_http2(&info.client(), false, Some("")).unwrap_or(false) {
        let task = Task::new(io.shard().clone(), either(info, server.clone(), io.clone(), stream));
        io.start(task, None);
    } else {
        http1::serve(Conn::new(info, server.clone(), io, Wire::new(stream), None));
    }
    Ok(())
}

fn count(server: &Shared) {
    Counters::add(&server.counters().accepted);
    server.connection_opened();
}

/// A place in the shard that has the fewest connections.
fn reserve<S: mio::event::Source>(server: &Shared, mut stream: S) -> io::Result<(Arc<Io>, S)> {
    let shard: Option<&Arc<Shard>> = server.shards().iter().min_by_key(|shard| shard.load());
    let Some(shard) = shard else { return Err(io::ErrorKind::NotConnected.into()) };
    let io = shard.reserve();
    match io.register(&mut stream) {
        Ok(()) => Ok((io, stream)),
        Err(error) => {
            io.release();
            Err(error)
        }
    }
}

/// A connection of a TLS listener: the handshake, then what was agreed on.
async fn secure(opening: Opening, mut info: ConnectionInfo, server: Arc<Shared>, io: Arc<Io>) {
    match opening.await {
        Opened::Secured { wire, info: tls, http2, gate } => {
            info.tls = Some(Arc::from(tls));
            if http2 {
                return http2::connection(Connection::new(info, server, io, wire, gate)).await;
            }
            http1::connection(Conn::new(info, server, io, wire, gate)).await;
        }
        Opened::Plain(wire) => {
            http1::refuse(Conn::new(info, server, io, wire, None), Rejection::PLAIN).await;
        }
        Opened::Failed => {}
    }
}

/// A connection that is not served yet. Dropping it closes it.
struct Waiting {
    io: Arc<Io>,
    server: Arc<Shared>,
    stream: Option<Stream>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.stream.is_some() {
            self.io.release();
            self.server.connection_closed();
        }
    }
}

/// A connection without TLS whose client may speak HTTP/2 from the start. One that has not said so in time speaks HTTP/1.
async fn either(info: ConnectionInfo, server: Arc<Shared>, io: Arc<Io>, stream: Stream) {
    let until = clock::deadline(server.limits().header_timeout);
    let mut waiting = Waiting { io: io.clone(), server: server.clone(), stream: Some(stream) };
    let speaks_http2 = poll_fn(|_| {
        let Some(stream) = &waiting.stream else { return Poll::Ready(false) };
        let in_time = clock::coarse_ms() < until && !server.is_draining();
        io.set_deadline(until);
        io.begin_read();
        let mut begun = [0; http2::PREFACE.len()];
        match socket::peek(stream.as_fd(), &mut begun) {
            // What has come stays in the socket; more of it is an event.
            Ok(count @ 1..)
                if count < begun.len() && http2::PREFACE.starts_with(&begun[..count]) && in_time =>
            {
                Poll::Pending
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && in_time => Poll::Pending,
            Ok(_) => Poll::Ready(begun == *http2::PREFACE),
            Err(_) => Poll::Ready(false),
        }
    })
    .await;
    let Some(stream) = waiting.stream.take() else { return };
    io.more_to_read();
    let wire = Wire::new(stream);
    if speaks_http2 {
        http2::connection(Connection::new(info, server, io, wire, None)).await;
    } else {
        http1::connection(Conn::new(info, server, io, wire, None)).await;
    }
}
