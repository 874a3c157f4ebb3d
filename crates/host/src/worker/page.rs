//! The role that answers every request with a page: a failure, or `app_offline.htm`. Plain Rust, no CoreCLR.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use mews_server::{Limits, PageHandler, Server, ServerConfig};

use super::{Control, DRAIN_GRACE, Listener, pages};
use crate::control::{Ending, PageSpec, WorkerMessage};
use crate::edge::Edge;
use crate::fatal::Fatal;

/// Serves until told to stop; then finishes what it has, for at most `limit`.
pub(crate) fn run(
    page: &PageSpec,
    listeners: Vec<Listener>,
    control: &Control,
    edge: &Edge,
    limit: Duration,
) -> Result<u8, Fatal> {
    let listeners = listeners.into_iter().map(Listener::for_server).collect();
    let headers = match page {
        PageSpec::Failure(page) => page.rules.headers.clone(),
        PageSpec::Offline(page) => page.headers.clone(),
    };
    let config = ServerConfig {
        io_threads: 1,
        limits: Limits::default(),
        response_headers: headers,
        accounting: edge.accounting("", ""),
        http2: edge.http2(),
        ..ServerConfig::default()
    };
    let server = Server::start(config, listeners, handler(page))
        .map_err(|error| Fatal::failed(format!("the page cannot be served: {error}")))?;
    let server = Arc::new(server);
    let shown = Arc::clone(&server);
    control.answer_for(&server);
    control.on_page(move |page| shown.set_handler(handler(page)));
    let (stop, stopped) = mpsc::channel();
    control.on_stop(move |why| {
        // The receiver lives until it has this.
        let _ = stop.send(why);
    });
    server.accept();
    control.send(&WorkerMessage::Started { app: None, dotnet: None, hostfxr: None });
    // An error means that the sender is gone without a word, which is a stop as well.
    let why = stopped.recv().unwrap_or(Ending::HostStops);
    server.drain(if matches!(why, Ending::HostStops) { Duration::ZERO } else { DRAIN_GRACE });
    control.send(&WorkerMessage::Closed);
    server.wait_idle(limit);
    Ok(0)
}

fn handler(page: &PageSpec) -> Arc<PageHandler> {
    Arc::new(match page {
        PageSpec::Failure(page) => pages::failure(&page.failure, &page.rules, page.retry_after),
        PageSpec::Offline(page) => pages::offline(&page.file),
    })
}
