//! The worker process: one role, on the sockets it was handed.

mod authentication;
mod control;
mod filter;
mod https;
pub(crate) mod in_process;
pub(crate) mod out_of_process;
mod page;
pub(crate) mod pages;
mod sites;

use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use mews_process::handoff::{self, Receiver, Sender};
use mews_process::signals::outlive_file_limit;
use mews_server::Tls;
use mews_server::tls::TlsError;

pub(crate) use control::Control;

use crate::app::Outputs;
use crate::control::{Hosted, HttpsRules, ProcessSpec, Role, TlsId, WorkerMessage, WorkerSpec, decode};
use crate::edge::Edge;
use crate::fatal::Fatal;
use crate::gateway;
use crate::log::{self, LogTarget};
use crate::routing::Routes;

/// When another worker takes over, connections may begin a last request for so long.
const DRAIN_GRACE: Duration = Duration::from_secs(1);
/// How long the last output may take to be written before the worker ends.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// Runs the role that the supervisor asks for on stdin; ends with the process's exit code.
pub(crate) fn run() -> Result<u8, Fatal> {
    let (sender, mut receiver) = take_channel().map_err(|error| {
        Fatal::Usage(format!("'mews worker' is started by the supervisor only; use 'mews run' ({error})"))
    })?;
    outlive_file_limit().map_err(Fatal::failed)?;
    // The name of the file that was executed is "exe".
    let _ = rustix::thread::set_name(c"mews");
    let (spec, tls, place) = receive_spec(&mut receiver)?;
    // With output of others beside it, the log takes the same way out, so that lines stay whole.
    let outputs = match spec.role {
        Role::OutOfProcess(_) => Some(Outputs::of_process().map_err(Fatal::failed)?),
        Role::Application(_) | Role::Page(_) | Role::Gateway => None,
    };
    let target =
        outputs.as_ref().map_or(LogTarget::Stderr, |outputs| LogTarget::Sink(outputs.stderr.clone()));
    log::start(spec.log_format, target)?;
    let edge = Edge::open(&spec.edge);
    let control =
        Control::start(sender, receiver, tls, edge.clone(), spec.shutdown_limit).map_err(Fatal::failed)?;
    let code = match spec.role {
        Role::OutOfProcess(app) => out_of_process(&app, place, &control, &edge, outputs),
        Role::Page(page) => page::run(&page, place, &control, &edge, spec.shutdown_limit),
        Role::Gateway => gateway::run(place, &control, spec.shutdown_limit),
        Role::Application(app) => match in_process::run(&app, place, &control, &edge) {
            Ok(exit_code) => {
                control.send(&WorkerMessage::Stopped { exit_code });
                // As a shell would see it: the low byte.
                Ok(exit_code.to_le_bytes()[0])
            }
            Err(failure) => {
                control.send(&WorkerMessage::StartFailed(*failure));
                Ok(1)
            }
        },
    };
    control.tell_metrics(0);
    edge.finish(LAST_OUTPUT);
    code
}

fn out_of_process(
    app: &ProcessSpec,
    place: Place,
    control: &Control,
    edge: &Edge,
    outputs: Option<Outputs>,
) -> Result<u8, Fatal> {
    let Some(outputs) = outputs else { return Err(Fatal::failed("there is no way out for output")) };
    let result = out_of_process::run(app, place, control, edge, &outputs);
    if let Err(failure) = &result {
        control.send(&WorkerMessage::StartFailed((**failure).clone()));
    }
    outputs.stdout.flush(LAST_OUTPUT);
    outputs.stderr.flush(LAST_OUTPUT);
    Ok(u8::from(result.is_err()))
}

/// Takes the control channel from stdin and puts `/dev/null` there, so that neither the app nor what it
/// starts can touch the channel.
fn take_channel() -> io::Result<(Sender, Receiver)> {
    let stdin = rustix::stdio::stdin();
    let stat = rustix::fs::fstat(stdin)?;
    if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_socket() {
        return Err(io::Error::other("stdin is not a control channel"));
    }
    let channel: OwnedFd = rustix::io::fcntl_dupfd_cloexec(stdin, 3)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(handoff::split(channel))
}

