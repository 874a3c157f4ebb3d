//! Starts that fail: the answer, the log, and that nothing is left behind.

use std::fs;
use std::net::TcpListener;

use rustix::process::Signal;

use crate::support::{App, Config, Mews, children, lives, signal, until};

/// A request that must be answered with 502.5; its text, and the log.
fn fails(mews: &Mews) -> (String, String) {
    let (status, body) = mews.get("/pid");
    assert_eq!(status, 502, "{body}\n{}", mews.log());
    assert!(body.starts_with("502.5 "), "{body}");
    assert_eq!(children(mews.worker()), [], "a process is left");
    (body, mews.wait_for("The next request tries again."))
}

#[test]
fn a_process_that_exits_at_once() {
    let mews = Mews::run(App::role("exit"));
    let (body, log) = fails(&mews);
    assert!(body.contains("Cause: The app's process exited with code 3 after "), "{body}");
    assert!(!body.contains("last line"), "{body}");
    for part in
        ["attempt 1 of 2", "attempt 2 of 2", "the last line on stderr", "the last line on stdout", "1020"]
    {
        assert!(log.contains(part), "{part}: {log}");
    }
    // Nothing is remembered.
    fails(&mews);
    assert_eq!(mews.count("attempt 1 of 2"), 2);
}

#[test]
fn an_exception_is_named_and_shown_to_those_who_may_see_it() {
    let cause = "Cause: An unhandled exception ended the app before it listened on port ";
    let mews = Mews::run(App::role("throw"));
    let (body, log) = fails(&mews);
    assert!(body.contains(cause) && !body.contains("secret"), "{body}");
    assert!(log.contains("System.InvalidOperationException: secret."), "{log}");
    let variables = [("ASPNETCORE_ENVIRONMENT", "Development")];
    let mews = Mews::run(App::new(&Config { role: "throw", variables: &variables, ..Config::default() }));
    let (body, _) = fails(&mews);
    assert!(
        body.contains("InvalidOperationException: secret") && body.contains("   at Program.Main()"),
        "{body}"
    );
}

#[test]
fn a_process_that_never_listens_where_it_should() {
    for (role, script, expected) in [
        ("elsewhere", "", "within 1 s (startupTimeLimit); it listens on 127.0.0.1:"),
        ("ipv6", "", "within 1 s (startupTimeLimit); it listens there on IPv6 only."),
        ("", "sleep 1000 & sleep 1000", "within 1 s (startupTimeLimit)."),
    ] {
        let process = if role.is_empty() { "./script" } else { "" };
        let config = Config { role, process, attributes: "startupTimeLimit=\"1\"", ..Config::default() };
        let mews = Mews::run(App::new(&config).script("script", script));
        let (body, _) = fails(&mews);
        assert!(
            body.contains("The app's process did not listen on port ") && body.contains(expected),
            "{body}"
        );
    }
}

#[test]
fn what_cannot_be_executed() {
    for (process, content, mode, expected) in [
        ("bogus", "", 0, "'bogus', which web.config names in processPath, was not found"),
        ("./gone", "", 0, "which web.config names in processPath, was not found"),
        ("./app", "#!/bin/sh\n", 0o644, "is not executable"),
        ("./app", "MZ", 0o755, "is a program for Windows"),
        ("./app", "#!/no/such/shell\n", 0o755, "its interpreter or its loader"),
        ("dotnet", "", 0, "arguments is empty"),
    ] {
        let app = App::new(&Config { process, ..Config::default() });
        if !content.is_empty() {
            use std::os::unix::fs::PermissionsExt as _;
            let path = app.folder.path().join("app");
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let mews = Mews::run(app);
        let (body, log) = fails(&mews);
        assert!(body.contains(expected), "{process}: {body}");
        assert!(log.contains("attempt 2 of 2"), "{log}");
    }
}

#[test]
fn a_configured_port_that_is_none_is_tried_once() {
    for port in ["1024", "48001", "http"] {
        let variables = [("ASPNETCORE_PORT", port)];
        let mews = Mews::run(App::new(&Config { role: "serve", variables: &variables, ..Config::default() }));
        let (body, log) = fails(&mews);
        assert!(
            body.contains(&format!("is '{port}', which is not a whole number from 1025 to 48000")),
            "{body}"
        );
        assert!(log.contains("attempt 1 of 1") && !log.contains("attempt 2"), "{log}");
    }
}

/// A port that web.config may name and that is free now.
fn configurable() -> (TcpListener, u16) {
    until("a port is in the range", || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (port <= 48_000).then_some((listener, port))
    })
}

#[test]
fn a_configured_port_is_used_and_a_stranger_on_it_gets_nothing() {
    let (stranger, port) = configurable();
    let text = port.to_string();
    let variables = [("ASPNETCORE_PORT", text.as_str())];
    let mews = Mews::run(App::new(&Config { role: "serve", variables: &variables, ..Config::default() }));
    let (body, _) = fails(&mews);
    let taken = format!("Port {port} was taken by ");
    assert!(body.contains(&taken) && body.contains(&format!("(pid {})", std::process::id())), "{body}");
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.accept().is_err(), "the stranger was connected to");
    drop(stranger);
    mews.app_pid();
    mews.wait_for(&format!(", port {port})"));
}

#[test]
fn the_page_can_be_switched_off() {
    let config = Config { role: "exit", attributes: "disableStartUpErrorPage=\"true\"", ..Config::default() };
    let mews = Mews::run(App::new(&config));
    let (status, head, body) = mews.get_with_head("/pid");
    assert_eq!((status, body.as_str()), (502, ""), "{head}");
    mews.wait_for("could not be started (502.5)");
}

#[test]
fn a_stop_during_a_start_ends_it() {
    let config = Config { process: "./script", settings: &[("shutdownDelay", "0")], ..Config::default() };
    let app = App::new(&config).script("script", "sleep 1000");
    let mews = Mews::run(app);
    let port = mews.port();
    let request = std::thread::spawn(move || crate::support::exchange(port, "/pid"));
    let worker = mews.worker();
    let pid = until("the process runs", || children(worker).first().copied());
    let (status, log) = mews.stop();
    assert!(status.success(), "{log}");
    assert!(!lives(pid));
    assert_eq!(request.join().unwrap().0, 503);
}

#[test]
fn a_second_stop_ends_everything_at_once() {
    let config = Config { role: "stubborn", attributes: "shutdownTimeLimit=\"600\"", ..Config::default() };
    let mews = Mews::run(App::new(&config));
    let pid = mews.app_pid();
    let worker = mews.worker();
    signal(mews.pid(), Signal::TERM);
    mews.wait_for("answered 202");
    // Requests that follow each other within a quarter of a second are taken for one.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let (status, log) = mews.stop();
    assert!(status.success(), "{log}");
    assert!(!lives(pid) && !lives(worker), "{log}");
}
