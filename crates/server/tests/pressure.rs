//! Slow and vanishing clients, blocking handlers, limits, draining and stopping.

#![allow(clippy::print_stdout, reason = "latencies are reported for whoever reads the log")]

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{App, Client, Event, Fixture, eventually};
use mews_server::{BodyError, Gone, Limits, Page, PageHandler};

#[test]
fn a_slow_reader_holds_the_writer_back() {
    let fixture = Fixture::new();
    for path in ["/stream", "/sync-stream"] {
        let mut client = fixture.connect();
        client.limit_receiving();
        client.get(&format!("{path}?n=8000000"));
        let head = client.head();
        // The kernel's buffers hold a part of the body; the rest must wait in the application.
        fixture.app.no_event();
        let response = client.body_of("GET", head);
        assert_eq!(response.body.len(), 8_000_000);
        assert!(response.body.iter().enumerate().all(|(at, byte)| *byte == (at % 251) as u8));
        if path == "/stream" {
            assert_eq!(fixture.app.event(), Event::Wrote(Ok(8_000_000)));
        }
        client.get("/hello");
        assert_eq!(client.response().text(), "hello");
    }
}

#[test]
fn a_reader_that_stops_is_given_up() {
    let limits = Limits { write_timeout: Duration::from_millis(300), ..Limits::default() };
    let fixture = Fixture::with(limits, 2);
    let mut client = fixture.connect();
    client.get("/stream?n=50000000");
    let mut events = [fixture.app.event(), fixture.app.event()];
    events.sort_by_key(|event| matches!(event, Event::Wrote(_)));
    assert_eq!(events, [Event::Aborted("/stream?n=50000000".into()), Event::Wrote(Err(Gone))]);
    assert_eq!(fixture.server().stats().write_timeouts, 1);
    client.assert_reset();
}

#[test]
fn a_client_that_leaves_aborts_the_exchange() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    client.get("/keep");
    eventually("the request is in flight", || fixture.app.kept() == 1);
    drop(client);
    assert_eq!(fixture.app.event(), Event::Aborted("/keep".into()));
    fixture.app.finish_kept(b"nobody hears this");
    eventually("the connection is gone", || fixture.server().connections() == 0);
    fixture.app.no_event();
}

#[test]
fn a_half_close_aborts_and_still_gets_the_response() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    client.get("/keep");
    client.finish_sending();
    assert_eq!(fixture.app.event(), Event::Aborted("/keep".into()));
    fixture.app.finish_kept(b"still sent");
    assert_eq!(client.response().text(), "still sent");
    client.assert_closed();
    fixture.app.no_event();
}

#[test]
fn a_client_that_leaves_after_its_response_is_no_abort() {
    let fixture = Fixture::new();
    for _ in 0..20 {
        assert_eq!(fixture.get("/hello").text(), "hello");
        assert_eq!(fixture.get("/later?n=0").text(), "later");
    }
    eventually("the connections are gone", || fixture.server().connections() == 0);
    fixture.app.no_event();
}

#[test]
fn a_handler_that_flushed_and_blocks_is_uncorked_and_learns_of_the_abort() {
    let fixture = Fixture::with(Limits::default(), 1);
    // More often than the pool takes it, so that it also blocks an I/O thread that trusted the endpoint.
    for round in 0..4 {
        let mut client = fixture.connect();
        client.get("/sync-flush-block");
        let (status, _) = client.head();
        assert_eq!(status, 200, "round {round}");
        drop(client);
        assert_eq!(fixture.app.event(), Event::Aborted("/sync-flush-block".into()));
    }
    assert_eq!(fixture.get("/hello").text(), "hello");
}

/// Latencies of `/hello`, sorted, while `busy` holds.
fn latencies(fixture: &Fixture, mut busy: impl FnMut() -> bool) -> Vec<Duration> {
    let mut client = fixture.connect();
    let mut all = Vec::new();
    while busy() {
        let start = Instant::now();
        client.get("/hello");
        assert_eq!(client.response().text(), "hello");
        all.push(start.elapsed());
    }
    all.sort();
    all
}