/// What TLS listeners work with.
type Certificates = Vec<(TlsId, Tls)>;

fn receive_spec(receiver: &mut Receiver) -> Result<(WorkerSpec, Certificates, Place), Fatal> {
    let message = receiver.recv().map_err(Fatal::failed)?;
    let Some(message) = message else {
        return Err(Fatal::failed("the supervisor ended before it said what to do"));
    };
    let mut spec: WorkerSpec = decode(&message.payload).map_err(Fatal::failed)?;
    let told = spec.listeners.iter().filter(|listener| !listener.shared).count();
    let came = message.descriptors.len();
    if told != came {
        return Err(Fatal::failed(format!("{told} listening sockets were announced and {came} came")));
    }
    let tls = spec.tls.iter().map(|(id, tls)| Ok((*id, Tls::new(&tls.material())?)));
    let tls = tls.collect::<Result<Certificates, TlsError>>().map_err(Fatal::failed)?;
    let certificates = |of: TlsId| {
        let found = tls.iter().find(|(id, _)| *id == of).map(|(_, tls)| tls.clone());
        found.ok_or_else(|| Fatal::failed("a TLS listener came without its certificates"))
    };
    let is_gateway = matches!(spec.role, Role::Gateway);
    let mut sockets = message.descriptors.into_iter().map(TcpListener::from);
    let listeners = spec.listeners.iter().map(|listener| {
        // The gateway has no certificates: it only needs to know that a handshake comes.
        let tls = listener.tls.filter(|_| !is_gateway).map(certificates).transpose()?;
        Ok(Listener {
            number: listener.number,
            url: listener.url.clone(),
            secure: listener.tls.is_some(),
            tls,
            socket: if listener.shared { None } else { sockets.next() },
        })
    });
    let listeners = listeners.collect::<Result<Vec<Listener>, Fatal>>()?;
    let (routes, more) = (spec.routes.take(), std::mem::take(&mut spec.more));
    let (offline, https) = (std::mem::take(&mut spec.offline), std::mem::take(&mut spec.https));
    Ok((spec, tls, Place { listeners, routes, more, offline, https }))
}

/// Where a worker's requests come from, and which are whose.
#[derive(Debug)]
pub(crate) struct Place {
    /// Where its connections come from.
    pub(crate) listeners: Vec<Listener>,
    /// How requests are told apart, if they are not all for the one application.
    pub(crate) routes: Option<Routes>,
    /// The pool's applications beside the first.
    pub(crate) more: Vec<Hosted>,
    /// Those of its applications that are offline, and their files.
    pub(crate) offline: Vec<(usize, PathBuf)>,
    /// Having clients use https, for each of its applications.
    pub(crate) https: Vec<HttpsRules>,
}

impl Place {
    /// The URLs, with their real ports.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.listeners.iter().map(|listener| listener.url.clone()).collect()
    }

    /// What the HTTP server accepts from.
    pub(crate) fn take_sockets(&mut self) -> Vec<mews_server::Listener> {
        let listeners = self.listeners.iter_mut().filter_map(|listener| {
            let Listener { number, tls, .. } = listener;
            let socket = listener.socket.take()?;
            Some(mews_server::Listener { socket, tls: tls.clone(), number: *number })
        });
        listeners.collect()
    }
}

/// Where connections come from.
#[derive(Debug)]
pub(crate) struct Listener {
    /// What its connections are told apart by.
    pub(crate) number: usize,
    /// The URL it listens for, with its real port; two sockets may share one.
    pub(crate) url: String,
    /// Whether TLS is spoken there.
    pub(crate) secure: bool,
    /// What TLS there works with; `None` = plain HTTP.
    pub(crate) tls: Option<Tls>,
    /// The socket, non-blocking, shared with the supervisor and with other workers; `None` when the gateway accepts
    /// there, and hands connections over.
    pub(crate) socket: Option<TcpListener>,
}
