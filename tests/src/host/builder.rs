//! Describes a `mews run`, prepares its folder and starts it.

use super::{TestHost, checks};
use crate::{Capture, PATIENCE, paths, proc, wait};
use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is to be run. Each test host has a copy of the app's folder, a temporary folder and an environment of its own.
pub struct HostBuilder {
    scratch: tempfile::TempDir,
    folder: PathBuf,
    target: Option<PathBuf>,
    /// `mews serve` with this file of the folder, instead of `mews run`.
    pub(super) serves: Option<&'static str>,
    urls: Option<String>,
    flags: Vec<OsString>,
    args: Vec<OsString>,
    environment: Vec<(String, Option<String>)>,
    passed: Option<TcpListener>,
    expected_logs: Vec<String>,
    allowed_logs: Vec<String>,
    any_logs: bool,
}

/// A `mews` that has ended by itself.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

impl HostBuilder {
    pub(super) fn app(name: &str) -> Self {
        let builder = Self::empty_folder();
        copy(&paths::app(name), &builder.folder);
        builder
    }

    pub(super) fn empty_folder() -> Self {
        let scratch =
            tempfile::Builder::new().prefix("mews-e2e-").tempdir().expect("a temporary folder can be made");
        let folder = scratch.path().join("app");
        fs::create_dir(&folder).expect("the temporary folder is writable");
        Self {
            scratch,
            folder,
            target: None,
            serves: None,
            urls: Some("http://127.0.0.1:0".to_owned()),
            flags: Vec::new(),
            args: Vec::new(),
            environment: Vec::new(),
            passed: None,
            expected_logs: Vec::new(),
            allowed_logs: Vec::new(),
            any_logs: false,
        }
    }

    /// Where the app's copy lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Arguments for the app, after `--`.
    #[must_use]
    pub fn args<S: Into<OsString>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// An option of `mews run`.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// `--urls`, instead of a free port of 127.0.0.1.
    #[must_use]
    pub fn urls(mut self, urls: &str) -> Self {
        self.urls = Some(urls.to_owned());
        self
    }

    /// No `--urls` at all.
    #[must_use]
    pub fn no_urls(mut self) -> Self {
        self.urls = None;
        self
    }

    /// Names this path in the folder, instead of the folder, on the command line.
    #[must_use]
    pub fn target(mut self, path: &str) -> Self {
        self.target = Some(self.folder.join(path));
        self
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    /// Passes a listening socket on as systemd does (socket activation).
    #[must_use]
    pub fn pass(mut self, socket: &TcpListener) -> Self {
        self.passed = Some(socket.try_clone().expect("there are descriptors left"));
        self
    }

    /// Shows the host and its children another time of day, so much from the machine's; the file `clock` of the folder may
    /// be changed later. Clocks that cannot be set go on as they do.
    ///
    /// # Panics
    /// The package `faketime` is not installed.
    #[must_use]
    pub fn false_clock(self, offset: &str) -> Self {
        let mut folders = fs::read_dir("/usr/lib").expect("/usr/lib can be read").flatten();
        let library = folders.find_map(|folder| {
            let library = folder.path().join("faketime/libfaketimeMT.so.1");
            library.exists().then_some(library)
        });
        let library = library.expect("the package faketime is installed");
        let builder = self.file("clock", offset);
        let clock = builder.folder.join("clock");
        builder
            .env("LD_PRELOAD", library.to_str().expect("a plain path"))
            .env("FAKETIME_TIMESTAMP_FILE", clock.to_str().expect("the temporary folder has a plain name"))
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }

    /// Leaves out an environment variable that the harness sets.
    #[must_use]
    pub fn no_env(mut self, name: &str) -> Self {
        self.environment.push((name.to_owned(), None));
        self
    }

    /// Replaces `web.config`.
    #[must_use]
    pub fn web_config(self, text: &str) -> Self {
        self.file("web.config", text)
    }

    /// Changes the `<aspNetCore>` element of the published `web.config`: adds these attributes, and these child elements.
    ///
    /// # Panics
    /// The published file is not as publish writes it.
    #[must_use]
    pub fn asp_net_core(self, attributes: &str, children: &str) -> Self {
        let file = self.folder.join("web.config");
        let text = fs::read_to_string(&file).expect("the app has a web.config");
        let begin = text.find("<aspNetCore ").expect("web.config has an aspNetCore element");
        let end = begin + text[begin..].find("/>").expect("the element is empty");
        let changed = format!("{} {attributes}>{children}</aspNetCore>{}", &text[..end], &text[end + 2..]);
        self.file("web.config", &changed)
    }

    /// Writes a file in the app's folder.
    ///
    /// # Panics
    /// It cannot be written.
    #[must_use]
    pub fn file(self, name: &str, text: &str) -> Self {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().expect("the path has a parent")).expect("a folder can be made");
        fs::write(&path, text).expect("a file can be written");
        self
    }

