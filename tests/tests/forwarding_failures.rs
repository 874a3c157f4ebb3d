//! Out-of-process hosting, servers that do not answer as they should: each costs its own request, which is answered with 502.3 while that is possible, and cut
//! when it is not. The line in the log says which of the many ways it was.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Closed, Request, TestHost, is_cut, kill, proc, wait};
use rustix::process::Signal;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// What a request meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// 502 with this text in its page and in the log.
    Refused(&'static str),
    /// Its answer is cut, with this text in the log.
    Cut(&'static str),
}

fn check(host: &TestHost, target: &str, fate: Fate) {
    let skip = host.stderr().len();
    let mut client = host.client();
    client.send(&Request::get(target).header("Accept", "text/plain").bytes()).unwrap();
    let cause = match fate {
        Fate::Refused(cause) => {
            let response = client
                .response("GET")
                .unwrap_or_else(|error| panic!("{target}: {error:#}\n{}", host.story()));
            assert_eq!(
                (response.status, response.reason.as_str()),
                (502, "Bad Gateway"),
                "{target}: {response:?}"
            );
            assert!(
                response.text().contains("502.3") && response.text().contains(cause),
                "{target}: {}",
                response.text()
            );
            assert!(!response.text().contains("127.0.0.1"), "{target}: {}", response.text());
            // The client's connection is none the worse for it.
            assert_eq!(client.get("/after").unwrap().status, 200, "{target}");
            cause
        }
        Fate::Cut(cause) => {
            let error = client.response("GET").expect_err(target);
            assert!(is_cut(&error), "{target}: {error:#}");
            cause
        }
    };
    let line = host.wait_log(skip, cause);
    let path = target.split('?').next().unwrap();
    assert!(
        line.contains("WARN") && line.contains(&format!("path={path}")) && line.contains("method=GET"),
        "{line}"
    );
    assert!(!line.contains("kind="), "the query is in the log: {line}");
}

#[test]
fn answers_that_are_none() {
    let host = TestHost::unruly("echo").any_log().start();
    assert_eq!(host.get("/").status, 200);
    let worker = host.workers()[0];
    let sockets = || proc::descriptors(worker).iter().filter(|name| name.starts_with("socket:")).count();
    let (before, pid) = (sockets(), host.json("/stats")["pid"].clone());
    let malformed = "sent a malformed answer";
    for (kind, fate) in [
        ("text", Fate::Refused(malformed)),
        ("zeros", Fate::Refused(malformed)),
        ("tls", Fate::Refused(malformed)),
        ("http2", Fate::Refused(malformed)),
        ("empty-lines", Fate::Refused(malformed)),
        ("version", Fate::Refused(malformed)),
        ("status-text", Fate::Refused(malformed)),
        ("status-short", Fate::Refused(malformed)),
        ("status-large", Fate::Refused(malformed)),
        ("no-colon", Fate::Refused(malformed)),
        ("blank-in-name", Fate::Refused(malformed)),
        ("nul-in-value", Fate::Refused(malformed)),
        ("two-lengths", Fate::Refused(malformed)),
        ("length-text", Fate::Refused(malformed)),
        ("length-negative", Fate::Refused(malformed)),
        ("length-and-chunked", Fate::Refused(malformed)),
        ("unknown-coding", Fate::Refused(malformed)),
        ("unasked-101", Fate::Refused(malformed)),
        ("chunk-size", Fate::Refused(malformed)),
        ("chunk-overflow", Fate::Refused(malformed)),
        ("chunk-end", Fate::Refused(malformed)),
    ] {
        check(&host, &format!("/garbage?kind={kind}"), fate);
    }
    for (target, fate) in [
        ("/half", Fate::Cut("ended the connection within its answer")),
        ("/half-chunk", Fate::Cut("ended the connection within its answer")),
        ("/half-head", Fate::Refused(malformed)),
        ("/silence", Fate::Refused("closed the connection before it answered")),
        ("/reset", Fate::Refused("reset the connection")),
        ("/head-flood", Fate::Refused("head is larger than 64 KiB")),
        ("/interim-flood", Fate::Refused("more than 32 interim responses")),
    ] {
        check(&host, target, fate);
    }
    // What follows an answer is nobody's answer, and the connection is not used again.
    let mut client = host.client();
    assert_eq!(client.get("/garbage?kind=surplus").unwrap().text(), "ok");
    assert_eq!(client.get("/mine").unwrap().json()["target"], "/mine");
    assert_eq!(host.json("/stats")["pid"], pid, "one process has served them all");
    wait::until_true("the sockets' end", PATIENCE, || sockets() <= before + 4);
    host.stop();
}

#[test]
fn a_page_comes_in_the_form_that_the_client_takes() {
    let host = TestHost::unruly("silence").any_log().start();
    let page = host.send(&Request::get("/").header("Accept", "text/html"));
    assert_eq!((page.status, page.header("Content-Type")), (502, Some("text/html; charset=utf-8")));
    let problem = host.send(&Request::get("/").header("Accept", "application/json"));
    assert_eq!(problem.json()["status"], 502);
    let head = host.send(&Request::new("HEAD", "/"));
    assert_eq!((head.status, head.body.len()), (502, 0));
    host.stop();
}

#[test]
fn processes_that_do_nothing_but_harm() {
    for (mode, text) in [
        // An end or a reset, as the bytes of the request come before or behind it.
        ("close-after-accept", "the connection before it"),
        ("reset", "reset the connection"),
        ("garbage", "sent a malformed answer"),
        ("half-head", "sent a malformed answer"),
        ("head-flood", "head is larger than 64 KiB"),
    ] {
        let host = TestHost::unruly(mode).any_log().start();
        for _ in 0..5 {
            let response = host.send(&Request::get("/").header("Accept", "text/plain"));
            assert_eq!(response.status, 502, "{mode}");
            assert!(response.text().contains(text), "{mode}: {}", response.text());
        }
        // 20 at once, and the host goes on.
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| assert_eq!(host.get("/").status, 502, "{mode}"));
            }
        });
        host.stop();
    }
}