fn fast_while_blocked(fixture: &Fixture, what: &str) {
    let mut blocked: Vec<Client> = (0..64).map(|_| fixture.connect()).collect();
    for client in &mut blocked {
        client.get("/sync-block?ms=1000");
    }
    let start = Instant::now();
    let all = latencies(fixture, || start.elapsed() < Duration::from_millis(900));
    for client in &mut blocked {
        assert_eq!(client.response().text(), "blocked");
    }
    let took = start.elapsed();
    let p99 = all[all.len() * 99 / 100];
    println!(
        "{what}: {} fast requests, median {:?}, p99 {p99:?}, max {:?}; 64 blocked ones took {took:?}; {:?}",
        all.len(),
        all[all.len() / 2],
        all[all.len() - 1],
        fixture.server().stats()
    );
    assert!(all.len() > 50, "only {} fast requests", all.len());
    assert!(p99 < Duration::from_millis(200), "p99 {p99:?}");
    assert!(took < Duration::from_secs(5), "the blocked requests did not run at the same time: {took:?}");
}

#[test]
fn blocking_handlers_do_not_delay_others() {
    let fixture = Fixture::new();
    fast_while_blocked(&fixture, "unknown endpoint");
    assert!(fixture.server().stats().threads >= 64);
}

#[test]
fn blocking_handlers_that_were_trusted_do_not_either() {
    let fixture = Fixture::new();
    for _ in 0..20 {
        assert_eq!(fixture.get("/sync-block?ms=0").text(), "blocked");
    }
    let before = fixture.server().stats();
    assert!(before.inline_runs > 0, "{before:?}");
    fast_while_blocked(&fixture, "trusted endpoint");
    let after = fixture.server().stats();
    assert!(after.replaced_threads > before.replaced_threads, "{after:?}");
}

#[test]
fn connections_are_balanced_over_the_shards() {
    let fixture = Fixture::new();
    let mut clients: Vec<Client> = (0..64).map(|_| fixture.connect()).collect();
    let mut served = HashMap::<String, usize>::new();
    for client in &mut clients {
        client.get("/shard");
        *served.entry(client.response().text().to_owned()).or_default() += 1;
    }
    assert_eq!(fixture.server().connections(), 64);
    // The listener itself is one of a shard's sockets.
    assert_eq!(served.len(), 2, "{served:?}");
    assert!(served.values().all(|count| (31..=33).contains(count)), "{served:?}");
}