    /// Removes a file of the app's folder.
    ///
    /// # Panics
    /// It is not there.
    #[must_use]
    pub fn without(self, name: &str) -> Self {
        fs::remove_file(self.folder.join(name)).expect("the file is there");
        self
    }

    /// Changes a file of the app's folder.
    ///
    /// # Panics
    /// It is not there, or nothing was changed.
    #[must_use]
    pub fn edit(self, name: &str, change: impl FnOnce(&str) -> String) -> Self {
        let old = fs::read_to_string(self.folder.join(name)).expect("the file is there");
        let new = change(&old);
        assert_ne!(old, new, "{name} was not changed");
        self.file(name, &new)
    }

    /// A warning or error line on stderr that contains `text` is expected, and must come.
    #[must_use]
    pub fn expect_log(mut self, text: &str) -> Self {
        self.expected_logs.push(text.to_owned());
        self
    }

    /// A warning or error line on stderr that contains `text` may come.
    #[must_use]
    pub fn allow_log(mut self, text: &str) -> Self {
        self.allowed_logs.push(text.to_owned());
        self
    }

    /// Warnings and errors on stderr are part of the scenario; the test looks at them itself.
    #[must_use]
    pub fn any_log(mut self) -> Self {
        self.any_logs = true;
        self
    }

    /// Starts the host and waits until the app runs.
    ///
    /// # Panics
    /// It does not come to run.
    pub fn start(self) -> TestHost {
        // With several pools it is the test that knows how many run.
        let one = self.serves.is_none();
        let mut host = self.launch();
        let line = host.stderr.wait_for(PATIENCE, |line| line.contains("listening on "));
        let Some(line) = line else {
            panic!(
                "mews does not say that it listens
{}",
                host.story()
            )
        };
        if one {
            // The address of metrics comes last.
            host.ports.sort_by_key(|port| !line.contains(&format!(":{port}")));
            host.descriptors = proc::descriptors(host.supervisor());
        }
        host
    }

    /// Starts the host and waits only until its sockets are bound, for apps that start late or never.
    ///
    /// # Panics
    /// It ends before.
    pub fn launch(self) -> TestHost {
        let id = unique();
        let mut child = self.command(&id);
        child.process_group(0);
        let command = format!("{child:?}");
        let mut child = child.spawn().unwrap_or_else(|error| panic!("cannot run {command}: {error}"));
        let stdout = Capture::start(child.stdout.take().expect("stdout is a pipe"));
        let stderr = Capture::start(child.stderr.take().expect("stderr is a pipe"));
        let guard = guard(child.id());
        let mut host = TestHost {
            child,
            guard,
            id,
            command,
            folder: self.folder,
            _scratch: self.scratch,
            ports: Vec::new(),
            stdout,
            stderr,
            descriptors: Vec::new(),
            expected_logs: self.expected_logs,
            allowed_logs: self.allowed_logs,
            any_logs: self.any_logs,
            told: false.into(),
        };
        let ports = wait::poll(PATIENCE, || {
            if let Some(status) = host.child.try_wait().expect("the child can be waited for") {
                host.stderr.wait_closed(PATIENCE);
                panic!("mews has ended: {status}\n{}", host.story());
            }
            Some(proc::listening_ports(host.child.id())).filter(|ports| !ports.is_empty())
        });
        let Some(ports) = ports else { panic!("mews does not listen\n{}", host.story()) };
        host.ports = ports.into_iter().collect();
        host
    }

