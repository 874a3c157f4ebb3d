//! How the app's processes live and end.

use std::fs;
use std::thread;

use rustix::process::Signal;

use crate::support::{
    App, Config, Mews, children, descendants, exchange, lives, signal, until, wait_until_gone,
};

#[test]
fn the_first_request_starts_the_process_and_the_next_ones_use_it() {
    let mews = Mews::run(App::role("serve"));
    mews.wait_for("out-of-process (pid ");
    let worker = mews.worker();
    assert_eq!(children(worker), []);
    let pid = mews.app_pid();
    assert_eq!(children(worker), [pid]);
    assert_eq!(mews.app_pid(), pid);
    mews.wait_for(&format!("has started (pid {pid}, port "));
    assert!(mews.log().contains("1001"));
    let (status, log) = mews.stop();
    assert!(status.success(), "{log}");
    assert!(log.contains("told to shut down"), "{log}");
    assert!(
        log.contains(&format!("the app's process (pid {pid}) was told to shut down and answered 202")),
        "{log}"
    );
    assert!(!lives(pid) && !lives(worker));
}

#[test]
fn a_crowd_of_first_requests_starts_one_process() {
    let mews = Mews::run(App::role("serve"));
    let port = mews.port();
    let crowd: Vec<_> = (0..100).map(|_| thread::spawn(move || exchange(port, "/pid"))).collect();
    let mut pids: Vec<String> = crowd
        .into_iter()
        .map(|one| {
            let (status, _, body) = one.join().unwrap();
            assert_eq!(status, 200, "{body}");
            body
        })
        .collect();
    pids.dedup();
    assert_eq!(pids.len(), 1);
    assert_eq!(mews.count("has started (pid"), 1);
}

#[test]
fn processes_take_turns() {
    let config = Config { role: "serve", attributes: "processesPerApplication=\"2\"", ..Config::default() };
    let mews = Mews::run(App::new(&config));
    let pids: Vec<u32> = (0..4).map(|_| mews.app_pid()).collect();
    assert_ne!(pids[0], pids[1]);
    assert_eq!(pids[..2], pids[2..]);
    assert_eq!(children(mews.worker()).len(), 2);
    mews.wait_for("process 2 of 2 of the app has started");
    assert!(mews.stop().0.success());
    assert!(pids.into_iter().all(|pid| !lives(pid)));
}

#[test]
fn what_the_process_is_told() {
    let variables = [
        ("ASPNETCORE_TOKEN", "my-token"),
        ("ASPNETCORE_HOSTINGSTARTUPASSEMBLIES", "Mine"),
        ("GREETING", "%HOME%!"),
    ];
    let config = Config { role: "serve", variables: &variables, ..Config::default() };
    let app = App::new(&config);
    let folder = app.folder.path().canonicalize().unwrap();
    // A home that cannot be used would be replaced.
    let home = tempfile::tempdir().unwrap();
    let greeting = format!("{}!", home.path().display());
    let ours = [
        ("ASPNETCORE_URLS", "http://127.0.0.1:1"),
        ("ASPNETCORE_HTTP_PORTS", "2"),
        ("ASPNETCORE_PORT", "3"),
        ("HOME", home.path().to_str().unwrap()),
    ];
    let mews = Mews::run_with(app, &ours);
    let (_, environment) = mews.get("/env");
    let value = |name: &str| {
        let found = environment.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        found.map(str::to_owned)
    };
    let port = value("ASPNETCORE_PORT").unwrap();
    assert!((10_000..=48_000).contains(&port.parse::<u16>().unwrap()));
    assert_eq!(value("ASPNETCORE_URLS").unwrap(), format!("http://127.0.0.1:{port}"));
    let path = format!("{}/", folder.display());
    for (name, expected) in [
        ("ASPNETCORE_TOKEN", Some("my-token")),
        ("ASPNETCORE_HOSTINGSTARTUPASSEMBLIES", Some("Mine")),
        ("GREETING", Some(greeting.as_str())),
        ("ASPNETCORE_APPL_PATH", Some("/")),
        ("ASPNETCORE_IIS_HTTPAUTH", Some("anonymous;")),
        ("ASPNETCORE_IIS_WEBSOCKETS_SUPPORTED", Some("true")),
        ("ASPNETCORE_ANCM_HTTPS_PORT", Some("")),
        ("ASPNETCORE_IIS_PHYSICAL_PATH", Some(path.as_str())),
        ("ASPNETCORE_HTTP_PORTS", None),
    ] {
        assert_eq!(value(name).as_deref(), expected, "{name}");
    }
    let (_, head) = mews.get("/head");
    assert!(head.to_ascii_lowercase().contains("ms-aspnetcore-token: my-token\r\n"), "{head}");
}

#[test]
fn the_integration_assembly_is_added_to_inherited_ones() {
    let mews = Mews::run_with(App::role("serve"), &[("ASPNETCORE_HOSTINGSTARTUPASSEMBLIES", "A;B")]);
    let (_, environment) = mews.get("/env");
    let expected = "ASPNETCORE_HOSTINGSTARTUPASSEMBLIES=A;B;Microsoft.AspNetCore.Server.IISIntegration\n";
    assert!(environment.contains(expected), "{environment}");
}

#[test]
fn a_killed_process_is_replaced_by_the_next_request() {
    let mews = Mews::run(App::role("serve"));
    let mut before = 0;
    for _ in 0..3 {
        let pid = mews.app_pid();
        assert_ne!(pid, before);
        signal(pid, Signal::KILL);
        mews.wait_for(&format!(
            "the app's process (pid {pid}) ended unexpectedly: it was killed by SIGKILL (signal 9)"
        ));
        before = pid;
    }
}

