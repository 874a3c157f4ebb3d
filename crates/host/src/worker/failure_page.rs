//! The role that answers every request with a failure: plain Rust, no CoreCLR.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use mews_server::{Limits, PageHandler, Server, ServerConfig};

use super::{Control, Listener, pages};
use crate::control::{FailurePage, WorkerMessage};
use crate::edge::Edge;
use crate::fatal::Fatal;

/// Serves until told to stop; then finishes what it has, for at most `limit`.
pub(crate) fn run(
    page: &FailurePage,
    listeners: Vec<Listener>,
    control: &Control,
    edge: &Edge,
    limit: Duration,
) -> Result<u8, Fatal> {
    let listeners = listeners.into_iter().map(Listener::for_server).collect();
    let config = ServerConfig {
        io_threads: 1,
        limits: Limits::default(),
        response_headers: page.rules.headers.clone(),
        accounting: edge.accounting("", ""),
        ..ServerConfig::default()
    };
    let server = Server::start(config, listeners, handler(page))
        .map_err(|error| Fatal::failed(format!("the failure page cannot be served: {error}")))?;
    let server = Arc::new(server);
    let shown = Arc::clone(&server);
    control.on_failure_page(move |page| shown.set_handler(handler(page)));
    let (stop, stopped) = mpsc::channel();
    control.on_stop(move || {
        // The receiver lives until it has this.
        let _ = stop.send(());
    });
    server.accept();
    control.send(&WorkerMessage::Started { app: None, dotnet: None, hostfxr: None });
    // An error means that the sender is gone without a word, which is a stop as well.
    let _ = stopped.recv();
    server.drain(Duration::ZERO);
    server.wait_idle(limit);
    Ok(0)
}

fn handler(page: &FailurePage) -> Arc<PageHandler> {
    Arc::new(pages::failure(&page.failure, &page.rules, page.retry_after))
}
