//! Clients that ask again and again while something happens to the host, each time on a connection of its own.

use crate::{Busy, PATIENCE, Request, TestHost, is_cut, wait};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

const CLIENTS: usize = 4;

/// What has become of the requests so far.
#[derive(Default)]
pub struct Load {
    answered: AtomicUsize,
    cut: AtomicUsize,
    lost: Mutex<Vec<String>>,
}

impl TestHost {
    /// Asks for `target` all the time while `during` runs, and answers what became of the requests. To be refused a connection
    /// is a failure at once.
    pub fn under_load(&self, target: &str, during: impl FnOnce(&Load)) -> Load {
        let (load, busy) = (Load::default(), Busy::default());
        std::thread::scope(|scope| {
            let off = busy.off_on_drop();
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    while busy.is_on() {
                        load.ask(self, target);
                    }
                });
            }
            during(&load);
            drop(off);
        });
        load
    }
}

impl Load {
    fn ask(&self, host: &TestHost, target: &str) {
        let lost = match host.client().request(&Request::get(target).header("Connection", "close")) {
            Ok(response) if response.status == 200 => {
                self.answered.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Err(error) if is_cut(&error) => {
                self.cut.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Ok(response) => format!("{} {}", response.status, response.reason),
            Err(error) => format!("{error:#}"),
        };
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).push(lost);
    }

    /// Waits until so many more requests have been answered with status 200.
    ///
    /// # Panics
    /// They are not.
    pub fn wait_answers(&self, more: usize) {
        let least = self.answered.load(Ordering::Relaxed) + more;
        wait::until_true("answers", PATIENCE, || self.answered.load(Ordering::Relaxed) >= least);
    }

    /// Checks that no request got another answer, and that none was cut.
    ///
    /// # Panics
    /// One did, or was.
    pub fn assert_whole(&self) {
        let (lost, cut) = (self.lost(), self.cut.load(Ordering::Relaxed));
        assert!(lost.is_empty() && cut == 0, "beside {:?} answered, {cut} were cut: {lost:?}", self.answered);
    }

    /// Checks that no request got another answer, and that no more were cut than a dead worker takes with it: those under way, and
    /// the connections that it had not come to.
    ///
    /// # Panics
    /// Others were lost.
    pub fn assert_cut_by_one_death(&self) {
        let (lost, cut) = (self.lost(), self.cut.load(Ordering::Relaxed));
        assert!(
            lost.is_empty() && cut <= 2 * CLIENTS,
            "beside {:?} answered, {cut} were cut: {lost:?}",
            self.answered
        );
    }

    fn lost(&self) -> Vec<String> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