#[test]
fn a_process_that_dies_in_its_answer_cuts_it() {
    let host = TestHost::unruly("half").any_log().start();
    for _ in 0..3 {
        let mut client = host.client();
        client.send(&Request::get("/").bytes()).unwrap();
        let answer = client.response("GET");
        assert!(answer.as_ref().map_or_else(is_cut, |answer| answer.status == 502), "{answer:?}");
        // The next one is answered by another process, as soon as the end of this one has been seen.
        wait::until_true("the process's end", PATIENCE, || host.programs().is_empty());
    }
    host.stop();
}

#[test]
fn the_next_request_after_a_death_is_anothers() {
    let host = TestHost::unruly("echo").any_log().start();
    let mut client = host.client();
    for round in 0..8 {
        // One connection to the process is idle when it dies.
        let before = client.get("/stats").unwrap().json()["pid"].as_u64().unwrap();
        let before = u32::try_from(before).unwrap();
        kill(before, Signal::KILL);
        // A process is a zombie while threads of it still hold its sockets.
        let threads = || std::fs::read_dir(format!("/proc/{before}/task")).map_or(0, Iterator::count);
        wait::until_true("its death", PATIENCE, || !proc::is_alive(before) && threads() <= 1);
        // The host may not know of it yet.
        let seen = client.request(&Request::post("/stats", "body")).unwrap();
        assert_eq!(
            seen.status,
            200,
            "round {round}: {}\n{}",
            String::from_utf8_lossy(&seen.body),
            host.story()
        );
        assert_ne!(seen.json()["pid"], before);
    }
    drop(client);
    host.stop();
}

#[test]
fn a_request_that_was_sent_is_not_sent_again() {
    let host = TestHost::unruly("only-first").any_log().start();
    let mut client = host.client();
    let mut statuses = Vec::new();
    for i in 0..20 {
        statuses.push(client.request(&Request::post(&format!("/{i}"), "once")).unwrap().status);
    }
    // Each connection's second request has been sent when the connection ends, and the app may have acted on it.
    let expected: Vec<u16> = (0..20).map(|i| if i % 2 == 0 { 200 } else { 502 }).collect();
    assert_eq!(statuses, expected);
    drop(client);
    host.stop();
}

#[test]
fn a_bad_body_is_the_clients_fault() {
    let host = TestHost::unruly("echo").start();
    for body in ["g\r\nhello\r\n0\r\n\r\n", "5\r\nhello!\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n"] {
        let head = "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = host.raw(format!("{head}{body}"));
        assert_eq!(
            (answer.statuses(), answer.closed),
            (vec![400], Closed::Finished),
            "{body:?}: {}",
            answer.text()
        );
    }
    // The app has seen none of them as a whole.
    let answer = host.raw("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000001\r\n\r\n");
    assert!(matches!(answer.status(), 404 | 413), "{}", answer.text());
    assert_eq!(host.get("/").status, 200);
    host.stop();
}
