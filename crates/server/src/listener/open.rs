//! A connection from the moment that it is ours: its shard, its facts, and what is spoken on it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mio::net::{TcpStream, UnixStream};

use crate::clock;
use crate::handler::{Client, ConnectionInfo};
use crate::http1::{self, Conn, Rejection};
use crate::output::{Stream, Wire};
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
    let info = info(client);
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

fn info(client: Client) -> ConnectionInfo {
    ConnectionInfo::new(NEXT_CONNECTION.fetch_add(1, Ordering::Relaxed), clock::now_ns(), client)
}

fn plain(server: &Arc<Shared>, stream: Stream, info: ConnectionInfo) -> io::Result<()> {
    let (io, stream) = reserve(server, stream)?;
    count(server);
    http1::serve(Conn::new(info, server.clone(), io, Wire::new(stream), None));
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
        Opened::Secured { wire, info: tls, gate } => {
            info.tls = Some(Arc::from(tls));
            http1::connection(Conn::new(info, server, io, wire, gate)).await;
        }
        Opened::Plain(wire) => {
            http1::refuse(Conn::new(info, server, io, wire, None), Rejection::PLAIN).await;
        }
        Opened::Failed => {}
    }
}
