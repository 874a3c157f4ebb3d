//! Out-of-process hosting: processes that crash, hang or leave while they serve, and what becomes of requests and of whatever they had started.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Model, Request, TestHost, kill, proc, wait};
use rustix::process::Signal;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// Kills the app's process and waits until that is known.
fn kill_app(host: &TestHost, pid: u32) {
    let seen = host.stderr().len();
    kill(pid, Signal::KILL);
    let line = host.wait_log(seen, &format!("(pid {pid}) ended unexpectedly"));
    assert!(line.contains("[1030]") && line.contains("SIGKILL"), "{line}");
}

/// Waits until none of the processes is there.
fn wait_gone(what: &str, pids: &[u32]) {
    wait::until_true(what, PATIENCE, || pids.iter().all(|pid| !proc::is_alive(*pid)));
}

#[test]
fn a_killed_process_fails_its_requests_and_no_others() {
    let host = TestHost::unruly("echo").any_log().start();
    let mut before = 0;
    for _ in 0..3 {
        let pid = host.unruly_pid();
        assert_ne!(pid, before);
        let mut hanging = host.client();
        hanging.send(b"GET /hang HTTP/1.1\r\nHost: x\r\nAccept: text/plain\r\n\r\n").unwrap();
        host.wait_busy(2);
        kill_app(&host, pid);
        let response = hanging.response("GET").unwrap();
        assert_eq!(response.status, 502, "{response:?}");
        assert!(response.text().contains("502.3"), "{}", response.text());
        // The connection outlives the app.
        let after = hanging.get("/").unwrap();
        assert_eq!(after.status, 200, "{after:?}");
        before = pid;
    }
    host.wait_logged("[1001]", 4);
    host.stop();
}

#[test]
fn a_worker_keeps_nothing_of_processes_that_have_ended() {
    let host = TestHost::unruly("echo").asp_net_core("rapidFailsPerMinute=\"100\"", "").any_log().start();
    let worker = host.workers()[0];
    let round = || {
        let mut hanging = host.client();
        let pid = host.unruly_pid();
        hanging.send(&Request::get("/hang").bytes()).unwrap();
        host.wait_busy(2);
        kill_app(&host, pid);
        assert_eq!(hanging.response("GET").unwrap().status, 502);
    };
    round();
    let settled = || {
        // Connections of clients that have gone are closed in their own time.
        let mut last = usize::MAX;
        wait::until("a quiet worker", PATIENCE, || {
            let now = proc::descriptors(worker).len();
            let quiet = now == last;
            last = now;
            quiet.then_some(now)
        })
    };
    let before = settled();
    for _ in 0..10 {
        round();
    }
    wait::until_true("as few descriptors as before", PATIENCE, || proc::descriptors(worker).len() <= before);
    wait::until_true("every process to be collected", PATIENCE, || proc::zombies(worker).is_empty());
    assert!(host.programs().is_empty());
    host.stop();
}

#[test]
fn a_crash_is_explained_and_the_next_request_served() {
    let host = TestHost::app("Minimal").model(Model::OutOfProcess).any_log().start();
    let before = host.json("/info")["pid"].clone();
    let response = host.get("/failfast");
    assert_eq!(response.status, 502, "{response:?}");
    let line = host.wait_log(0, "ended unexpectedly");
    assert!(line.contains("[1030]") && line.contains("asked to fail fast"), "{line}");
    assert_ne!(host.json("/info")["pid"], before);
    host.stop();
}

#[test]
fn an_app_that_stops_itself_is_started_again() {
    let host = TestHost::app("Minimal").model(Model::OutOfProcess).any_log().start();
    let mut pid = host.json("/info")["pid"].clone();
    for _ in 0..2 {
        assert_eq!(host.text("/stop"), "stopping");
        // Until it is gone it may still answer, or refuse.
        pid = wait::until("another process", PATIENCE, || {
            let response = host.client().get("/info").ok().filter(|response| response.status == 200)?;
            Some(response.json()["pid"].clone()).filter(|other| *other != pid)
        });
    }
    host.stop();
}

#[test]
fn too_many_crashes_in_a_minute() {
    for limit in [0, 5] {
        let attributes = format!("rapidFailsPerMinute=\"{limit}\"");
        let host = TestHost::unruly("echo").asp_net_core(&attributes, "").any_log().start();
        for _ in 0..=limit {
            kill_app(&host, host.unruly_pid());
        }
        for _ in 0..2 {
            let response = host.send(&Request::get("/").header("Accept", "text/plain"));
            assert_eq!(response.status, 502, "{response:?}\n{}", host.story());
            assert!(response.text().contains("502.5") && response.text().contains("rapidFailsPerMinute"));
            assert!(response.header("Retry-After").is_some(), "{response:?}");
        }
        assert!(host.wait_log(0, "[1003]").contains(&format!("rapidFailsPerMinute ({limit})")));
        host.wait_printed_lines("unruly: started echo", limit + 1);
        assert!(host.programs().is_empty());
        host.stop();
    }
}

