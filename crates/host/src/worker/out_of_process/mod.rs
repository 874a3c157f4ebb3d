//! The role that hosts apps out-of-process: starts their processes, watches them, and forwards requests to them.
//!
//! The server's I/O threads forward requests to processes that are ready. Whatever else happens, happens on one thread,
//! the process's first: it asks the machine in `mews_model::lifecycle` and performs what that decides. It is also the
//! thread that starts the programs, which the kernel kills when it ends.

mod backend;
pub(crate) mod environment;
mod executable;
mod inbox;
pub(crate) mod launch;
mod manager;
mod offline;
mod pairing;
mod perform;
mod run;
mod shutdown;

use std::sync::Arc;
use std::time::Duration;

use mews_model::{Failure, StatusCode};
use mews_process::descendants;
use mews_server::forward::{ForwardHandler, ForwardOptions};
use mews_server::{Application, Handler, Server, ServerConfig};

use self::backend::Processes;
use self::inbox::Message;
use self::manager::{Manager, Programs};
use self::offline::Switch;
use super::filter::application;
use super::sites::Sites;
use super::{Control, Place, pages};
use crate::app::Outputs;
use crate::control::{Ending, Hosted, ProcessSpec, WorkerMessage};
use crate::edge::Edge;

/// Idle connections that are kept for each process and I/O thread.
const IDLE_CONNECTIONS: usize = 1024;
/// How long each of them is kept: less than Kestrel keeps its end.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Once the processes have ended, connections have this long to take what was answered: longer than the server waits
/// for a client to end its side too, so that only what is stuck is left.
const FLUSH_LIMIT: Duration = Duration::from_secs(4);

/// Serves until told to stop, and until everything that was started has ended.
///
/// # Errors
/// Why nothing can be served at all. An app that does not start is such a reason only when it is to start before it takes
/// requests; otherwise they are answered with it.
pub(crate) fn run(
    spec: &ProcessSpec,
    mut place: Place,
    control: &Control,
    edge: &Edge,
    outputs: &Outputs,
) -> Result<(), Box<Failure>> {
    if let Err(error) = descendants::become_subreaper() {
        tracing::warn!("processes that lose their parent cannot be looked after: {error}");
    }
    let https_port = environment::https_port(&place.listeners);
    let more = std::mem::take(&mut place.more);
    let mut applications = Vec::new();
    let mut hosted: Vec<(&ProcessSpec, Arc<Processes>)> = Vec::new();
    let mut switches = Vec::new();
    for (number, other) in std::iter::once(None).chain(more.iter().map(Some)).enumerate() {
        let spec = match other {
            None => spec,
            Some(Hosted::App(spec)) => spec,
            Some(refused) => {
                applications.push(pages::of_other(refused, (number, &place)));
                switches.push(None);
                continue;
            }
        };
        let processes = Processes::new(spec.processes)
            .map_err(|error| failed(format!("The processes cannot be watched ({error}).")))?;
        let application = application(handler(spec, &processes), &spec.app, edge, (number, &place))?;
        switches.push(Some(Switch::new(&application, &processes)));
        applications.push(application);
        hosted.push((spec, processes));
    }
    let server = serve(spec, &applications, &mut place, edge)?;
    let first = applications.first().cloned();
    if let Some(sites) = Sites::serve(&server, applications.clone(), &place, control) {
        offline::follow(switches, applications, &place.offline, sites, control);
    }
    control.answer_for(&server);
    control.on_stop({
        let server = Arc::clone(&server);
        let delay = hosted.iter().map(|(spec, _)| spec.shutdown_delay).max().unwrap_or_default();
        let processes: Vec<_> = hosted.iter().map(|(_, processes)| Arc::clone(processes)).collect();
        let control = control.clone();
        move |why| {
            server.stop_accepting();
            control.send(&WorkerMessage::Closed);
            if let (Ending::Offline(page), Some(first)) = (&why, &first) {
                server.set_application(first.with_handler(Arc::new(pages::offline(&page.file))));
            }
            server.drain(delay);
            server.wait_idle(delay);
            processes.iter().for_each(|processes| processes.tell(Message::Stop));
        }
    });
    let ready = || {
        server.accept();
        let name = Some(spec.app.name.clone());
        control.send(&WorkerMessage::Started { app: name, dotnet: None, hostfxr: None });
    };
    let programs = Programs::default();
    let managers = hosted.into_iter().enumerate().map(|(number, (spec, processes))| {
        Manager::new(spec, control, outputs, https_port, processes, (number, &programs))
    });
    manager::run(managers.collect(), &ready)?;
    if !server.wait_idle(FLUSH_LIMIT) {
        tracing::warn!("connections were still open after the app's processes had ended; closing them");
    }
    Ok(())
}

/// The HTTP server on the inherited sockets; it does not accept yet.
fn serve(
    spec: &ProcessSpec,
    applications: &[Application],
    place: &mut Place,
    edge: &Edge,
) -> Result<Arc<Server>, Box<Failure>> {
    let mut config = ServerConfig {
        http2: edge.http2(),
        response_headers: spec.app.rules.answers.headers.clone(),
        accounting: edge.accounting(&spec.app.site_name, &spec.app.virtual_path),
        limits: edge.limits(spec.app.max_request_body),
        ..ServerConfig::default()
    };
    if let Some(threads) = spec.app.io_threads {
        config.io_threads = usize::from(threads.max(1));
    }
    let server = Server::start(config, place.take_sockets(), Arc::new(pages::no_worker()))
        .map_err(|error| failed(format!("The HTTP server cannot be started ({error}).")))?;
    if let Some(first) = applications.first() {
        server.set_application(first.clone());
    }
    Ok(Arc::new(server))
}

/// Forwards to an app's processes.
fn handler(spec: &ProcessSpec, processes: &Arc<Processes>) -> Arc<dyn Handler> {
    let options = ForwardOptions {
        request_timeout: spec.request_timeout,
        web_sockets: spec.app.web_sockets,
        forward_connection_header: spec.forward_connection_header,
        idle_connections: IDLE_CONNECTIONS,
        idle_timeout: IDLE_TIMEOUT,
        as_proxy: true,
    };
    Arc::new(ForwardHandler::new(options, Arc::clone(processes) as Arc<_>))
}

fn failed(cause: String) -> Box<Failure> {
    Box::new(Failure::new(StatusCode::PROCESS_FAILED, cause))
}
