//! The worker's end of the control channel.
//!
//! A thread of its own listens for the supervisor, so that a worker whose app hangs still ends: after a
//! stop message, or when the supervisor is gone, the process has its shutdown time limit and not more.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use mews_model::metrics::Snapshot;
use mews_process::handoff::{Receiver, Sender};
use mews_server::{Server, Tls};
use rustix::process::{Signal, getpid, kill_process};

use crate::control::{Ending, PageSpec, SupervisorMessage, TlsId, Vitals, WorkerMessage, decode, encode};
use crate::edge::Edge;
use crate::handover::PoolId;
use crate::routing::Routes;
use crate::tls::TlsSpec;

/// After its limit the worker leaves the supervisor this long to end it, which names the reason in the log.
const GRACE: Duration = Duration::from_secs(2);

/// A handle to talk to the supervisor and to learn what it wants. Clones are the same handle.
#[derive(Clone)]
pub(crate) struct Control {
    shared: Arc<Shared>,
}

type OnStop = Box<dyn FnOnce(Ending) + Send>;

/// Adds what was counted.
type Fill = dyn Fn(&mut Snapshot) + Send + Sync;

struct Shared {
    /// What TLS listeners work with.
    tls: Vec<(TlsId, Tls)>,
    /// What counts requests.
    edge: Edge,
    /// Whose I/O threads answer for the process.
    server: OnceLock<Arc<Server>>,
    /// What is counted besides.
    counts: OnceLock<Box<Fill>>,
    sender: Mutex<Sender>,
    stop: Mutex<Stop>,
    page: Mailbox<PageSpec>,
    channel: Mailbox<(Option<PoolId>, OwnedFd)>,
    routes: Mailbox<Box<Routes>>,
    offline: Mailbox<(usize, Option<PathBuf>)>,
}

/// Messages of a kind. Those that come before somebody listens wait.
struct Mailbox<T>(Mutex<Mail<T>>);

enum Mail<T> {
    Waiting(Vec<T>),
    Taken(Box<dyn FnMut(T) + Send>),
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self(Mutex::new(Mail::Waiting(Vec::new())))
    }
}

impl<T> Mailbox<T> {
    fn deliver(&self, message: T) {
        match &mut *lock(&self.0) {
            Mail::Waiting(waiting) => waiting.push(message),
            Mail::Taken(handler) => handler(message),
        }
    }

    fn listen(&self, mut handler: impl FnMut(T) + Send + 'static) {
        let mut mail = lock(&self.0);
        if let Mail::Waiting(waiting) = &mut *mail {
            std::mem::take(waiting).into_iter().for_each(&mut handler);
        }
        *mail = Mail::Taken(Box::new(handler));
    }
}

#[derive(Default)]
struct Stop {
    requested: Option<Ending>,
    handler: Option<OnStop>,
}

