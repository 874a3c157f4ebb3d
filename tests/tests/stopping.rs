//! Stopping: signals, limits, and what becomes of requests that are under way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Client, Request, TestHost, wait};
use rustix::process::Signal;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// Sends `signal` while a request is under way and checks that the request is answered in full.
fn finishes_a_request(signal: Signal) {
    let host = TestHost::app("Minimal").start();
    let mut busy = host.client();
    let mut idle = host.client();
    assert_eq!(idle.get("/").unwrap().status, 200);
    // The first line has come: the request is inside the app.
    busy.send(&Request::get("/drip?n=8&ms=150").bytes()).unwrap();
    let mut response = busy.head("GET").unwrap();
    busy.until("line 0\n").unwrap();
    host.signal(signal);
    busy.rest(&mut response).unwrap();
    assert!(response.body.ends_with(b"line 7\n"), "{response:?}");
    host.ended(0);
}

#[test]
fn sigterm_lets_a_request_finish() {
    finishes_a_request(Signal::TERM);
}

#[test]
fn ctrl_c_lets_a_request_finish() {
    finishes_a_request(Signal::INT);
}

#[test]
fn a_request_that_has_not_begun_to_answer_is_finished_too() {
    let host = TestHost::app("Minimal").start();
    let before = host.json("/abort-counts");
    assert_eq!(before["waiting"], 0);
    let mut busy = host.client();
    busy.send(&Request::get("/slow?ms=1500").bytes()).unwrap();
    // An answer to a later request shows that the earlier one has been taken.
    let mut other = host.client();
    other.send(&Request::get("/slow?ms=100").bytes()).unwrap();
    assert_eq!(other.response("GET").unwrap().text(), "waited 100");
    host.signal(Signal::TERM);
    let response = busy.response("GET").unwrap();
    assert_eq!(response.text(), "waited 1500");
    assert_eq!(response.header("Connection"), Some("close"), "{response:?}");
    host.ended(0);
}

/// Brings connections into a state with `prepare`, stops the host and checks that it did not wait for them.
fn stops_soon(prepare: impl FnOnce(&TestHost) -> Vec<Client>) {
    let host = TestHost::app("Minimal").start();
    assert_eq!(host.text("/"), "Hello World!");
    let clients = prepare(&host);
    let began = Instant::now();
    host.signal(Signal::TERM);
    host.ended(0);
    assert!(began.elapsed() < Duration::from_secs(4), "stopping took {:?}", began.elapsed());
    drop(clients);
}

#[test]
fn idle_connections_do_not_hold_the_stop_up() {
    stops_soon(|host| {
        let mut idle: Vec<Client> = (0..5).map(|_| host.client()).collect();
        for client in &mut idle {
            assert_eq!(client.get("/").unwrap().status, 200);
        }
        idle
    });
}

#[test]
fn silent_connections_do_not_hold_the_stop_up() {
    stops_soon(|host| {
        let silent = host.client();
        // Connections are taken in their order: once this one is served, the silent one has been taken.
        assert_eq!(host.text("/"), "Hello World!");
        vec![silent]
    });
}

#[test]
fn half_a_request_does_not_hold_the_stop_up_for_long() {
    stops_soon(|host| {
        let mut half = host.client();
        half.send(b"GET / HTTP/1.1\r\nHost: a").unwrap();
        assert_eq!(host.text("/"), "Hello World!");
        vec![half]
    });
}

#[test]
fn endless_streams_end_when_the_app_stops() {
    let host = TestHost::app("Minimal").start();
    let mut events = host.client();
    events.send(&Request::get("/sse?n=0").bytes()).unwrap();
    let mut response = events.head("GET").unwrap();
    events.until("event 0\n\n").unwrap();
    host.signal(Signal::TERM);
    // Its end is a clean one: the app has finished the response.
    events.rest(&mut response).unwrap();
    host.ended(0);
}

