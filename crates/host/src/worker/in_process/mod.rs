//! The role that hosts an app in-process: CoreCLR and one application live in this worker.

mod application;
mod exchange;
mod handler;
pub(crate) mod launch;
mod shadow;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use mews_clr::abi::{HostFlags, HostInfo, Runtime};
use mews_clr::hostfxr::{Exit, Library, StartError, start_properties};
use mews_clr::runtime::{DEFAULT_STACK_BYTES, RuntimeThread, prepare_thread};
use mews_model::{Failure, StatusCode};
use mews_server::{Server, ServerConfig};

use self::application::Application;
use self::exchange::Exchange;
use self::handler::InProcessHandler;
use self::launch::Launched;
use self::shadow::{ShadowCopy, ShadowError};
use super::filter::application;
use super::sites::Sites;
use super::{Control, Place, pages};
use crate::control::AppSpec;
use crate::edge::Edge;

/// Once `Main` has returned, connections have this long to take what was written for them.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);

/// Runs the app until it has ended; answers what its `Main` returned.
///
/// Accepting begins, and [`crate::control::WorkerMessage::Started`] is sent, once the app's server has started.
/// A stop arrives through [`Control::on_stop`].
///
/// # Errors
/// Why the app could not start.
pub(crate) fn run(
    app: &AppSpec,
    mut place: Place,
    control: &Control,
    edge: &Edge,
) -> Result<i32, Box<Failure>> {
    let copy = shadow_copy(app)?;
    let folder = copy.as_ref().map_or(app.physical_path.as_path(), ShadowCopy::folder);
    let launched = launch::find(app, folder)?;
    let server_assembly = launch::server_assembly()?;

    let application = Application::new(app, control.clone());
    let runtime: &'static Runtime<Exchange> = Runtime::install(info(app, place.urls()), application.clone())
        .map_err(|error| failed(error.to_string()))?;
    let (server, served) = serve(app, &mut place, runtime, edge)?;
    let more = (1..).zip(&place.more).map(|(number, other)| pages::of_other(other, (number, &place)));
    let applications = std::iter::once(served.clone()).chain(more).collect();
    Sites::serve(&server, applications, &place, control);
    control.answer_for(&server);

    let library = Library::load(&launched.installation).map_err(runtime_error)?;
    let mut context = library
        .initialize(&launched.app, &launched.host_options, &launched.arguments)
        .map_err(runtime_error)?;
    let more = launch::runtime_properties(app);
    start_properties(&mut context, &server_assembly, runtime.table_address(), &more)
        .map_err(runtime_error)?;
    application.loaded(server, served, runtime, launch::versions(&launched, &context));
    control.on_stop({
        let application = Arc::clone(&application);
        move |why| application.stop(why)
    });

    let stack =
        app.stack_size.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0).max(DEFAULT_STACK_BYTES);
    let main = RuntimeThread::start(context, stack)
        .map_err(|error| failed(format!("The thread that runs the app's Main cannot be made ({error}).")))?;
    let exit = main.wait();
    if application.has_started() {
        application.finish(FLUSH_LIMIT);
        return Ok(exit.code);
    }
    Err(Box::new(ended_before_start(&application, &launched, &exit)))
}

/// The copy that the app is loaded from, if it asks for one. Without a copy it can still run.
fn shadow_copy(app: &AppSpec) -> Result<Option<ShadowCopy>, Box<Failure>> {
    let Some(base) = &app.shadow_copies else { return Ok(None) };
    match ShadowCopy::make(&app.physical_path, base) {
        Ok(copy) => {
            tracing::info!("the app is loaded from a copy of its folder, {}", copy.folder().display());
            copy.clean_up();
            Ok(Some(copy))
        }
        // Neither the copy nor the folder holds an app that can be trusted to be whole.
        Err(error @ ShadowError::Changing(_)) => {
            let failure =
                Failure::new(StatusCode::START_FAILED, format!("No shadow copy can be made: {error}."));
            Err(Box::new(
                failure.with_cure("Finish publishing; the start is tried again when the files settle."),
            ))
        }
        Err(error) => {
            tracing::warn!("no shadow copy can be made, so the app runs from its own folder: {error}");
            Ok(None)
        }
    }
}

