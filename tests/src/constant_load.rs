//! Constant load on an address, where every request counts.

use crate::{Busy, Client, PATIENCE, Request, wait};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What came of the load.
#[derive(Debug)]
pub struct Outcome {
    /// How long each answered request took, shortest first.
    pub took: Vec<Duration>,
    /// What became of the others.
    pub lost: Vec<String>,
}

impl Outcome {
    /// The time within which 99 of 100 requests were answered.
    pub fn p99(&self) -> Duration {
        self.took.get(self.took.len().saturating_sub(1) * 99 / 100).copied().unwrap_or_default()
    }
}

/// How load is going, for the test that goes on meanwhile.
pub struct Going<'a> {
    answered: &'a AtomicUsize,
}

impl Going<'_> {
    /// Waits until so many more requests have been answered.
    ///
    /// # Panics
    /// They are not.
    pub fn wait_for(&self, more: usize) {
        let least = self.answered.load(Ordering::Relaxed) + more;
        wait::until_true("answers", PATIENCE, || self.answered.load(Ordering::Relaxed) >= least);
    }
}

/// Asks for `target` from as many connections that are kept, and as many that are new for each request, while `test` runs.
pub fn under_constant_load(
    address: SocketAddr,
    target: &str,
    connections: usize,
    test: impl FnOnce(&Going<'_>),
) -> Outcome {
    let busy = Busy::default();
    let answered = AtomicUsize::new(0);
    let results = Mutex::new(Outcome { took: Vec::new(), lost: Vec::new() });
    std::thread::scope(|scope| {
        let off = busy.off_on_drop();
        for number in 0..2 * connections {
            let (busy, answered, results) = (&busy, &answered, &results);
            scope.spawn(move || {
                let kept = number % 2 == 0;
                let (mut took, mut lost) = (Vec::new(), Vec::new());
                let mut client: Option<Client> = None;
                while busy.is_on() {
                    let began = Instant::now();
                    let mut request = Request::get(target);
                    if !kept {
                        request = request.header("Connection", "close");
                    }
                    let mut connection = client.take().unwrap_or_else(|| Client::connect_to(address));
                    match connection.request(&request) {
                        Ok(response) if response.status == 200 => {
                            took.push(began.elapsed());
                            answered.fetch_add(1, Ordering::Relaxed);
                            let closes = response.header("Connection").is_some_and(|value| value == "close");
                            client = (kept && !closes).then_some(connection);
                        }
                        Ok(response) => lost.push(format!("{} {}", response.status, response.reason)),
                        Err(error) => lost.push(format!("{error:#}")),
                    }
                }
                let mut results = results.lock().expect("no thread has panicked");
                results.took.extend(took);
                results.lost.extend(lost);
            });
        }
        test(&Going { answered: &answered });
        drop(off);
    });
    let mut load = results.into_inner().expect("no thread has panicked");
    load.took.sort_unstable();
    load
}
