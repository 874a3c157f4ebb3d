//! The role that answers every request with a page: a failure, or `app_offline.htm`. Plain Rust, no CoreCLR.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use mews_server::{Application, PageHandler, Server, ServerConfig};

use super::sites::Sites;
use super::{Control, DRAIN_GRACE, Place, pages};
use crate::control::{Ending, PageSpec, WorkerMessage};
use crate::edge::Edge;
use crate::fatal::Fatal;
use crate::routing::Routes;

/// Serves until told to stop; then finishes what it has, for at most `limit`.
pub(crate) fn run(
    page: &PageSpec,
    mut place: Place,
    control: &Control,
    edge: &Edge,
    limit: Duration,
) -> Result<u8, Fatal> {
    let headers = match page {
        PageSpec::Failure(page) => page.rules.headers.clone(),
        PageSpec::Offline(page) => page.headers.clone(),
    };
    let accounting = edge.accounting("", "");
    let config = ServerConfig {
        io_threads: 1,
        limits: edge.limits(None),
        accounting: accounting.clone(),
        http2: edge.http2(),
        ..ServerConfig::default()
    };
    let server = Server::start(config, place.take_sockets(), handler(page))
        .map_err(|error| Fatal::failed(format!("the page cannot be served: {error}")))?;
    let server = Arc::new(server);
    let shown = Arc::clone(&server);
    control.answer_for(&server);
    // All applications of the pool have this page, each over https as its site wants it.
    let all = place.routes.as_ref().map_or(1, Routes::here);
    let application =
        Application::new(handler(page)).with_response_headers(&headers).with_accounting(accounting);
    let reached: Vec<Application> =
        (0..all).map(|number| place.over_https(number, application.clone(), &headers)).collect();
    let applications = move |page: &PageSpec| -> Vec<Application> {
        reached.iter().map(|application| application.with_handler(handler(page))).collect()
    };
    let sites = Sites::serve(&server, Vec::new(), &place, control);
    let show = move |page: &PageSpec| match &sites {
        Some(sites) => sites.replace(applications(page)),
        // There is one.
        None => applications(page).into_iter().for_each(|only| shown.set_application(only)),
    };
    show(page);
    control.on_page(show);
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
