//! One host for the tests of a file that only read from it. The last test that holds it stops it, with all checks.

use super::TestHost;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A host that tests of one file share while they run at the same time.
pub struct SharedHost {
    start: fn() -> TestHost,
    current: Mutex<Weak<TestHost>>,
}

impl SharedHost {
    /// A host that `start` starts when a test first asks for it.
    pub const fn new(start: fn() -> TestHost) -> Self {
        Self { start, current: Mutex::new(Weak::new()) }
    }

    /// The running host, started if there is none.
    pub fn get(&self) -> HostRef {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let host = current.upgrade().unwrap_or_else(|| {
            let host = Arc::new((self.start)());
            *current = Arc::downgrade(&host);
            host
        });
        HostRef(Some(host))
    }
}

/// A test's hold on a shared host.
pub struct HostRef(Option<Arc<TestHost>>);

impl Deref for HostRef {
    type Target = TestHost;

    fn deref(&self) -> &TestHost {
        self.0.as_ref().expect("the host is held until the drop")
    }
}

impl Drop for HostRef {
    fn drop(&mut self) {
        let Some(host) = self.0.take() else { return };
        if std::thread::panicking() && !host.is_told() {
            eprintln!("{}", host.story());
        }
        // While a test fails, its host is only killed: a second panic would end the whole test process.
        if let Some(host) = Arc::into_inner(host)
            && !std::thread::panicking()
        {
            host.stop();
        }
    }
}
