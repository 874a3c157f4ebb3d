//! A running `mews` and everything a test asks of it.

mod builder;
mod checks;
mod configured;
mod model;
mod serve;
mod shared;
mod tool;

pub use builder::{Finished, HostBuilder};
pub use configured::{handler_settings, variables};
pub use model::Model;
pub use serve::site;
pub use shared::{HostRef, SharedHost};
pub use tool::tool;

use crate::{Capture, Client, PATIENCE, RawAnswer, Request, Response, proc, wait};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A `mews run` over a copy of an app's publish folder. Dropping it kills every process it has started; [`TestHost::stop`] stops it and checks.
pub struct TestHost {
    child: Child,
    guard: Child,
    id: String,
    command: String,
    folder: PathBuf,
    // Removed with the host.
    _scratch: tempfile::TempDir,
    ports: Vec<u16>,
    stdout: Arc<Capture>,
    stderr: Arc<Capture>,
    descriptors: Vec<String>,
    expected_logs: Vec<String>,
    allowed_logs: Vec<String>,
    any_logs: bool,
    told: AtomicBool,
}

impl TestHost {
    /// Begins to describe a host of the published app `name`.
    pub fn app(name: &str) -> HostBuilder {
        HostBuilder::app(name)
    }

    /// Begins to describe a host of a folder that is empty at first.
    pub fn empty_folder() -> HostBuilder {
        HostBuilder::empty_folder()
    }

    /// The supervisor's process id.
    pub fn supervisor(&self) -> u32 {
        self.child.id()
    }

    /// The processes that the supervisor has started and that live.
    pub fn workers(&self) -> Vec<u32> {
        proc::children(self.supervisor())
    }

    /// The only port, or the first one.
    ///
    /// # Panics
    /// There is none.
    pub fn port(&self) -> u16 {
        *self.ports.first().expect("the host listens")
    }

    /// Every port the supervisor listened on when it was ready.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// The app's folder, which belongs to this test.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What `mews` prints about itself, and the app's stderr.
    pub fn stderr(&self) -> &Capture {
        &self.stderr
    }

    /// The app's stdout.
    pub fn stdout(&self) -> &Capture {
        &self.stdout
    }

    /// The app's stdout, for a look at it after the host has stopped.
    pub fn stdout_handle(&self) -> Arc<Capture> {
        Arc::clone(&self.stdout)
    }

    /// A new connection.
    pub fn client(&self) -> Client {
        Client::connect(self.port())
    }

    /// A `GET` on a connection of its own.
    ///
    /// # Panics
    /// There is no whole response.
    pub fn get(&self, target: &str) -> Response {
        self.send(&Request::get(target))
    }

    /// A request on a connection of its own.
    ///
    /// # Panics
    /// There is no whole response.
    pub fn send(&self, request: &Request) -> Response {
        match self.client().request(request) {
            Ok(response) => response,
            Err(error) => panic!("{request:?}: {error:#}\n{}", self.story()),
        }
    }

    /// The JSON that a `GET` answers with status 200.
    ///
    /// # Panics
    /// Another status, or no JSON.
    pub fn json(&self, target: &str) -> Value {
        let response = self.get(target);
        assert_eq!(response.status, 200, "GET {target}: {response:?}");
        response.json()
    }

    /// The text that a `GET` answers with status 200.
    ///
    /// # Panics
    /// Another status.
    pub fn text(&self, target: &str) -> String {
        let response = self.get(target);
        assert_eq!(response.status, 200, "GET {target}: {response:?}");
        response.text().to_owned()
    }

    /// Asks for each target, compares status and body, and reports all differences at once.
    ///
    /// # Panics
    /// An answer is another one.
    pub fn assert_answers(&self, cases: &[(&str, u16, &str)]) {
        let mut client = self.client();
        let mut wrong = String::new();
        for (target, status, body) in cases {
            match client.get(target) {
                Ok(response) if response.status == *status && response.body == body.as_bytes() => {}
                Ok(response) => {
                    let text = String::from_utf8_lossy(&response.body);
                    let _ = writeln!(
                        wrong,
                        "{target}\n  due: {status} {body:?}\n  got: {} {text:?}",
                        response.status
                    );
                }
                Err(error) => {
                    let _ = writeln!(wrong, "{target}\n  {error:#}");
                    client = self.client();
                }
            }
        }
        assert!(wrong.is_empty(), "\n{wrong}");
    }