#[test]
fn after_too_many_crashes_it_is_started_again_when_the_page_says_so() {
    let host = TestHost::unruly("echo").asp_net_core("rapidFailsPerMinute=\"0\"", "").any_log().start();
    kill_app(&host, host.unruly_pid());
    let refused = host.get("/");
    assert_eq!(refused.status, 502, "{refused:?}");
    let seconds: u64 = refused.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{refused:?}");
    let began = Instant::now();
    let served = host.wait_status("/", 200, Duration::from_secs(seconds) + PATIENCE);
    // Whole seconds are named, and clocks are read at different times.
    assert!(
        began.elapsed() + Duration::from_secs(2) >= Duration::from_secs(seconds),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(served.json()["target"], "/");
    host.wait_logged("[1001]", 2);
    host.stop();
}

#[test]
fn of_two_processes_one_goes_on_serving() {
    let host = TestHost::unruly("echo").asp_net_core("processesPerApplication=\"2\"", "").any_log().start();
    let turns = |count: usize| -> Vec<u32> { (0..count).map(|_| host.unruly_pid()).collect() };
    let pids = turns(4);
    assert_ne!(pids[0], pids[1]);
    assert_eq!(pids[..2], pids[2..]);
    kill_app(&host, pids[0]);
    // Nobody waits for the one that is started again: the other answers meanwhile.
    assert_eq!(turns(1), [pids[1]]);
    wait::until_true("the killed process has a successor in its place", PATIENCE, || {
        let after = turns(2);
        after[0] != after[1] && !after.contains(&pids[0])
    });
    assert_eq!(host.programs().len(), 2);
    host.stop();
}

#[test]
fn a_wrapper_may_leave_while_its_server_serves() {
    let host = TestHost::unruly("wrapper-leave echo").start();
    let pid = host.unruly_pid();
    assert_eq!(host.programs().len(), 2);
    std::fs::write(host.folder().join("leave"), "").unwrap();
    host.wait_log(0, &format!("; pid {pid} goes on listening"));
    assert_eq!(host.unruly_pid(), pid);
    assert_eq!(host.programs(), [pid]);
    host.stop();
}

#[test]
fn a_server_whose_wrapper_has_left_is_watched_too() {
    let host = TestHost::unruly("wrapper-exit echo").any_log().start();
    let pid = host.unruly_pid();
    kill_app_of_wrapper(&host, pid);
    assert_ne!(host.unruly_pid(), pid);
    host.stop();
}

/// As [`kill_app`] where nobody has collected how the process ended.
fn kill_app_of_wrapper(host: &TestHost, pid: u32) {
    kill(pid, Signal::KILL);
    host.wait_log(0, "ended unexpectedly");
}

#[test]
fn a_stopped_process_is_not_waited_for_without_end() {
    let host = TestHost::unruly("echo").asp_net_core("requestTimeout=\"00:00:01\"", "").any_log().start();
    let pid = host.unruly_pid();
    kill(pid, Signal::STOP);
    wait::until_true("every thread to be stopped", PATIENCE, || proc::is_stopped(pid));
    let began = Instant::now();
    let response = host.send(&Request::get("/").header("Accept", "text/plain"));
    assert_eq!(response.status, 502, "{response:?}");
    assert!(response.text().contains("502.3"), "{}", response.text());
    // The clock behind the limits is a coarse one.
    assert!(began.elapsed() >= Duration::from_millis(700), "{:?}", began.elapsed());
    kill(pid, Signal::CONT);
    assert_eq!(host.unruly_pid(), pid, "it was not ended for it");
    host.stop();
}

#[test]
fn everything_that_a_crashed_process_had_started_ends() {
    let host = TestHost::unruly("family").any_log().start();
    let pid = host.unruly_pid();
    let all = wait::until("the family", PATIENCE, || Some(host.programs()).filter(|all| all.len() == 3));
    kill_app(&host, pid);
    wait_gone("the end of the family", &all);
    let worker = host.workers()[0];
    wait::until_true("every process to be collected", PATIENCE, || proc::zombies(worker).is_empty());
    assert_ne!(host.unruly_pid(), pid);
    host.stop();
}

#[test]
fn a_killed_worker_takes_its_processes_along_and_another_one_serves() {
    let host = TestHost::unruly("family").any_log().start();
    let worker = host.workers()[0];
    host.unruly_pid();
    let before = wait::until("the family", PATIENCE, || Some(host.programs()).filter(|all| all.len() == 3));
    let load = host.under_load("/", |load| {
        load.wait_answers(100);
        kill(worker, Signal::KILL);
        wait_gone("the end of the dead worker's processes", &before);
        load.wait_answers(100);
    });
    load.assert_cut_by_one_death();
    assert_eq!(host.workers().len(), 1);
    assert_ne!(host.workers()[0], worker);
    host.wait_log(0, "SIGKILL");
    host.stop();
}

#[test]
fn nothing_outlives_a_killed_supervisor() {
    for mode in ["family", "daemon echo"] {
        let host = TestHost::unruly(mode).any_log().start();
        host.unruly_pid();
        let all = host.servers();
        assert!(all.len() >= 2, "{all:?}");
        host.signal(Signal::KILL);
        wait_gone("the end of everything", &all);
    }
}
