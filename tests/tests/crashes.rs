//! Workers that die while they serve: the reason is logged, a new one takes over, and connections wait for it instead of being refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{TestHost, is_cut, proc, wait};
use rustix::process::Signal;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// The worker that runs the app now.
fn serving(host: &TestHost, pid_endpoint: &str) -> Option<u32> {
    let response = host.client().get(pid_endpoint).ok()?;
    if response.status != 200 {
        return None;
    }
    response.json()["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())
}

/// Asks for a target that ends the worker, and waits for the next one.
fn crash(host: &TestHost, target: &str, log: &str) {
    let before = host.json("/info")["pid"].as_u64().unwrap();
    let seen = host.stderr().len();
    let _ = host.client().get(target);
    wait::until(&format!("a new worker after {target}"), PATIENCE, || {
        serving(host, "/info").filter(|pid| u64::from(*pid) != before)
    });
    host.wait_log(seen, log);
    host.wait_collected();
}

#[test]
fn the_reason_is_logged_and_a_new_worker_serves() {
    let host = TestHost::app("Minimal").any_log().start();
    crash(&host, "/failfast", "asked to fail fast");
    crash(&host, "/throw-background", "thrown on a background thread");
    crash(&host, "/exit?code=7", "7");
    host.stop();
}

#[test]
fn the_end_of_the_stack_ends_the_worker_only() {
    let host = TestHost::app("Broken").args(["StackOverflowInRequest"]).any_log().start();
    assert_eq!(host.text("/"), "StackOverflowInRequest");
    let before = host.workers();
    let seen = host.stderr().len();
    let error = host.client().get("/overflow").unwrap_err();
    assert!(is_cut(&error), "{error:#}");
    host.wait_status("/", 200, PATIENCE);
    assert_ne!(host.workers(), before);
    let line = host.wait_log(seen, "ERROR");
    assert!(line.to_lowercase().contains("stack overflow"), "{line}");
    host.stop();
}

#[test]
fn a_killed_worker_is_replaced_under_load() {
    let host = TestHost::app("Minimal").any_log().start();
    let worker = host.workers()[0];
    let load = host.under_load("/json", |load| {
        load.wait_answers(200);
        e2e::kill(worker, Signal::KILL);
        wait::until("a new worker", PATIENCE, || serving(&host, "/info").filter(|pid| *pid != worker));
        load.wait_answers(200);
    });
    load.assert_cut_by_one_death();
    host.wait_log(0, "SIGKILL");
    host.stop();
}

#[test]
fn an_app_that_stops_itself_loses_no_request() {
    let host = TestHost::app("Minimal").any_log().start();
    let worker = host.workers()[0];
    let load = host.under_load("/json", |load| {
        load.wait_answers(200);
        assert_eq!(host.text("/stop"), "stopping");
        wait::until("a new worker", PATIENCE, || serving(&host, "/info").filter(|pid| *pid != worker));
        load.wait_answers(200);
    });
    load.assert_whole();
    host.stop();
}

#[test]
fn an_app_that_keeps_crashing_is_backed_off_from() {
    let host =
        TestHost::app("Broken").args(["CrashesAfterStart"]).env("CRASH_AFTER_MS", "100").any_log().launch();
    // The first crash is answered by a restart at once; from the second on a page stands in meanwhile.
    let response = host.wait_status("/", 503, PATIENCE);
    assert!(response.header("Retry-After").is_some(), "{response:?}");
    host.wait_log(0, "thrown after the start");
    assert!(proc::is_alive(host.supervisor()));
    host.stop();
}
