//! The application as a whole: what its server tells us, and what the supervisor wants of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use mews_clr::abi::{Closing, Host, Report, Runtime};
use mews_model::{Failure, StatusCode};
use mews_server::{PageHandler, Server};

use super::exchange::Exchange;
use crate::control::{self, AppSpec, Ending, WorkerMessage};
use crate::worker::{Control, DRAIN_GRACE, pages};

/// The application that lives in this process.
pub(super) struct Application {
    this: Weak<Self>,
    name: String,
    control: Control,
    loaded: OnceLock<Loaded>,
    started: AtomicBool,
    state: Mutex<State>,
}

/// What exists once the runtime has been prepared.
struct Loaded {
    server: Arc<Server>,
    /// As the server has it while the app runs.
    served: mews_server::Application,
    runtime: &'static Runtime<Exchange>,
    versions: Versions,
}

impl Loaded {
    /// Has a page answer from now on.
    fn answer_with(&self, page: PageHandler) {
        self.server.set_application(self.served.with_handler(Arc::new(page)));
    }
}

/// What the start line shows.
pub(super) struct Versions {
    pub(super) app: String,
    pub(super) dotnet: Option<String>,
    pub(super) hostfxr: String,
}

#[derive(Default)]
struct State {
    /// A stop was asked for before there was a server to ask.
    stop_wanted: bool,
    /// What managed code has said about a start that failed.
    failure: Option<Failure>,
}

impl Application {
    pub(super) fn new(spec: &AppSpec, control: Control) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            name: spec.name.clone(),
            control,
            loaded: OnceLock::new(),
            started: AtomicBool::new(false),
            state: Mutex::default(),
        })
    }

    /// To be called once, before the runtime is run.
    pub(super) fn loaded(
        &self,
        server: Arc<Server>,
        served: mews_server::Application,
        runtime: &'static Runtime<Exchange>,
        versions: Versions,
    ) {
        if self.loaded.set(Loaded { server, served, runtime, versions }).is_err() {
            tracing::error!("the application was loaded twice");
        }
    }

    /// Whether its server has ever started.
    pub(super) fn has_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// The application's server wants no further requests: the connections are emptied, then the server is told so.
    fn close(&self) {
        let Some(loaded) = self.loaded.get() else { return };
        // When the whole host stops, nobody is there for a client's next request anyway.
        let grace = if self.state().stop_wanted { Duration::ZERO } else { DRAIN_GRACE };
        loaded.server.drain(grace);
        // What is still open afterwards has a request in progress and is closed behind it.
        loaded.server.wait_idle(grace.saturating_add(DRAIN_GRACE));
        loaded.answer_with(pages::stopping());
        loaded.runtime.close();
        // An app that stopped only its server would otherwise run on without one.
        loaded.runtime.stop();
    }

    /// Why it could not start, in managed code's words.
    pub(super) fn reported(&self) -> Option<Failure> {
        self.state().failure.clone()
    }

    /// Asks the app to stop: first the connections are emptied, then the app is told. `Main` returns later.
    pub(super) fn stop(&self, why: Ending) {
        let Some(loaded) = self.loaded.get() else { return };
        // Noted before asking, so that a server which starts at this moment sees it or is asked here.
        self.state().stop_wanted = true;
        loaded.server.stop_accepting();
        self.control.send(&WorkerMessage::Closed);
        if let Ending::Offline(page) = &why {
            loaded.answer_with(pages::offline(&page.file));
        }
        // When the whole host stops, nobody is there for a client's next request anyway.
        if !matches!(why, Ending::HostStops) && self.has_started() {
            loaded.server.drain(DRAIN_GRACE);
            loaded.server.wait_idle(DRAIN_GRACE);
        }
        loaded.runtime.stop();
    }

    /// After `Main`: lets connections take what was written for them.
    pub(super) fn finish(&self, limit: Duration) {
        let Some(loaded) = self.loaded.get() else { return };
        loaded.server.drain(Duration::ZERO);
        if !loaded.server.wait_idle(limit) {
            tracing::warn!(
                "connections were still open {} s after the app had ended; closing them",
                limit.as_secs()
            );
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the app said is only for those who may see it: the first line as the reason, all of it as the detail.
    fn failed(&self, failure: Failure, text: &str) {
        let reason = text.lines().next().unwrap_or_default().trim();
        // The first report is the cause; what follows are its consequences.
        self.state().failure.get_or_insert_with(|| failure.with_reason(reason).with_detail(text));
    }
}

impl Host for Application {
    fn server_started(&self) {
        let Some(loaded) = self.loaded.get() else { return };
        self.started.store(true, Ordering::Release);
        // An app that comes up while it is to stop lets nobody in, and has not started as far as anybody else can see.
        if !self.state().stop_wanted {
            loaded.server.accept();
            self.control.send(&WorkerMessage::Started {
                app: Some(loaded.versions.app.clone()),
                dotnet: loaded.versions.dotnet.clone(),
                hostfxr: Some(loaded.versions.hostfxr.clone()),
            });
        }
        if self.state().stop_wanted {
            let runtime = loaded.runtime;
            // Not here: the app's host is in the middle of starting, on this very thread.
            if let Err(error) = thread::Builder::new().name("stop".to_owned()).spawn(move || runtime.stop()) {
                tracing::error!("no thread can be started to stop the app ({error})");
            }
        }
    }

    fn server_stopping(&self) -> Closing {
        self.control.send(&WorkerMessage::Stopping);
        let Some(this) = self.this.upgrade() else { return Closing::Now };
        // Emptying the connections takes a while, and this thread belongs to the app.
        match thread::Builder::new().name("drain".to_owned()).spawn(move || this.close()) {
            Ok(_) => Closing::Later,
            Err(error) => {
                tracing::error!("no thread can be started to empty the connections ({error})");
                Closing::Now
            }
        }
    }

    fn report(&self, kind: Report, text: &str) {
        let kind = match kind {
            Report::StartFailure => {
                let failure = Failure::new(
                    StatusCode::START_FAILED,
                    format!("{} threw an exception while it started.", self.name),
                )
                .with_cure("Mend the exception; its text and stack trace are in the log.");
                self.failed(failure, text);
                control::Report::StartFailure
            }
            Report::NotHostable => {
                let failure = Failure::new(
                    StatusCode::START_FAILED,
                    format!("{} cannot be hosted in-process as it is.", self.name),
                )
                .with_cure("Let the app use the default server: remove its own IServer registration.");
                self.failed(failure, text);
                control::Report::CannotHost
            }
            Report::UnhandledException => control::Report::UnhandledException,
            Report::Warning => control::Report::Warning,
            Report::HostFault => {
                tracing::error!("{text}");
                return;
            }
        };
        self.control.send(&WorkerMessage::Report { kind, text: text.to_owned() });
    }
}
