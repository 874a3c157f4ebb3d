//! The worker's end of the control channel.
//!
//! A thread of its own listens for the supervisor, so that a worker whose app hangs still ends: after a
//! stop message, or when the supervisor is gone, the process has its shutdown time limit and not more.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use mews_process::handoff::{Receiver, Sender};
use mews_server::Tls;
use rustix::process::{Signal, getpid, kill_process};

use crate::control::{FailurePage, SupervisorMessage, WorkerMessage, decode, encode};
use crate::tls::TlsSpec;

/// After its limit the worker leaves the supervisor this long to end it, which names the reason in the log.
const GRACE: Duration = Duration::from_secs(2);

/// A handle to talk to the supervisor and to learn what it wants. Clones are the same handle.
#[derive(Clone)]
pub(crate) struct Control {
    shared: Arc<Shared>,
}

type OnStop = Box<dyn FnOnce() + Send>;
type OnPage = Box<dyn Fn(&FailurePage) + Send + Sync>;

struct Shared {
    /// What TLS listeners work with, if there are any.
    tls: Option<Tls>,
    sender: Mutex<Sender>,
    stop: Mutex<Stop>,
    page: Mutex<Option<Arc<OnPage>>>,
}

#[derive(Default)]
struct Stop {
    requested: bool,
    handler: Option<OnStop>,
}

impl Control {
    /// Starts to listen.
    pub(crate) fn start(
        sender: Sender,
        receiver: Receiver,
        tls: Option<Tls>,
        limit: Duration,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            tls,
            sender: Mutex::new(sender),
            stop: Mutex::new(Stop::default()),
            page: Mutex::new(None),
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

    /// Calls `handler` once when the worker is to stop, on a thread of its own; now, if it already is.
    ///
    /// The handler starts a graceful stop and may wait for it. A later handler replaces one that was not
    /// called yet.
    pub(crate) fn on_stop(&self, handler: impl FnOnce() + Send + 'static) {
        let mut stop = lock(&self.shared.stop);
        stop.handler = Some(Box::new(handler));
        if stop.requested {
            call(stop.handler.take());
        }
    }

    /// Whether the worker is to stop.
    pub(crate) fn stop_requested(&self) -> bool {
        lock(&self.shared.stop).requested
    }

    /// Calls `handler` whenever another failure is to be shown.
    pub(crate) fn on_failure_page(&self, handler: impl Fn(&FailurePage) + Send + Sync + 'static) {
        *lock(&self.shared.page) = Some(Arc::new(Box::new(handler)));
    }

    fn listen(&self, mut receiver: Receiver, limit: Duration) {
        loop {
            let message = match receiver.recv() {
                Ok(Some(message)) => decode(&message.payload),
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
                Ok(SupervisorMessage::Stop) => self.stop(limit),
                Ok(SupervisorMessage::ShowFailure(page)) => {
                    let handler = lock(&self.shared.page).clone();
                    if let Some(handler) = handler {
                        handler(&page);
                    }
                }
                Ok(SupervisorMessage::Certificates(spec)) => self.replace_certificates(&spec),
                Err(error) => tracing::warn!("{error}"),
            }
        }
    }

    fn replace_certificates(&self, spec: &TlsSpec) {
        let Some(tls) = &self.shared.tls else { return };
        if let Err(error) = tls.replace(&spec.material()) {
            tracing::error!("the new certificates cannot be used: {error}; those in use stay");
        }
    }

    fn supervisor_gone(&self, text: &str, limit: Duration) {
        if !self.stop_requested() {
            tracing::warn!("{text}");
        }
        self.stop(limit);
    }

    fn stop(&self, limit: Duration) {
        {
            let mut stop = lock(&self.shared.stop);
            if stop.requested {
                return;
            }
            stop.requested = true;
            call(stop.handler.take());
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
fn call(handler: Option<OnStop>) {
    let Some(handler) = handler else { return };
    if let Err(error) = thread::Builder::new().name("stop".to_owned()).spawn(handler) {
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
