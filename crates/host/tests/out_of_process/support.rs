//! A running `mews`, and app folders for it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::app::ROLE;

/// Longer than anything here takes, on however busy a machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// An app folder.
pub(crate) struct App {
    pub(crate) folder: TempDir,
}

/// What goes into web.config.
#[derive(Default)]
pub(crate) struct Config<'a> {
    /// What this test binary shall do as the app; empty for `process`.
    pub(crate) role: &'a str,
    /// `processPath`.
    pub(crate) process: &'a str,
    /// Other attributes of `aspNetCore`.
    pub(crate) attributes: &'a str,
    /// Environment variables.
    pub(crate) variables: &'a [(&'a str, &'a str)],
    /// `handlerSettings`.
    pub(crate) settings: &'a [(&'a str, &'a str)],
}

impl App {
    pub(crate) fn new(config: &Config<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = std::env::current_exe().unwrap();
        let (process, arguments) = if config.process.is_empty() {
            (own.to_str().unwrap(), "--exact app::role --nocapture")
        } else {
            (config.process, "")
        };
        let mut variables = vec![(ROLE, config.role)];
        variables.extend(config.variables);
        let elements = |element: &str, pairs: &[(&str, &str)]| -> String {
            pairs
                .iter()
                .map(|(name, value)| format!("<{element} name=\"{name}\" value=\"{value}\"/>"))
                .collect()
        };
        let text = format!(
            "<configuration><system.webServer><aspNetCore processPath=\"{process}\" arguments=\"{arguments}\" {}>\
             <environmentVariables>{}</environmentVariables><handlerSettings>{}</handlerSettings>\
             </aspNetCore></system.webServer></configuration>",
            config.attributes,
            elements("environmentVariable", &variables),
            elements("handlerSetting", config.settings),
        );
        fs::write(folder.path().join("web.config"), text).unwrap();
        Self { folder }
    }

    pub(crate) fn role(role: &str) -> Self {
        Self::new(&Config { role, ..Config::default() })
    }

    /// A script of this name that may be executed; `@` in it is the command that serves.
    pub(crate) fn script(self, name: &str, text: &str) -> Self {
        let serve = format!("'{}' --exact app::role --nocapture", std::env::current_exe().unwrap().display());
        let path = self.folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{}\n", text.replace('@', &serve))).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }
}

/// What `mews` printed: text, and whether more may come.
type Printed = Arc<(Mutex<(String, usize)>, Condvar)>;

/// A running `mews run`.
pub(crate) struct Mews {
    child: Child,
    port: u16,
    printed: Printed,
    // Kept for its life.
    _app: App,
}

impl Mews {
    pub(crate) fn run(app: App) -> Self {
        Self::run_with(app, &[])
    }

    pub(crate) fn run_with(app: App, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mews"));
        command.args(["run", app.folder.path().to_str().unwrap(), "--urls", "http://127.0.0.1:0"]);
        for name in ["ASPNETCORE_URLS", "ASPNETCORE_ENVIRONMENT", "DOTNET_ENVIRONMENT", "MEWS_LOG"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied());
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let printed: Printed = Arc::new((Mutex::new((String::new(), 2)), Condvar::new()));
        let stdout: Box<dyn Read + Send> = Box::new(child.stdout.take().unwrap());
        let stderr: Box<dyn Read + Send> = Box::new(child.stderr.take().unwrap());
        for pipe in [stdout, stderr] {
            let printed = Arc::clone(&printed);
            thread::spawn(move || {
                let mut lines = BufReader::new(pipe);
                let mut line = Vec::new();
                while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                    printed.0.lock().unwrap().0.push_str(&String::from_utf8_lossy(&line));
                    printed.1.notify_all();
                    line.clear();
                }
                printed.0.lock().unwrap().1 -= 1;
                printed.1.notify_all();
            });
        }
        let mut mews = Self { child, port: 0, printed, _app: app };
        let log = mews.wait_for("listening on http://127.0.0.1:");
        let rest = log.split_once("listening on http://127.0.0.1:").unwrap().1;
        mews.port = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
        mews
    }

