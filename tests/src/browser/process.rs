//! Chromium's processes: started in a process group of their own, so that none is left when the browser ends or this process dies.

use crate::{Capture, PATIENCE, proc, wait};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// The names that Chromium and its relatives have.
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// What keeps it from talking to anyone but the page's host, and from slowing down pages that it takes for hidden.
const FLAGS: [&str; 17] = [
    "--headless",
    "--remote-debugging-port=0",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--no-proxy-server",
];

/// A user's ticket.
pub(super) struct Ticket {
    /// Variables that tell where it is, and of its realm.
    pub(super) environment: Vec<(&'static str, String)>,
}

pub(super) struct Process {
    child: Child,
    guard: Child,
    profile: PathBuf,
    stderr: Arc<Capture>,
}

impl Process {
    /// Starts Chromium with everything it keeps in `folder`.
    ///
    /// # Panics
    /// It is not installed.
    pub(super) fn start(folder: &Path, signing_in: Option<&Ticket>) -> Self {
        let profile = folder.join("profile");
        if signing_in.is_some() {
            expect_negotiate(&profile);
        }
        let spawn = |program: &&str| spawn(program, folder, &profile, signing_in);
        let Some(mut child) = PROGRAMS.iter().find_map(spawn) else {
            panic!(
                "no Chromium is on PATH (looked for {PROGRAMS:?}). Run `cargo xtask test`, which installs it."
            )
        };
        let stderr = Capture::start(child.stderr.take().expect("stderr is a pipe"));
        let guard = guard(child.id(), folder);
        Self { child, guard, profile, stderr }
    }

    /// The folder of its profile.
    pub(super) fn profile(&self) -> &Path {
        &self.profile
    }

    /// # Panics
    /// It has ended.
    pub(super) fn assert_running(&mut self) {
        if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
            self.stderr.wait_closed(PATIENCE);
            panic!("Chromium has ended: {status}\n{}", self.story());
        }
    }

    /// # Panics
    /// It does not end, or leaves processes behind.
    pub(super) fn assert_ended(&mut self) {
        let child = &mut self.child;
        let ended = wait::poll(PATIENCE, || child.try_wait().expect("the child can be waited for"));
        assert!(ended.is_some(), "Chromium does not end\n{}", self.story());
        if wait::poll(PATIENCE, || self.members().is_empty().then_some(())).is_none() {
            let left: Vec<String> = self.members().iter().map(|pid| proc::command_line(*pid)).collect();
            panic!("Chromium has left processes behind: {left:#?}");
        }
    }

    /// Its living processes: the process group, and the crash handlers, which leave the group but name the profile.
    fn members(&self) -> Vec<u32> {
        let mut members = proc::group(self.child.id());
        members.extend(proc::naming(&self.profile.display().to_string()));
        members
    }

    /// What it printed.
    pub(super) fn story(&self) -> String {
        format!("---- Chromium's stderr\n{}", self.stderr.text())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let _ = self.child.wait();
        // The folder is removed next, and a process that still dies could write into it.
        let _ = wait::poll(PATIENCE, || self.members().is_empty().then_some(()));
        let _ = self.guard.kill();
        let _ = self.guard.wait();
    }
}

/// Chromium keeps the system's GSSAPI out of its network process until a server has asked for `Negotiate` in an earlier run,
/// which it remembers here.
fn expect_negotiate(profile: &Path) {
    fs::create_dir_all(profile).expect("the temporary folder is writable");
    let state = r#"{"net":{"received_http_auth_negotiate_headers":true}}"#;
    fs::write(profile.join("Local State"), state).expect("the temporary folder is writable");
}

/// `None` when there is no such program.
fn spawn(program: &str, folder: &Path, profile: &Path, signing_in: Option<&Ticket>) -> Option<Child> {
    let mut command = Command::new(program);
    command.args(FLAGS).arg(format!("--user-data-dir={}", profile.display()));
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.env("HOME", folder).env("TMPDIR", folder).env("LANG", "C.UTF-8").current_dir(folder);
    if let Some(ticket) = signing_in {
        // The certificate that the host makes for itself is signed by nobody.
        command.args(["--auth-server-allowlist=localhost", "--ignore-certificate-errors"]);
        command.envs(ticket.environment.clone());
    }
    command.arg("about:blank");
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    match command.spawn() {
        Ok(child) => Some(child),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => panic!("cannot run {program}: {error}"),
    }
}

/// Kills the group and removes the folder when this process dies without having done so: the pipe on its stdin then closes.
fn guard(group: u32, folder: &Path) -> Child {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "read line; kill -KILL \"-$1\"; sleep 1; rm -rf \"$2\"", "guard"]);
    shell.arg(group.to_string()).arg(folder);
    shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.spawn().expect("/bin/sh can be run")
}