    /// Runs a `mews` that is expected to end by itself.
    ///
    /// # Panics
    /// It does not end in time.
    pub fn finish(self) -> Finished {
        let id = unique();
        let mut command = self.command(&id);
        let shown = format!("{command:?}");
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot run {shown}: {error}"));
        let stdout = Capture::start(child.stdout.take().expect("stdout is a pipe"));
        let stderr = Capture::start(child.stderr.take().expect("stderr is a pipe"));
        let story = |what: &str| format!("{what}\n{}", checks::story(&shown, &self.folder, &stdout, &stderr));
        let status = wait::poll(PATIENCE, || child.try_wait().expect("the child can be waited for"));
        let Some(status) = status else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{}", story("mews does not end"));
        };
        assert!(
            stderr.wait_closed(PATIENCE) && stdout.wait_closed(PATIENCE),
            "{}",
            story("its output is still open")
        );
        let left = wait::poll(Duration::from_secs(5), || proc::marked(&id).is_empty().then_some(()));
        assert!(left.is_some(), "{}", story("it has left processes behind"));
        Finished { code: status.code(), stdout: stdout.text(), stderr: stderr.text() }
    }

    fn command(&self, id: &str) -> Command {
        let temporary = self.scratch.path().join("tmp");
        fs::create_dir_all(&temporary).expect("the temporary folder is writable");
        let mut command = match &self.passed {
            None => Command::new(paths::program()),
            // Who the sockets are for is known by its number, which is the shell's.
            Some(_) => {
                let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=mews.socket exec \"$0\" \"$@\"";
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", script]).arg(paths::program());
                shell
            }
        };
        if let Some(file) = self.serves {
            command.arg("serve").arg("--config").arg(self.folder.join(file));
            command.arg("--control").arg(self.folder.join("control.sock"));
        } else {
            command.arg("run").arg(self.target.as_ref().unwrap_or(&self.folder));
            if let Some(urls) = &self.urls {
                command.arg("--urls").arg(urls);
            }
        }
        command.args(&self.flags);
        if !self.args.is_empty() {
            command.arg("--").args(&self.args);
        }
        command.env_clear();
        for name in ["PATH", "HOME", "MEWS_SERVER_ASSEMBLY"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if !paths::has_icu() {
            command.env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1");
        }
        command
            .env("DOTNET_ROOT", paths::dotnet_root())
            .env("TMPDIR", temporary)
            // Nothing is to be left on the machine.
            .env("STATE_DIRECTORY", self.scratch.path().join("state"))
            .env("RUST_BACKTRACE", "1")
            // Many hosts run at once: diagnostics sockets and dumps of the runtime are of no use here.
            .env("DOTNET_EnableDiagnostics", "0")
            .env(proc::MARKER, id);
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.current_dir(self.scratch.path());
        let stdin = match &self.passed {
            None => Stdio::null(),
            Some(socket) => OwnedFd::from(socket.try_clone().expect("there are descriptors left")).into(),
        };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Kills the supervisor when this process dies without having stopped it: the pipe on its stdin then closes.
fn guard(supervisor: u32) -> Child {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "read line; kill -KILL \"$1\"", "guard"]).arg(supervisor.to_string());
    shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.spawn().expect("/bin/sh can be run")
}

fn unique() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

pub(super) fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the app's folder can be read") {
        let entry = entry.expect("the app's folder can be read");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a file has a type").is_dir() {
            fs::create_dir(&target).expect("the copy is writable");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("a file can be copied");
        }
    }
}
