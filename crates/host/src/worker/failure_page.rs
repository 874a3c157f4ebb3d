//! The role that answers every request with a failure: plain Rust, no CoreCLR.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use mews_server::{Limits, Page, PageHandler, Server, ServerConfig};

use super::{Control, Listener};
use crate::control::{FailurePage, WorkerMessage};
use crate::fatal::Fatal;

/// Serves until told to stop; then finishes what it has, for at most `limit`.
pub(crate) fn run(
    page: &FailurePage,
    listeners: Vec<Listener>,
    control: &Control,
    limit: Duration,
) -> Result<u8, Fatal> {
    let listeners = listeners
        .into_iter()
        .map(|listener| mews_server::Listener { socket: listener.socket, tls: listener.tls })
        .collect();
    let config = ServerConfig { io_threads: 1, limits: Limits::default(), ..ServerConfig::default() };
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
    let failure = &page.failure;
    if page.bare {
        return Arc::new(PageHandler::bare(failure.code.number));
    }
    Arc::new(PageHandler::new(&Page {
        status: failure.code.number,
        sub_status: failure.code.sub_status,
        title: failure.code.title().to_owned(),
        cause: failure.cause.clone(),
        cure: failure.cure.clone(),
        detail: failure.detail.clone(),
        retry_after: page.retry_after.map(whole_seconds),
    }))
}

/// Rounded up, and never 0, which would ask clients to come back at once.
fn whole_seconds(span: Duration) -> u32 {
    u32::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}
