//! What the service manager hears: that the service is ready, how it is, that it lives.

use std::time::{Duration, Instant};

use mews_process::systemd::{Notifier, watchdog_limit};

/// After which time a manager that did not take a message is told again.
const AGAIN: Duration = Duration::from_millis(100);

/// The supervisor as a service. Does nothing where nobody asked for it (`NOTIFY_SOCKET`).
#[derive(Debug, Default)]
pub(super) struct Service {
    notifier: Option<Notifier>,
    /// How often a sign of life is due, and when the next one is.
    alive_every: Option<Duration>,
    next_sign: Option<Instant>,
    ready: bool,
    told: String,
    /// When what was not taken is said again.
    again: Option<Instant>,
}

impl Service {
    /// What the environment asks for.
    pub(super) fn of_process() -> Self {
        let notifier = Notifier::of_process().unwrap_or_else(|error| {
            tracing::warn!("{error}");
            None
        });
        // A quarter, so that one turn of the loop that takes long is no reason to be ended.
        let alive_every = watchdog_limit().filter(|_| notifier.is_some()).map(|limit| limit / 4);
        Self { notifier, alive_every, next_sign: alive_every.map(|_| Instant::now()), ..Self::default() }
    }

    /// When it wants to be called although nothing happens.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.next_sign.into_iter().chain(self.again).min()
    }

    /// Gives the sign of life if it is due. To be called by the loop whose life it is.
    pub(super) fn tick(&mut self, now: Instant) {
        let (Some(every), Some(due)) = (self.alive_every, self.next_sign) else { return };
        if due <= now {
            self.next_sign = Some(now + if self.tell(Notifier::alive) { every } else { AGAIN });
        }
    }

    /// Says how things are, when that is new; the first time `settled` is true, that the service is ready.
    pub(super) fn report(&mut self, settled: bool, status: impl FnOnce() -> String) {
        if self.notifier.is_none() {
            return;
        }
        let status = status();
        let becomes_ready = settled && !self.ready;
        if !becomes_ready && status == self.told {
            self.again = None;
            return;
        }
        let told = self.tell(
            |notifier| {
                if becomes_ready { notifier.ready(&status) } else { notifier.status(&status) }
            },
        );
        self.again = (!told).then(|| Instant::now() + AGAIN);
        if told {
            self.ready |= becomes_ready;
            self.told = status;
        }
    }

    /// Says that a changed configuration is being applied; the next [`Service::report`] that is settled says that it is.
    pub(super) fn reloading(&mut self) {
        self.ready = false;
        self.tell(Notifier::reloading);
    }

    /// Says that the end has begun.
    pub(super) fn stopping(&mut self) {
        self.tell(Notifier::stopping);
    }

    /// Whether there is no need to say it again.
    fn tell(&self, message: impl FnOnce(&Notifier) -> std::io::Result<()>) -> bool {
        let Some(Err(error)) = self.notifier.as_ref().map(message) else { return true };
        tracing::debug!("the service manager does not listen: {error}");
        error.kind() != std::io::ErrorKind::WouldBlock
    }
}