#[test]
fn each_limit_has_its_status_and_closes() {
    let limits = Limits {
        request_line: 100,
        header_bytes: 400,
        header_count: 5,
        header_timeout: Duration::from_millis(300),
        max_request_body: Some(1000),
        ..Limits::default()
    };
    let fixture = Fixture::with(limits, 1);
    let long = "x".repeat(500);
    let table = [
        (400, "GET / HTTP/1.1\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\n".to_owned()),
        (408, "GET / HTTP/1.1\r\nHost:".to_owned()),
        (413, "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n".to_owned()),
        (414, format!("GET /{long}")),
        (431, format!("GET / HTTP/1.1\r\nHost: x\r\nA: {long}")),
        (431, "GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\n\r\n".to_owned()),
        (501, "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n".to_owned()),
        (505, "GET / HTTP/3.0\r\nHost: x\r\n\r\n".to_owned()),
    ];
    for (status, request) in table {
        let mut client = fixture.connect();
        client.send(&request);
        let response = client.response();
        assert_eq!((response.status, response.header("Connection")), (status, Some("close")), "{request}");
        client.assert_closed();
    }
    let stats = fixture.server().stats();
    assert_eq!(stats.rejected_malformed, 2);
    assert_eq!(
        [
            stats.rejected_timeout,
            stats.rejected_body,
            stats.rejected_line,
            stats.rejected_head,
            stats.rejected_fields,
            stats.rejected_method,
            stats.rejected_version
        ],
        [1; 7]
    );
    assert_eq!(stats.requests, 0);

    let mut client = fixture.connect();
    client.send("POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(format!("3e8\r\n{}\r\n1\r\nx\r\n0\r\n\r\n", "x".repeat(1000)));
    assert_eq!(client.response().text(), "Err(TooLarge)");
    client.assert_closed();
    assert_eq!(fixture.app.event(), Event::Read(Err(BodyError::TooLarge)));
}

#[test]
fn idle_connections_are_closed_silently() {
    let limits = Limits { keep_alive_timeout: Duration::from_millis(300), ..Limits::default() };
    let fixture = Fixture::with(limits, 1);
    let mut fresh = fixture.connect();
    let mut used = fixture.connect();
    used.get("/hello");
    assert_eq!(used.response().text(), "hello");
    let mut pending = fixture.connect();
    pending.get("/later?n=20");
    assert_eq!(pending.response().text(), "later");
    for client in [&mut fresh, &mut used, &mut pending] {
        client.assert_closed();
    }
    assert_eq!(fixture.server().stats().rejected_timeout, 0);
}

#[test]
fn a_body_that_does_not_come_times_out() {
    let limits = Limits { body_timeout: Duration::from_millis(300), ..Limits::default() };
    let fixture = Fixture::with(limits, 1);
    let mut client = fixture.connect();
    client.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
    assert_eq!(client.response().text(), "Err(TimedOut)");
    client.assert_closed();
}

#[test]
fn connections_above_the_limit_wait() {
    let fixture = Fixture::with(Limits { max_connections: 2, ..Limits::default() }, 1);
    let (mut one, mut two, mut three) = (fixture.connect(), fixture.connect(), fixture.connect());
    for client in [&mut one, &mut two] {
        client.get("/hello");
        assert_eq!(client.response().text(), "hello");
    }
    three.get("/hello");
    eventually("accepting has paused", || fixture.server().stats().connection_limit_hits > 0);
    assert_eq!(fixture.server().connections(), 2);
    drop(one);
    assert_eq!(three.response().text(), "hello");
}

#[test]
fn nothing_is_accepted_before_it_is_asked_for() {
    let app = Arc::new(App::default());
    let (server, address) = common::start(Limits::default(), 1, app);
    let mut early = Client::connect(address);
    early.get("/hello");
    assert_eq!(server.stats().accepted, 0);
    server.accept();
    server.accept();
    assert_eq!(early.response().text(), "hello");
    server.stop_accepting();
    early.get("/hello");
    assert_eq!(early.response().text(), "hello");
    server.shutdown();
    early.assert_closed();
}

#[test]
fn draining_finishes_what_is_in_flight() {
    let fixture = Fixture::new();
    let mut idle = fixture.connect();
    idle.get("/hello");
    assert_eq!(idle.response().header("Connection"), None);
    let mut fresh = fixture.connect();
    let mut busy = fixture.connect();
    busy.get("/keep");
    eventually("the request is in flight", || fixture.app.kept() == 1);
    eventually("all are accepted", || fixture.server().connections() == 3);
    fixture.server().drain(Duration::ZERO);
    idle.assert_closed();
    fresh.assert_closed();
    assert!(!fixture.server().wait_idle(Duration::from_millis(20)));
    fixture.app.finish_kept(b"done");
    let response = busy.response();
    assert_eq!((response.text(), response.header("Connection")), ("done", Some("close")));
    busy.assert_closed();
    drop(busy);
    assert!(fixture.server().wait_idle(common::PATIENCE));
}

#[test]
fn handlers_are_swapped_between_requests() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    client.get("/hello");
    assert_eq!(client.response().text(), "hello");
    let mut old = fixture.connect();
    old.get("/keep");
    eventually("the request is in flight", || fixture.app.kept() == 1);
    let page = Page { status: 503, title: "Offline".into(), retry_after: Some(3), ..Page::default() };
    fixture.server().set_handler(Arc::new(PageHandler::new(&page)));
    client.send("POST /any HTTP/1.1\r\nHost: x\r\nUser-Agent: curl/8\r\nContent-Length: 3\r\n\r\nabc");
    let response = client.response();
    assert_eq!((response.status, response.text()), (503, "503 Offline\n"));
    assert_eq!(
        (response.header("Retry-After"), response.header("Cache-Control")),
        (Some("3"), Some("no-store"))
    );
    client.send("HEAD /any HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n");
    let response = client.response_to("HEAD");
    assert_eq!((response.status, response.header("Content-Type")), (503, Some("text/html; charset=utf-8")));
    assert!(response.header("Content-Length").is_some_and(|length| length != "0"));
    fixture.app.finish_kept(b"from the old one");
    assert_eq!(old.response().text(), "from the old one");
    old.send("GET / HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n");
    assert!(old.response().text().starts_with("{\"status\":503"));
}

#[test]
fn shutdown_ends_everything() {
    let mut fixture = Fixture::new();
    let mut busy = fixture.connect();
    busy.get("/keep");
    eventually("the request is in flight", || fixture.app.kept() == 1);
    let mut idle = fixture.connect();
    idle.get("/hello");
    assert_eq!(idle.response().text(), "hello");
    let start = Instant::now();
    fixture.server.take().unwrap().shutdown();
    assert!(start.elapsed() < Duration::from_secs(2), "a thread did not end: {:?}", start.elapsed());
    idle.assert_closed();
    busy.assert_closed();
    assert_eq!(fixture.app.event(), Event::Aborted("/keep".into()));
    fixture.app.finish_kept(b"too late");
}
