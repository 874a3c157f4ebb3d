//! Out-of-process hosting: how an app is told to stop, what it may finish, and when it is ended.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Closed, Model, Request, TestHost, handler_settings, is_cut, kill, proc, wait};
use rustix::process::Signal;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn the_shutdown_message_is_sent_and_its_effect_waited_for() {
    let host = TestHost::unruly("echo").start();
    let pid = host.unruly_pid();
    // It answers with 202 only if path, method and token are what they should be.
    let stdout = host.stdout_handle();
    host.signal(Signal::TERM);
    let line = host.wait_log(0, "was told to shut down and answered 202");
    assert!(line.contains("[1006]") && line.contains(&format!("(pid {pid})")), "{line}");
    host.wait_log(0, "[1030]");
    host.ended(0);
    assert!(stdout.text().contains("unruly: shutdown message answered with 202"), "{}", stdout.text());
}

#[test]
fn kestrel_finishes_what_it_has_begun() {
    let host = TestHost::app("Minimal").model(Model::OutOfProcess).start();
    assert_eq!(host.text("/"), "Hello World!");
    let mut busy = host.client();
    busy.send(&Request::get("/drip?n=8&ms=150").bytes()).unwrap();
    let mut response = busy.head("GET").unwrap();
    busy.until("line 0\n").unwrap();
    host.signal(Signal::TERM);
    busy.rest(&mut response).unwrap();
    assert!(response.body.ends_with(b"line 7\n"), "{response:?}");
    assert!(host.wait_log(0, "answered 202").contains("[1006]"));
    host.ended(0);
}

#[test]
fn requests_that_were_not_answered_yet_are_finished() {
    let host = TestHost::unruly("echo").start();
    let mut busy = host.client();
    busy.send(&Request::get("/slow?ms=1500").bytes()).unwrap();
    host.wait_busy(2);
    host.signal(Signal::TERM);
    let response = busy.response("GET").unwrap();
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.header("Connection"), Some("close"), "{response:?}");
    host.ended(0);
}

#[test]
fn during_the_delay_open_connections_may_still_ask() {
    let settings = handler_settings(&[("shutdownDelay", "60000")]);
    let host = TestHost::unruly("echo").asp_net_core("", &settings).start();
    let mut late = host.client();
    assert_eq!(late.get("/").unwrap().status, 200);
    // As long as this one is inside the app, the delay is not cut short.
    let mut busy = host.client();
    busy.send(&Request::get("/hang").bytes()).unwrap();
    host.wait_busy(2);
    let began = Instant::now();
    host.signal(Signal::TERM);
    host.wait_log(0, "stopping");
    wait::until_true("an answer that closes the connection", PATIENCE, || {
        let response = late.get("/").unwrap();
        assert_eq!(response.status, 200, "{response:?}");
        response.header("Connection") == Some("close")
    });
    assert_eq!(late.closed().unwrap(), Closed::Finished);
    drop(busy);
    drop(late);
    host.ended(0);
    assert!(began.elapsed() < Duration::from_secs(30), "the delay is not waited for: {:?}", began.elapsed());
}

#[test]
fn after_the_delay_nobody_may_ask_any_more() {
    let settings = handler_settings(&[("shutdownDelay", "0")]);
    let host = TestHost::unruly("echo").asp_net_core("", &settings).start();
    let mut late = host.client();
    assert_eq!(late.get("/").unwrap().status, 200);
    let mut busy = host.client();
    busy.send(&Request::get("/hang").bytes()).unwrap();
    host.wait_busy(2);
    host.signal(Signal::TERM);
    host.wait_log(0, "answered 202");
    match late.get("/") {
        Ok(response) => assert_eq!(response.status, 503, "{response:?}"),
        Err(error) => assert!(is_cut(&error), "{error:#}"),
    }
    drop(busy);
    host.ended(0);
}

#[test]
fn an_app_that_does_not_know_the_message_gets_a_signal() {
    let host = TestHost::unruly("sigterm-only").start();
    host.unruly_pid();
    let marker = host.folder().join("sigterm.marker");
    host.signal(Signal::TERM);
    let line = host.wait_log(0, "answered 404 when it was told to shut down; it is sent SIGTERM");
    assert!(line.contains("[1006]"), "{line}");
    wait::until_true("the mark of the signal", PATIENCE, || marker.is_file());
    host.ended(0);
}

#[test]
fn an_app_that_ignores_everything_is_killed_at_the_limit() {
    for (limit, least) in [("1", 1), ("0", 0)] {
        let attributes = format!("shutdownTimeLimit=\"{limit}\"");
        let host = TestHost::unruly("ignore-shutdown").asp_net_core(&attributes, "").any_log().start();
        let pid = host.unruly_pid();
        let began = Instant::now();
        host.signal(Signal::TERM);
        let line =
            host.wait_log(0, &format!("did not end within {limit} s (shutdownTimeLimit) and is killed"));
        assert!(line.contains("[1005]") && line.contains(&format!("(pid {pid})")), "{line}");
        host.ended(0);
        assert!(began.elapsed() >= Duration::from_secs(least), "{:?}", began.elapsed());
    }
}

#[test]
fn a_stopped_process_is_killed_at_the_limit() {
    let host = TestHost::unruly("echo").asp_net_core("shutdownTimeLimit=\"1\"", "").any_log().start();
    let pid = host.unruly_pid();
    kill(pid, Signal::STOP);
    wait::until_true("every thread to be stopped", PATIENCE, || proc::is_stopped(pid));
    host.signal(Signal::TERM);
    host.wait_log(0, "[1005]");
    host.ended(0);
}

#[test]
fn descendants_end_with_the_app() {
    for mode in ["family", "daemon echo", "wrapper echo", "wrapper family"] {
        let host = TestHost::unruly(mode).start();
        host.unruly_pid();
        // That nobody is left is part of this.
        host.stop();
    }
}

#[test]
fn two_processes_are_both_told() {
    let host = TestHost::unruly("echo").asp_net_core("processesPerApplication=\"2\"", "").start();
    assert_ne!(host.unruly_pid(), host.unruly_pid());
    let stdout = host.stdout_handle();
    host.stop();
    let told = "unruly: shutdown message answered with 202";
    assert_eq!(stdout.lines().iter().filter(|line| *line == told).count(), 2, "{}", stdout.text());
}

#[test]
fn a_stop_during_the_start_ends_it() {
    let settings = handler_settings(&[("shutdownDelay", "0")]);
    let host = TestHost::unruly("slow-start 600000").asp_net_core("", &settings).start();
    let mut waiting = host.client();
    waiting.send(&Request::get("/").bytes()).unwrap();
    host.wait_printed("unruly: started slow-start");
    host.signal(Signal::TERM);
    let response = waiting.response("GET").unwrap();
    assert_eq!(response.status, 503, "{response:?}");
    host.ended(0);
}

#[test]
fn a_stop_without_any_process() {
    let host = TestHost::unruly("echo").start();
    let began = Instant::now();
    host.stop();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