impl Control {
    /// Starts to listen.
    pub(crate) fn start(
        sender: Sender,
        receiver: Receiver,
        tls: Vec<(TlsId, Tls)>,
        edge: Edge,
        limit: Duration,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            tls,
            edge,
            server: OnceLock::new(),
            counts: OnceLock::new(),
            sender: Mutex::new(sender),
            stop: Mutex::new(Stop::default()),
            page: Mailbox::default(),
            channel: Mailbox::default(),
            routes: Mailbox::default(),
            offline: Mailbox::default(),
        });
        let control = Self { shared };
        let theirs = control.clone();
        thread::Builder::new().name("control".to_owned()).spawn(move || theirs.listen(receiver, limit))?;
        Ok(control)
    }

    /// Tells the supervisor. If it is gone, the worker is about to stop anyway.
    pub(crate) fn send(&self, message: &WorkerMessage) {
        let sent = encode(message).and_then(|payload| {
            lock(&self.shared.sender).send(&payload, Vec::new())?;
            Ok(())
        });
        if let Err(error) = sent {
            tracing::debug!("the supervisor could not be told: {error}");
        }
    }

    /// From now on pings are answered for this server's threads. Before, they are answered at once: how long a start may
    /// take is not theirs to judge.
    pub(crate) fn answer_for(&self, server: &Arc<Server>) {
        // There is one server in a process.
        let _ = self.shared.server.set(Arc::clone(server));
    }

    /// Has this add to what is told when the supervisor asks what was counted; once.
    pub(crate) fn count_with(&self, fill: impl Fn(&mut Snapshot) + Send + Sync + 'static) {
        // There is one in a process.
        let _ = self.shared.counts.set(Box::new(fill));
    }

    /// Calls `handler` once when the worker is to stop, on a thread of its own; now, if it already is.
    ///
    /// The handler starts a graceful stop and may wait for it. A later handler replaces one that was not
    /// called yet.
    pub(crate) fn on_stop(&self, handler: impl FnOnce(Ending) + Send + 'static) {
        let mut stop = lock(&self.shared.stop);
        stop.handler = Some(Box::new(handler));
        if let Some(why) = stop.requested.clone() {
            call(stop.handler.take(), why);
        }
    }

    /// Whether the worker is to stop.
    pub(crate) fn stop_requested(&self) -> bool {
        lock(&self.shared.stop).requested.is_some()
    }

    /// Calls `handler` whenever something else is to be shown.
    pub(crate) fn on_page(&self, handler: impl Fn(&PageSpec) + Send + 'static) {
        self.shared.page.listen(move |page| handler(&page));
    }

    /// Calls `handler` with each channel to the gateway; in the gateway, to a worker of a pool.
    pub(crate) fn on_channel(&self, handler: impl Fn(Option<PoolId>, OwnedFd) + Send + 'static) {
        self.shared.channel.listen(move |(pool, channel)| handler(pool, channel));
    }

    /// Calls `handler` whenever requests are to be told apart in another way.
    pub(crate) fn on_routes(&self, handler: impl Fn(&Routes) + Send + 'static) {
        self.shared.routes.listen(move |routes| handler(&routes));
    }

    /// Calls `handler` whenever an application of several goes offline, with its number and its file; or is back.
    pub(crate) fn on_offline(&self, mut handler: impl FnMut(usize, Option<PathBuf>) + Send + 'static) {
        self.shared.offline.listen(move |(number, file)| handler(number, file));
    }

    fn listen(&self, mut receiver: Receiver, limit: Duration) {
        loop {
            let (message, mut descriptors) = match receiver.recv() {
                Ok(Some(message)) => (decode(&message.payload), message.descriptors),
                Ok(None) => {
                    self.supervisor_gone("the supervisor is gone; stopping", limit);
                    return;
                }
                Err(error) => {
                    self.supervisor_gone(&format!("{error}; stopping"), limit);
                    return;
                }
            };
            match message {
                Ok(SupervisorMessage::Stop(why)) => self.stop(why, limit),
                Ok(SupervisorMessage::Show(page)) => self.shared.page.deliver(page),
                Ok(SupervisorMessage::Certificates(of, spec)) => self.replace_certificates(of, &spec),
                Ok(SupervisorMessage::Channel(pool)) => {
                    if let Some(channel) = descriptors.pop() {
                        self.shared.channel.deliver((pool, channel));
                    }
                }
                Ok(SupervisorMessage::Routes(routes)) => self.shared.routes.deliver(routes),
                Ok(SupervisorMessage::Offline(number, file)) => self.shared.offline.deliver((number, file)),
                Ok(SupervisorMessage::Ping(ping)) => self.answer(ping),
                Ok(SupervisorMessage::Metrics(number)) => self.tell_metrics(number),
                Err(error) => tracing::warn!("{error}"),
            }
        }
    }

    /// Tells what was counted up to now.
    pub(crate) fn tell_metrics(&self, number: u64) {
        let mut snapshot = self.shared.edge.metrics();
        if let Some(server) = self.shared.server.get() {
            server.fill(&mut snapshot);
        }
        if let Some(fill) = self.shared.counts.get() {
            fill(&mut snapshot);
        }
        self.send(&WorkerMessage::Metrics(number, snapshot));
    }

    /// Answers a ping, from the I/O thread that was the last to take notice of it.
    fn answer(&self, ping: u64) {
        let Some(server) = self.shared.server.get() else {
            return self.send(&WorkerMessage::Alive(Vitals { ping, ..Vitals::default() }));
        };
        let control = self.clone();
        server.roll_call(move || {
            let Some(server) = control.shared.server.get() else { return };
            let stats = server.stats();
            control.send(&WorkerMessage::Alive(Vitals {
                ping,
                requests: stats.requests,
                busy: server.busy(),
                connections: stats.connections,
            }));
        });
    }

    fn replace_certificates(&self, of: TlsId, spec: &TlsSpec) {
        for (_, tls) in self.shared.tls.iter().filter(|(id, _)| *id == of) {
            if let Err(error) = tls.replace(&spec.material()) {
                tracing::error!("the new certificates cannot be used: {error}; those in use stay");
            }
        }
    }

    fn supervisor_gone(&self, text: &str, limit: Duration) {
        if !self.stop_requested() {
            tracing::warn!("{text}");
        }
        self.stop(Ending::HostStops, limit);
    }

    fn stop(&self, why: Ending, limit: Duration) {
        {
            let mut stop = lock(&self.shared.stop);
            if stop.requested.is_some() {
                return;
            }
            stop.requested = Some(why.clone());
            call(stop.handler.take(), why);
        }
        let limit = limit.saturating_add(GRACE);
        let watchdog = thread::Builder::new().name("stop limit".to_owned()).spawn(move || {
            thread::sleep(limit);
            tracing::error!("the app did not stop within {} s; ending the process", limit.as_secs());
            end_process();
        });
        if watchdog.is_err() {
            // Without a thread there is no way to keep the limit; the supervisor keeps it too.
            tracing::error!("no thread can be started to watch over the stop");
        }
    }
}

/// On a thread of its own, so that a handler that hangs keeps nobody from the limit.
fn call(handler: Option<OnStop>, why: Ending) {
    let Some(handler) = handler else { return };
    if let Err(error) = thread::Builder::new().name("stop".to_owned()).spawn(move || handler(why)) {
        tracing::error!("no thread can be started to stop the app ({error}); ending the process");
        end_process();
    }
}

/// Ends the process in a way that no runtime or exit handler can delay.
fn end_process() {
    let _ = kill_process(getpid(), Signal::KILL);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