    /// Sends bytes on a connection of their own and reads until the host closes it.
    pub fn raw(&self, bytes: impl AsRef<[u8]>) -> RawAnswer {
        crate::raw(self.port(), bytes.as_ref())
    }

    /// Waits until the app answers `GET target` with `status`.
    ///
    /// # Panics
    /// It does not within `limit`.
    pub fn wait_status(&self, target: &str, status: u16, limit: Duration) -> Response {
        let mut last = String::new();
        let found = wait::poll(limit, || match self.client().get(target) {
            Ok(response) if response.status == status => Some(response),
            Ok(response) => {
                last = format!("{} {}", response.status, String::from_utf8_lossy(&response.body));
                None
            }
            Err(error) => {
                last = format!("{error:#}");
                None
            }
        });
        found.unwrap_or_else(|| {
            panic!("GET {target} never answered {status}; at last: {last}\n{}", self.story())
        })
    }

    /// Waits for a line on stderr that contains `text`, from line `skip` on.
    ///
    /// # Panics
    /// It does not come.
    pub fn wait_log(&self, skip: usize, text: &str) -> String {
        let found = self.stderr.wait_after(skip, PATIENCE, |line| line.contains(text));
        found.unwrap_or_else(|| panic!("no line with {text:?} on stderr\n{}", self.story()))
    }

    /// Sends a signal to the supervisor.
    ///
    /// # Panics
    /// It has gone.
    pub fn signal(&self, signal: Signal) {
        signal_process(self.supervisor(), signal);
    }

    /// Whether the supervisor has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Waits for the supervisor's end.
    ///
    /// # Panics
    /// It does not end within `limit`.
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let child = &mut self.child;
        let ended = wait::poll(limit, || child.try_wait().expect("the child can be waited for"));
        ended
            .unwrap_or_else(|| panic!("mews has not ended after {} s\n{}", limit.as_secs_f32(), self.story()))
    }

    /// Stops the host as a service manager does, and checks what it leaves behind: exit code 0, no process, no descriptor
    /// that has grown, no warning that the test has not declared.
    ///
    /// # Panics
    /// One of these does not hold.
    pub fn stop(self) {
        self.check_descriptors();
        self.signal(Signal::TERM);
        self.ended(0);
    }

    /// As [`TestHost::stop`] after the test has itself made the host end; `code` is the exit code that is due.
    ///
    /// # Panics
    /// As [`TestHost::stop`].
    pub fn ended(mut self, code: i32) {
        let status = self.wait_exit(PATIENCE);
        assert_eq!(
            status.code(),
            Some(code),
            "mews: {status} (signal {:?})\n{}",
            status.signal(),
            self.story()
        );
        self.check_processes();
        for (name, stream) in [("stderr", &self.stderr), ("stdout", &self.stdout)] {
            assert!(stream.wait_closed(PATIENCE), "{name} is still open\n{}", self.story());
        }
        self.check_log();
    }

    /// Whether the story is part of a failure's output already.
    pub(crate) fn is_told(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }

    /// The command, what it printed and what lies in the folder.
    pub fn story(&self) -> String {
        self.told.store(true, Ordering::Relaxed);
        checks::story(&self.command, &self.folder, &self.stdout, &self.stderr)
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.is_told() {
            eprintln!("{}", self.story());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        for pid in proc::marked(&self.id) {
            if pid != self.guard.id() && pid != std::process::id() {
                signal_process(pid, Signal::KILL);
            }
        }
        let _ = self.guard.kill();
        let _ = self.guard.wait();
    }
}

/// Sends a signal to any process that a test host has started; one that has gone is no error.
pub fn kill(pid: u32, signal: Signal) {
    signal_process(pid, signal);
}

pub(crate) fn signal_process(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}