/// The HTTP server on the inherited sockets; it does not accept yet.
fn serve(
    app: &AppSpec,
    place: &mut Place,
    runtime: &'static Runtime<Exchange>,
    edge: &Edge,
) -> Result<(Arc<Server>, mews_server::Application), Box<Failure>> {
    let mut config = ServerConfig {
        http2: edge.http2(),
        response_headers: app.rules.answers.headers.clone(),
        accounting: edge.accounting(&app.site_name, &app.virtual_path),
        limits: edge.limits(app.max_request_body),
        thread_start: Arc::new(|| {
            if let Err(error) = prepare_thread() {
                tracing::error!(
                    "a thread has no signal stack of its own ({error}); a null reference in the app ends the process"
                );
            }
        }),
        enter: Some(Arc::new(|| runtime.visit())),
        ..ServerConfig::default()
    };
    if let Some(threads) = app.io_threads {
        config.io_threads = usize::from(threads.max(1));
    }
    let handler = Arc::new(InProcessHandler::new(runtime));
    let served = application(handler, app, edge, (0, place))?.telling_traces();
    let server = Server::start(config, place.take_sockets(), Arc::new(pages::no_worker()))
        .map_err(|error| failed(format!("The HTTP server cannot be started ({error}).")))?;
    server.set_application(served.clone());
    Ok((Arc::new(server), served))
}

fn info(app: &AppSpec, addresses: Vec<String>) -> HostInfo {
    HostInfo {
        flags: HostFlags {
            windows_authentication: app.authentication.windows,
            basic_authentication: app.authentication.basic,
            anonymous_authentication: app.authentication.anonymous,
            web_sockets: app.web_sockets,
        },
        max_request_body_size: app.max_request_body,
        physical_path: app.physical_path.to_string_lossy().into_owned(),
        virtual_path: app.virtual_path.clone(),
        addresses,
        site_name: app.site_name.clone(),
        app_pool: app.app_pool.clone(),
        application_id: app.application_id.clone(),
        config_path: app.config_path.clone(),
        version: concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR")).to_owned(),
        site_id: app.site_id,
    }
}

/// `Main` has returned, and no server of ours was started.
fn ended_before_start(application: &Application, launched: &Launched, exit: &Exit) -> Failure {
    let name = launched.name();
    if let Some(status) = exit.host_failure() {
        print(&exit.words);
        return Failure::new(
            StatusCode::START_FAILED,
            format!("The .NET runtime could not run {name}: {} ({status}).", status.meaning()),
        )
        .with_detail(exit.words.clone());
    }
    if let Some(reported) = application.reported() {
        return reported;
    }
    Failure::new(
        StatusCode::START_FAILED,
        format!("{name} ended with exit code {} before it had started a web server.", exit.code),
    )
    .with_cure(
        "Look at its output. If it is not a web app (it builds no WebApplication or web host), it cannot be hosted.",
    )
}

pub(crate) fn start_error(error: StartError) -> Box<Failure> {
    let code = StatusCode::new(500, error.sub_status());
    Box::new(Failure::new(code, error.cause()).with_cure(error.cure()).with_detail(error.detail()))
}

/// A failure of the runtime itself.
fn runtime_error(error: StartError) -> Box<Failure> {
    print(&error.detail());
    start_error(error)
}

/// Has what the runtime says go where `dotnet` would have said it: into the output, and so into the stdout log.
fn print(words: &str) {
    if !words.trim().is_empty() {
        // The failure tells of it as well.
        let _ = writeln!(std::io::stderr(), "{}", words.trim_end());
    }
}

fn failed(cause: String) -> Box<Failure> {
    Box::new(Failure::new(StatusCode::START_FAILED, cause))
}
