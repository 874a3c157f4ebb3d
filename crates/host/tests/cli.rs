//! The binary as scripts see it: exit codes, messages, the failure page, stopping. No .NET is needed: the
//! apps here cannot start.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "that is how a test fails")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(30);

fn mews(arguments: &[&str]) -> Command {
    // `mews` leaves a SIGHUP ignored that it finds ignored; the tests may run under `nohup`.
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_mews")]).args(arguments).stdin(Stdio::null());
    for name in [
        "ASPNETCORE_URLS",
        "ASPNETCORE_ENVIRONMENT",
        "DOTNET_ENVIRONMENT",
        "ASPNETCORE_DETAILEDERRORS",
        "MEWS_LOG",
    ] {
        command.env_remove(name);
    }
    command
}

/// Runs to the end; exit code and stderr.
fn ends(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// A folder that looks like an app; its .dll is none.
fn broken_app() -> TempDir {
    folder(&[("Shop.dll", "not an assembly"), ("Shop.runtimeconfig.json", "{\"runtimeOptions\":{}}")])
}

fn run_in(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = mews(&["run", folder.to_str().unwrap(), "--urls", "http://127.0.0.1:0"]);
    ends(command.args(arguments))
}

#[test]
fn wrong_usage_is_exit_code_2_with_the_nearest_name() {
    for (arguments, part) in [
        (&["run", "--url", "x"][..], "'--urls'"),
        (&["runn"], "'run'"),
        (&["serve", "--confg", "x"], "'--config'"),
        (&[], "Usage"),
        (&["run", "--hosting-model", "in-process"], "InProcess or OutOfProcess"),
        (&["run", "--urls", "http://127.0.0.1:0/base"], "path base"),
        (&["run", "--urls", "127.0.0.1:80"], "write http://127.0.0.1:80"),
        (&["run", "--io-threads", "0"], "0 is not in 1..=1024"),
        (&["run", "--log-format", "xml"], "text, json"),
        (&["worker"], "use 'mews run'"),
    ] {
        let (code, text) = ends(&mut mews(arguments));
        assert_eq!(code, 2, "{arguments:?}: {text}");
        assert!(text.contains(part), "{arguments:?}: {text}");
    }
}

#[test]
fn help_and_version() {
    let output = mews(&["run", "--help"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(text.contains("--hosting-model") && text.contains("Exit codes"));
    assert_eq!(mews(&["--version"]).output().unwrap().status.code(), Some(0));
}

#[test]
fn a_folder_without_an_app_is_exit_code_78() {
    let runtimeconfig = "{\"runtimeOptions\":{}}";
    for (files, part) in [
        (&[][..], "neither web.config nor a *.runtimeconfig.json"),
        (&[("Shop.csproj", "")], "dotnet publish"),
        (&[("Shop.runtimeconfig.json", runtimeconfig)], "Shop.dll is missing"),
        (&[("Shop.runtimeconfig.json", "{\n  x"), ("Shop.dll", "")], "Shop.runtimeconfig.json:2:3: "),
        (&[("Shop.runtimeconfig.json", "[]"), ("Shop.dll", "")], "runtimeOptions is missing"),
        (
            &[
                ("A.runtimeconfig.json", runtimeconfig),
                ("A.dll", ""),
                ("B.runtimeconfig.json", runtimeconfig),
                ("B.dll", ""),
            ],
            "2 apps",
        ),
    ] {
        let folder = folder(files);
        let (code, text) = run_in(folder.path(), &[]);
        assert_eq!(code, 78, "{files:?}: {text}");
        assert!(text.contains(part) && text.lines().count() == 1, "{files:?}: {text}");
    }
    let (code, text) = run_in(Path::new("/no/such/folder"), &[]);
    assert_eq!((code, text.contains("There is no '/no/such/folder'")), (78, true), "{text}");
}

fn web_config(module: &str) -> TempDir {
    let text = format!("<configuration><system.webServer>\n{module}\n</system.webServer></configuration>");
    folder(&[("web.config", &text)])
}

#[test]
fn a_web_config_with_problems_is_exit_code_78() {
    for (module, part) in [
        ("<aspNetCore proccessPath='dotnet'/>", "web.config:2:13"),
        ("<aspNetCore processPath='dotnet' hostingModel='inprocess' arguments='.\\Gone.dll'/>", "Gone.dll"),
        ("<aspNetCore processPath='%LAUNCHER_PATH%' hostingModel='inprocess'/>", "dotnet publish"),
        ("<aspNetCore processPath='dotnet' hostingModel='inprocess' arguments='x.dll'/>", "x.dll"),
        ("<handlers/>", "no aspNetCore element"),
        (
            "<aspNetCore processPath='./x' hostingModel='inprocess'/><security><authentication>\
             <anonymousAuthentication enabled='false'/></authentication></security>",
            "anonymousAuthentication",
        ),
    ] {
        let folder = web_config(module);
        let (code, text) = run_in(folder.path(), &[]);
        assert_eq!(code, 78, "{module}: {text}");
        assert!(text.contains(part), "{module}: {text}");
    }
}

#[test]
fn tls_options_that_cannot_be_used_are_refused() {
    let app = broken_app();
    for (arguments, code, part) in [
        (&["--tls-cert", "x.pem"][..], 78, "--tls-cert: no URL of the list is https; add one"),
        (&["--client-certificates", "allow"], 78, "--client-certificates: no URL of the list is https"),
        (&["--tls-key", "x.pem"], 2, "--tls-cert"),
    ] {
        let (got, text) = run_in(app.path(), arguments);
        assert!(got == code && text.contains(part), "{got}: {text}");
    }
    let path = app.path().to_str().unwrap();
    let https = ["run", path, "--urls", "https://127.0.0.1:0"];
    let (code, text) = ends(mews(&https).args(["--tls-cert", "/nowhere/x.pem"]));
    assert_eq!(code, 78, "{text}");
    assert!(text.contains("--tls-cert /nowhere/x.pem: there is no such file; look at the path"), "{text}");
}

#[test]
fn the_environment_gives_urls_as_well() {
    let app = broken_app();
    let path = app.path().to_str().unwrap();
    let (code, text) = ends(mews(&["run", path]).env("ASPNETCORE_URLS", "http://x:y"));
    assert_eq!(code, 78);
    assert!(text.contains("ASPNETCORE_URLS") && text.contains("'y' is not a port"), "{text}");
}

#[test]
fn a_port_in_use_is_exit_code_1_and_names_the_holder() {
    let app = broken_app();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", holder.local_addr().unwrap());
    let (code, text) = ends(&mut mews(&["run", app.path().to_str().unwrap(), "--urls", &url]));
    assert_eq!(code, 1);
    assert!(text.starts_with(&format!("mews: cannot listen on {url}: the address is in use by ")), "{text}");
    assert!(text.contains(&format!("(pid {})", std::process::id())), "{text}");
    assert_eq!(text.lines().count(), 1);
}

/// A running mews and what it says on stderr.
struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    fn start(folder: &Path, change: impl FnOnce(&mut Command)) -> Self {
        let mut command = mews(&["run", folder.to_str().unwrap(), "--urls", "http://127.0.0.1:0"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// Waits for a line that holds this.
    fn says(&mut self, part: &str) -> String {
        while let Ok(line) = self.lines.recv_timeout(LONG) {
            self.seen.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
        panic!("'{part}' was not said:\n{}", self.seen.join("\n"));
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After a failed test; workers follow by themselves.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address(line: &str) -> String {
    let rest = line.split_once("http://").unwrap().1;
    rest.split([' ', ',']).next().unwrap().to_owned()
}

fn get(address: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(LONG)).unwrap();
    write!(
        connection,
        "GET / HTTP/1.1\r\nHost: {address}\r\nAccept: text/plain\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn a_start_failure_is_logged_and_shown_and_mended_by_a_change() {
    let app = broken_app();
    let mut running = Running::start(app.path(), |_| {});
    let logged = running.says("the app failed to start (500.");
    let shown = running.says("showing the failure on http://127.0.0.1:");
    let address = address(&shown);
    let response = get(&address);
    assert!(response.starts_with("HTTP/1.1 500 "), "{response}");
    let lower = response.to_ascii_lowercase();
    assert!(lower.contains("retry-after: ") && lower.contains("cache-control: no-store"), "{response}");
    // The same sentence in both places.
    let cause = response.lines().find_map(|line| line.strip_prefix("Cause: ")).expect(&response);
    assert!(cause.len() > 8 && logged.contains(cause), "'{cause}' is not in {logged}");

    // Long enough a wait that the change, and not its end, makes the next start.
    running.says("trying again in 4 s");
    fs::write(app.path().join("Shop.dll"), "still not an assembly").unwrap();
    running.says("the app's files changed");
    running.says("trying again in 2 s");

    // A folder that is broken in another way meanwhile is told on the page too.
    fs::write(app.path().join("web.config"), "<configuration>").unwrap();
    running.says("web.config");
    running.says("the app failed to start (500.19): ");
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), Some(0));
}

#[test]
fn every_stop_signal_ends_with_0() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let app = broken_app();
        let mut running = Running::start(app.path(), |_| {});
        running.says("showing the failure on ");
        running.signal(signal);
        running.says("stopped");
        assert_eq!(running.exit_code(), Some(0), "{signal:?}");
    }
}

#[test]
fn workers_end_when_the_supervisor_is_killed() {
    let app = broken_app();
    let mut running = Running::start(app.path(), |_| {});
    let line = running.says("showing the failure on ");
    let pid = line.split_once("(pid ").unwrap().1.trim_end_matches(')').to_owned();
    let worker = format!("/proc/{pid}/stat");
    assert!(fs::read_to_string(&worker).is_ok());
    running.signal(Signal::KILL);
    running.exit_code();
    // It holds the other end of stderr, so the lines end when it does.
    while running.lines.recv_timeout(LONG).is_ok() {}
    let state = |stat: String| stat.rsplit_once(") ").unwrap().1.starts_with('Z');
    for _ in 0..500 {
        if fs::read_to_string(&worker).map_or(true, state) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("the worker is still there");
}

#[test]
fn log_lines_can_be_json() {
    let app = broken_app();
    let mut running = Running::start(app.path(), |command| {
        command.args(["--log-format", "json"]);
    });
    let line = running.says("showing the failure on ");
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["level"], "INFO");
    assert!(value["message"].as_str().unwrap().starts_with("showing the failure on http://"));
    assert!(value["timestamp"].is_string());
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), Some(0));
}
