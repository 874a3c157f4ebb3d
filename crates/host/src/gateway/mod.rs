//! The gateway: the process that accepts on addresses which applications of several pools share. It looks at the first
//! bytes of each connection and hands the connection to the worker of the pool that it is for. It reads nothing that
//! anybody else is to read, and has neither certificates nor applications.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `pools` | what waits for the worker of each pool, and what is on its way there |
//! | `inbound` | what workers say and send |
//! | `desk` | whom a connection is for, and what is answered here |
//! | `tally` | what is counted |

mod desk;
mod inbound;
mod pools;
mod tally;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mews_server::{Limits, Server, ServerConfig};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::control::WorkerMessage;
use crate::fatal::Fatal;
use crate::worker::{Control, Place};

use desk::Desk;
use pools::Pools;
use tally::Tally;

/// Connections that may be looked at or wait, where the system sets no limit of open files.
const MOST_CONNECTIONS: usize = 65_536;

/// Shares connections out until told to stop.
pub(crate) fn run(place: Place, control: &Control, limit: Duration) -> Result<u8, Fatal> {
    let Place { listeners, routes: Some(routes), .. } = place else {
        return Err(Fatal::failed("the gateway was not told whom connections are for"));
    };
    // It starts nobody who would inherit this, and connections are all that it has.
    let files = getrlimit(Resource::Nofile);
    let all = Rlimit { current: files.maximum, ..files };
    let files = setrlimit(Resource::Nofile, all).map_or(files, |()| all);
    // Each connection that is handed over is open twice for a moment.
    let files = files.current.and_then(|files| usize::try_from(files).ok());
    let most = files.map_or(MOST_CONNECTIONS, |files| (files / 3).clamp(16, MOST_CONNECTIONS));
    let config = ServerConfig {
        io_threads: 1,
        limits: Limits { max_connections: most, ..Limits::default() },
        ..ServerConfig::default()
    };
    let tally = Arc::new(Tally::default());
    let desk = Arc::new(Desk::new(&routes, &tally));
    let server = Server::start(config, Vec::new(), desk::unavailable())
        .map_err(|error| Fatal::failed(format!("the gateway cannot serve: {error}")))?;
    let server = Arc::new(server);
    let pools = Pools::new(control.clone(), Arc::clone(&server), Arc::clone(&tally), most / 4);
    server.set_router(desk.clone());
    let counter = desk.counter(&pools);
    let urls: BTreeMap<usize, String> =
        listeners.iter().map(|listener| (listener.number, listener.url.clone())).collect();
    control.count_with({
        let (server, pools) = (Arc::clone(&server), Arc::clone(&pools));
        move |snapshot| tally.fill(snapshot, &server, &urls, pools.waiting())
    });
    for listener in listeners {
        if let Some(socket) = listener.socket {
            server.share_out(socket, listener.number, listener.secure, counter.clone());
        }
    }
    control.on_channel({
        let pools = Arc::clone(&pools);
        move |pool, channel| {
            if let Some(pool) = pool {
                pools.attach(pool, channel);
            }
        }
    });
    control.on_routes(move |routes| desk.replace(routes));
    let (stop, stopped) = std::sync::mpsc::channel();
    control.on_stop(move |_| {
        // The receiver lives until it has this.
        let _ = stop.send(());
    });
    server.accept();
    control.send(&WorkerMessage::Started { app: None, dotnet: None, hostfxr: None });
    // An error means that the sender is gone without a word, which is a stop as well.
    let _ = stopped.recv();
    server.stop_accepting();
    pools.stop();
    server.drain(Duration::ZERO);
    server.wait_idle(limit);
    pools.wait_taken(limit);
    Ok(0)
}