    /// Waits until it has printed this; answers everything that it printed.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let (lock, changed) = &*self.printed;
        let all = lock.lock().unwrap();
        let waits = |(all, open): &mut (String, usize)| !all.contains(text) && *open > 0;
        let (all, _) = changed.wait_timeout_while(all, LONG, waits).unwrap();
        assert!(all.0.contains(text), "'{text}' was not printed:\n{}", all.0);
        all.0.clone()
    }

    /// What it has printed up to now.
    pub(crate) fn log(&self) -> String {
        self.printed.0.lock().unwrap().0.clone()
    }

    /// How often something was printed.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.log().matches(text).count()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The worker's process.
    pub(crate) fn worker(&self) -> u32 {
        until("there is a worker", || children(self.pid()).first().copied())
    }

    /// Asks for a path; answers status and body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) = exchange(self.port, path);
        (status, body)
    }

    /// The same with the head of the response.
    pub(crate) fn get_with_head(&self, path: &str) -> (u16, String, String) {
        exchange(self.port, path)
    }

    /// The id of the process that answers.
    pub(crate) fn app_pid(&self) -> u32 {
        let (status, body) = self.get("/pid");
        assert_eq!(status, 200, "{body}\n{}", self.log());
        body.parse().unwrap()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Stops it; answers how it ended and all that it printed.
    pub(crate) fn stop(mut self) -> (ExitStatus, String) {
        signal(self.pid(), Signal::TERM);
        let status = until("mews has ended", || self.child.try_wait().unwrap());
        let (lock, changed) = &*self.printed;
        let (all, _) = changed.wait_timeout_while(lock.lock().unwrap(), LONG, |all| all.1 > 0).unwrap();
        (status, all.0.clone())
    }
}

impl Drop for Mews {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        let all = descendants(self.pid());
        let _ = self.child.kill();
        let _ = self.child.wait();
        for pid in all {
            signal(pid, Signal::KILL);
        }
    }
}

/// One request on a connection of its own: status, head and body.
pub(crate) fn exchange(port: u16, path: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {answer}"));
    (status.parse().unwrap(), head.to_owned(), body.to_owned())
}

/// Waits until there is an answer.
pub(crate) fn until<T>(what: &str, mut question: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + LONG;
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(Instant::now() < end, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    // It may be gone.
    let _ = kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal);
}

/// Whether the process lives.
pub(crate) fn lives(pid: u32) -> bool {
    parents().get(&pid).is_some_and(|(_, state)| *state != 'Z')
}

pub(crate) fn wait_until_gone(pid: u32) {
    until(&format!("{pid} is gone"), || (!lives(pid)).then_some(()));
}

/// Parent and state of every process.
fn parents() -> BTreeMap<u32, (u32, char)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(Path::new("/proc").join(format!("{pid}/stat"))) else { continue };
        let mut fields = stat.rsplit(')').next().unwrap().split_whitespace();
        let state = fields.next().and_then(|state| state.chars().next());
        let parent = fields.next().and_then(|parent| parent.parse().ok());
        if let (Some(state), Some(parent)) = (state, parent) {
            all.insert(pid, (parent, state));
        }
    }
    all
}

pub(crate) fn children(pid: u32) -> Vec<u32> {
    let alive = |(_, state): &(u32, char)| *state != 'Z';
    parents().iter().filter(|(_, entry)| entry.0 == pid && alive(entry)).map(|(child, _)| *child).collect()
}

/// Everything below a process.
pub(crate) fn descendants(pid: u32) -> Vec<u32> {
    let mut all = children(pid);
    let mut at = 0;
    while at < all.len() {
        all.extend(children(all[at]));
        at += 1;
    }
    all
}
