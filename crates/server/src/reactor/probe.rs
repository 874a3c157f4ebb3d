//! Finds out whether what handlers run in lets threads in. A runtime that collects garbage holds all of them up, and a driver among
//! them is not stuck in its handler: another one in its place would be held up as well.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};

/// Enters the runtime, and returns when it lets the thread in.
pub(crate) type Enter = Arc<dyn Fn() + Send + Sync>;

/// A thread that enters the runtime when it is asked to.
pub(super) struct Probe {
    inner: Arc<Inner>,
    thread: Thread,
}

#[derive(Default)]
struct Inner {
    asked: AtomicU64,
    answered: AtomicU64,
    stopping: AtomicBool,
}

impl Probe {
    /// Starts the thread; `prepare` is the first that it does.
    pub(super) fn start(prepare: Enter, enter: Enter) -> io::Result<Self> {
        let inner = Arc::new(Inner::default());
        let own = inner.clone();
        let handle = thread::Builder::new().name("mews-probe".into()).spawn(move || {
            prepare();
            own.answer(&*enter);
        })?;
        Ok(Self { thread: handle.thread().clone(), inner })
    }

    /// Whether a thread has been let in since this was first asked with this ticket.
    pub(super) fn let_in(&self, ticket: &mut Option<u64>) -> bool {
        let ticket = *ticket.get_or_insert_with(|| {
            let answered = self.inner.answered.load(Ordering::SeqCst);
            // One that is on its way will do: it is let in later than now.
            self.inner.asked.fetch_max(answered + 1, Ordering::SeqCst);
            self.thread.unpark();
            answered + 1
        });
        self.inner.answered.load(Ordering::SeqCst) >= ticket
    }
}

impl Inner {
    fn answer(&self, enter: &dyn Fn()) {
        while !self.stopping.load(Ordering::SeqCst) {
            let asked = self.asked.load(Ordering::SeqCst);
            if asked == self.answered.load(Ordering::SeqCst) {
                thread::park();
                continue;
            }
            enter();
            self.answered.store(asked, Ordering::SeqCst);
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // It is not waited for: the runtime may hold it up for ever.
        self.inner.stopping.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use super::*;

    fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
        let until = Instant::now() + Duration::from_secs(10);
        while !is_so() {
            assert!(Instant::now() < until, "{what}");
            thread::yield_now();
        }
    }

    #[test]
    fn it_tells_whether_threads_are_let_in() {
        let (open, gate) = mpsc::channel::<()>();
        let gate = std::sync::Mutex::new(gate);
        let probe = Probe::start(
            Arc::new(|| {}),
            Arc::new(move || {
                let _ = gate.lock().unwrap().recv();
            }),
        );
        let probe = probe.unwrap();
        let (mut first, mut second) = (None, None);
        assert!(!probe.let_in(&mut first));
        assert!(!probe.let_in(&mut second) && !probe.let_in(&mut first));
        open.send(()).unwrap();
        eventually("let in", || probe.let_in(&mut first) && probe.let_in(&mut second));
        // A later question is another one.
        let mut third = None;
        assert!(!probe.let_in(&mut third));
        assert!(probe.let_in(&mut first));
        drop(open);
        eventually("let in", || probe.let_in(&mut third));
    }
}