#[test]
fn a_second_signal_stops_at_once() {
    let host = TestHost::app("Minimal").any_log().start();
    let mut busy = host.client();
    busy.send(&Request::get("/flush-then-block?ms=60000").bytes()).unwrap();
    busy.head("GET").unwrap();
    busy.until("before\n").unwrap();
    host.signal(Signal::TERM);
    host.wait_log(0, "stopping");
    // Signals that follow at once may be one request, sent to a whole group of processes; whoever insists is heard.
    let (mut host, began) = (host, Instant::now());
    wait::until_true("the end", Duration::from_secs(5), || {
        host.signal(Signal::TERM);
        host.has_ended()
    });
    assert!(began.elapsed() < Duration::from_secs(5), "stopping took {:?}", began.elapsed());
    host.ended(0);
}

#[test]
fn an_app_that_comes_up_while_it_is_to_stop_lets_nobody_in() {
    let host = TestHost::app("Broken").args(["SlowStart"]).env("SLOW_START_MS", "1000").launch();
    host.wait_log(0, "starting");
    host.signal(Signal::TERM);
    host.wait_log(0, "stopping");
    host.wait_log(0, "stopped");
    assert!(!host.stderr().text().contains("listening on"), "{}", host.stderr().text());
    host.ended(0);
}

#[test]
fn an_app_that_does_not_stop_is_killed_at_the_limit() {
    let host = TestHost::app("Broken")
        .args(["HangsOnStop"])
        .asp_net_core("shutdownTimeLimit=\"2\"", "")
        .any_log()
        .start();
    assert_eq!(host.text("/"), "HangsOnStop");
    let began = Instant::now();
    host.signal(Signal::TERM);
    host.ended(0);
    let took = began.elapsed();
    assert!(took > Duration::from_secs(1) && took < Duration::from_secs(12), "stopping took {took:?}");
}

#[test]
fn an_app_that_takes_its_time_to_stop_is_waited_for() {
    let host = TestHost::app("Broken").args(["SlowStop"]).env("SLOW_STOP_MS", "2000").start();
    assert_eq!(host.text("/"), "SlowStop");
    let began = Instant::now();
    host.stop();
    assert!(began.elapsed() > Duration::from_millis(1900), "stopping took {:?}", began.elapsed());
}

#[test]
fn an_app_that_throws_while_it_stops_is_told_of() {
    let host = TestHost::app("Broken").args(["ThrowsOnStop"]).any_log().start();
    assert_eq!(host.text("/"), "ThrowsOnStop");
    host.signal(Signal::TERM);
    // The host ends all the same; how it ended is the app's failure, not a hang.
    let mut host = host;
    let status = host.wait_exit(PATIENCE);
    assert!(status.code().is_some(), "{status}");
    let thrown = |line: &str| line.contains("thrown while stopping");
    let told = host.stderr().wait_for(PATIENCE, thrown).or_else(|| host.stdout().wait_for(PATIENCE, thrown));
    assert!(told.is_some(), "{}", host.story());
}

#[test]
fn an_app_that_stops_itself_is_started_again() {
    let host = TestHost::app("Minimal").any_log().start();
    let before = host.json("/info")["pid"].clone();
    assert_eq!(host.text("/stop"), "stopping");
    // Held by the kernel or answered by the old worker: every request is answered.
    let after = wait::until("a new worker", PATIENCE, || {
        let pid = host.json("/info")["pid"].clone();
        (pid != before).then_some(pid)
    });
    assert_ne!(before, after);
    host.stop();
}

#[test]
fn the_worker_ends_when_the_supervisor_is_killed() {
    let host = TestHost::app("Minimal").any_log().start();
    let worker = host.workers()[0];
    let mut idle = host.client();
    assert_eq!(idle.get("/").unwrap().status, 200);
    host.signal(Signal::KILL);
    wait::until_true("the worker's end", PATIENCE, || !e2e::proc::is_alive(worker));
}