#[test]
fn too_many_ends_in_a_minute_are_answered_without_a_start() {
    let config = Config { role: "serve", attributes: "rapidFailsPerMinute=\"1\"", ..Config::default() };
    let mews = Mews::run(App::new(&config));
    for _ in 0..2 {
        let pid = mews.app_pid();
        signal(pid, Signal::KILL);
        mews.wait_for(&format!("(pid {pid}) ended unexpectedly"));
    }
    let (status, head, body) = mews.get_with_head("/pid");
    assert_eq!(status, 502, "{body}");
    assert!(body.contains("rapidFailsPerMinute (1)") && head.contains("Retry-After: "), "{head} {body}");
    assert_eq!(children(mews.worker()), []);
    assert!(mews.wait_for("rapidFailsPerMinute (1) allows; requests are refused").contains("1003"));
}

#[test]
fn a_dead_workers_processes_die_and_the_next_worker_serves() {
    let app = App::new(&Config { process: "./wrapper", role: "serve", ..Config::default() })
        .script("wrapper", "sleep 1000 &\nsetsid sleep 1001 &\n@");
    let mews = Mews::run(app);
    mews.app_pid();
    let worker = mews.worker();
    let before = until("the wrapper has its children", || {
        let all = descendants(worker);
        (all.len() == 4).then_some(all)
    });
    signal(worker, Signal::KILL);
    for pid in before {
        wait_until_gone(pid);
    }
    mews.app_pid();
    assert_ne!(mews.worker(), worker);
}

#[test]
fn nothing_outlives_a_dead_supervisor() {
    let mews = Mews::run(App::role("serve"));
    let pid = mews.app_pid();
    let worker = mews.worker();
    signal(mews.pid(), Signal::KILL);
    wait_until_gone(worker);
    wait_until_gone(pid);
}

#[test]
fn a_wrapper_may_stay_or_leave() {
    for script in ["@", "setsid @ &\nsleep 1000", "@ &\n"] {
        let config = Config { process: "./wrapper", role: "serve", ..Config::default() };
        let mews = Mews::run(App::new(&config).script("wrapper", script));
        let pid = mews.app_pid();
        let all = descendants(mews.worker());
        let (status, log) = mews.stop();
        assert!(status.success(), "{log}");
        assert!(!lives(pid) && all.into_iter().all(|pid| !lives(pid)), "{script}: {log}");
    }
}

#[test]
fn a_process_that_does_not_end_is_killed() {
    let config = Config {
        role: "stubborn",
        attributes: "shutdownTimeLimit=\"1\"",
        settings: &[("shutdownDelay", "0")],
        ..Config::default()
    };
    let mews = Mews::run(App::new(&config));
    let pid = mews.app_pid();
    let (status, log) = mews.stop();
    assert!(status.success(), "{log}");
    assert!(
        log.contains(&format!("(pid {pid}) did not end within 1 s (shutdownTimeLimit) and is killed")),
        "{log}"
    );
    assert!(log.contains("1005") && log.contains("1006"), "{log}");
    assert!(!lives(pid));
}

#[test]
fn a_process_that_is_stopped_by_a_signal_ends_too() {
    let config = Config { role: "serve", attributes: "shutdownTimeLimit=\"1\"", ..Config::default() };
    let mews = Mews::run(App::new(&config));
    let pid = mews.app_pid();
    signal(pid, Signal::STOP);
    assert!(mews.stop().0.success());
    assert!(!lives(pid));
}

#[test]
fn output_is_passed_on_and_written_to_a_file_for_each_start() {
    let attributes = "stdoutLogEnabled=\"true\" stdoutLogFile=\".\\logs\\out\"";
    let app = App::new(&Config { role: "serve", attributes, ..Config::default() });
    let logs = app.folder.path().join("logs");
    let mews = Mews::run(app);
    let pids = [mews.app_pid(), {
        mews.get("/exit");
        mews.wait_for("it exited with code 9");
        mews.app_pid()
    }];
    mews.wait_for("serving on 127.0.0.1:");
    for pid in pids {
        let text = until("the file has the output", || {
            let ending = format!("_{pid}.log");
            let files = fs::read_dir(&logs).ok()?.flatten();
            let mut own = files.filter(|file| file.file_name().to_string_lossy().ends_with(&ending));
            let text = fs::read_to_string(own.next()?.path()).ok()?;
            text.contains("serving on").then_some(text)
        });
        assert!(text.contains("serving on 127.0.0.1:"), "{text}");
    }
}

#[test]
fn a_log_that_cannot_be_written_hinders_nothing() {
    let attributes = "stdoutLogEnabled=\"true\" stdoutLogFile=\".\\logs\\out\"";
    let app = App::new(&Config { role: "serve", attributes, ..Config::default() });
    fs::write(app.folder.path().join("logs"), "a file").unwrap();
    let mews = Mews::run(app);
    mews.app_pid();
    let log = mews.wait_for("stdoutLogFile");
    assert!(log.contains("1004"), "{log}");
}

#[test]
fn output_can_be_left_alone() {
    let settings = [("enableOutOfProcessConsoleRedirection", "false")];
    let mews = Mews::run(App::new(&Config { role: "serve", settings: &settings, ..Config::default() }));
    mews.app_pid();
    let (status, log) = mews.stop();
    assert!(status.success() && !log.contains("serving on"), "{log}");
}
