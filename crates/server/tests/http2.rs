//! HTTP/2 over real sockets: streams, windows, trailers, resets, the end of connections.

mod common;

use common::http2::{self, *};
use common::{Client as Http1, Event, Fixture, PATIENCE, eventually, pattern, tls};
use mews_server::tls::{Tls, TlsMaterial};
use mews_server::{BodyError, Gone, Http2, Limits, ServerConfig};
use std::sync::Arc;
use std::time::Duration;

fn connect(fixture: &Fixture) -> http2::Client {
    http2::Client::connect(fixture.address)
}

fn with_fields<'a>(method: &'a str, path: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = request(method, path);
    fields.extend_from_slice(more);
    fields
}

#[test]
fn the_settings_say_the_limits() {
    let fixture = Fixture::http2(Limits::default());
    let mut client = http2::Client::raw(fixture.address);
    client.send(PREFACE);
    client.settings(&[]);
    let frame = client.frame();
    let settings: Vec<(u16, u32)> = frame
        .payload
        .chunks(6)
        .map(|one| {
            (u16::from_be_bytes([one[0], one[1]]), u32::from_be_bytes([one[2], one[3], one[4], one[5]]))
        })
        .collect();
    let expected = [(1, 4096), (3, 100), (4, 256 * 1024), (5, 16 * 1024), (6, 32 * 1024), (8, 1)];
    assert_eq!(settings, expected);
    let raised = client.frame();
    assert_eq!((raised.kind, raised.stream), (WINDOW_UPDATE, 0));
    assert_eq!(raised.payload, (1024 * 1024 - 65_535_u32).to_be_bytes());
    let acknowledged = client.frame();
    assert_eq!((acknowledged.kind, acknowledged.flags), (SETTINGS, ACK));
    assert_eq!(fixture.server().stats().http2_connections, 1);
}

#[test]
fn many_requests_on_one_connection() {
    let fixture = Fixture::http2(Limits::default());
    let mut client = connect(&fixture);
    for round in 0..30 {
        let streams: Vec<(u32, String)> = (0..90)
            .map(|at| {
                let path = match (at + round) % 4 {
                    0 => format!("/later?n={}", at % 7),
                    1 => "/later-pieces?n=1".to_owned(),
                    2 => "/pieces?n".to_owned(),
                    _ => format!("/target?n={at}"),
                };
                (client.get(&path), path)
            })
            .collect();
        for (stream, path) in streams {
            let response = client.response(stream);
            let expected = match &path {
                path if path.starts_with("/later?") => "later".to_owned(),
                path if path.contains("pieces") => "one two three.".to_owned(),
                path => format!("GET {path}"),
            };
            assert_eq!((response.status, response.text(), response.reset), (200, &*expected, None), "{path}");
            assert!(response.header("date").is_some());
            assert_eq!(response.header("content-type"), Some("text/plain"));
            assert_eq!(response.header("connection"), None);
        }
    }
    let stats = fixture.server().stats();
    assert_eq!((stats.accepted, stats.requests, stats.http2_errors), (1, 2700, 0));
}

#[test]
fn bodies_and_trailers_go_both_ways() {
    let fixture = Fixture::http2(Limits::default());
    let big = pattern(3_000_000);
    for path in ["/echo", "/sync-echo"] {
        let mut client = connect(&fixture);
        let stream = client.post(path);
        let mut window = (256 * 1024_i64, 1024 * 1024_i64);
        let mut rest = &big[..];
        while !rest.is_empty() {
            let piece = &rest[..rest.len().min(16_000)];
            while window.0 < piece.len() as i64 || window.1 < piece.len() as i64 {
                let update = client.find(|frame| frame.kind == WINDOW_UPDATE);
                let more = i64::from(u32::from_be_bytes(update.payload.try_into().unwrap()));
                if update.stream == 0 {
                    window.1 += more
                } else {
                    window.0 += more
                }
                if update.stream == 0 && more == 1024 * 1024 - 65_535 {
                    window.1 -= more;
                }
            }
            client.data(stream, piece, false);
            window = (window.0 - piece.len() as i64, window.1 - piece.len() as i64);
            rest = &rest[piece.len()..];
        }
        client.put(HEADERS, END_HEADERS | END_STREAM, stream, &block(&[("x-trailer", "yes")]));
        let response = client.response(stream);
        assert!(response.body == big, "{path}");
        if path == "/echo" {
            assert_eq!(response.header("x-trailers"), Some("1"));
        }
        let response = client.fetch("/later-pieces");
        assert_eq!(response.trailers, [("x-sum".to_owned(), "11".to_owned())]);
        assert_eq!(response.header("content-length"), None);
    }
}

#[test]
fn framing_of_responses() {
    let fixture = Fixture::http2(Limits::default());
    let mut client = connect(&fixture);
    let response = client.fetch("/hello");
    assert_eq!((response.header("content-length"), response.text()), (Some("5"), "hello"));
    for path in ["/hello", "/later-pieces"] {
        let stream = client.begin(&request("HEAD", path), true);
        let response = client.response(stream);
        assert_eq!((response.status, response.text()), (200, ""));
    }
    for (status, length) in [(204, None), (304, None), (205, Some("0"))] {
        let response = client.fetch(&format!("/status?s={status}"));
        assert_eq!(
            (response.status, response.header("content-length"), response.text()),
            (status, length, "")
        );
    }
    let response = client.fetch("/too-long");
    assert_eq!((response.text(), response.reset), ("1234", None));
    assert_eq!(client.fetch("/too-short").reset, Some(INTERNAL_ERROR));
    assert_eq!(client.fetch("/bad-header").status, 500);
    assert_eq!(client.fetch("/drop").status, 500);
    assert_eq!(client.fetch("/panic").status, 500);
    assert_eq!(client.fetch("/drop-started").reset, Some(INTERNAL_ERROR));
    assert_eq!(client.fetch("/abort").reset, Some(CANCEL));
    assert_eq!(client.fetch("/hello").text(), "hello");
}

#[test]
fn files_are_sent_in_frames() {
    let fixture = Fixture::http2(Limits::default());
    for size in [0, 1, 16_384, 2_000_000] {
        for query in ["", "chunked&"] {
            let mut client = connect(&fixture);
            let response = client.fetch(&format!("/file?{query}n={size}"));
            let mut expected = b"<".to_vec();
            expected.extend_from_slice(&pattern(size));
            expected.extend_from_slice(b"trailing");
            assert!(response.body == expected, "{size} {query}");
        }
    }
    let mut client = connect(&fixture);
    assert_eq!(client.fetch("/short-file").reset, Some(INTERNAL_ERROR));
}

#[test]
fn a_slow_reader_of_one_stream_holds_up_no_other() {
    let fixture = Fixture::http2(Limits::default());
    let mut client = connect(&fixture);
    client.window(0, 10_000_000);
    let slow = client.get("/stream?n=5000000");
    // Its window is used up; that of the connection is not.
    let mut received = 0;
    while received < 65_535 {
        received += client.find(|frame| frame.stream == slow && frame.kind == DATA).payload.len();
    }
    for _ in 0..20 {
        assert_eq!(client.fetch("/hello").text(), "hello");
        assert_eq!(client.fetch("/stream?n=60000").body.len(), 60_000);
    }
    fixture.app.event_matching(|event| *event == Event::Wrote(Ok(60_000)));
    client.window(slow, 5_000_000);
    while received < 5_000_000 {
        received += client.find(|frame| frame.stream == slow && frame.kind == DATA).payload.len();
    }
    fixture.app.event_matching(|event| *event == Event::Wrote(Ok(5_000_000)));
}

#[test]
fn unread_bodies_hold_up_no_other() {
    let fixture = Fixture::http2(Limits::default());
    let mut client = connect(&fixture);
    let kept = client.post("/keep");
    for _ in 0..16 {
        client.data(kept, &[7; 16_384], false);
    }
    // That was the stream's window: the next byte is too much for it, and for nothing else.
    let stream = client.post("/sync-echo");
    for _ in 0..8 {
        client.data(stream, &[8; 16_384], false);
    }
    client.data(stream, b"", true);
    assert_eq!(client.response(stream).body.len(), 8 * 16_384);
    client.data(kept, b"!", false);
    assert_eq!(client.on(kept).code(), FLOW_CONTROL_ERROR);
    assert_eq!(client.fetch("/hello").text(), "hello");
}

#[test]
fn expect_continue_is_answered_when_the_body_is_first_read() {
    let fixture = Fixture::http2(Limits::default());
    let mut client = connect(&fixture);
    let fields = with_fields("POST", "/echo", &[("expect", "100-continue"), ("content-length", "3")]);
    let stream = client.begin(&fields, false);
    let interim = client.on(stream);
    let end = interim.ends_stream();
    assert_eq!((interim.fields, end), (vec![(":status".to_owned(), "100".to_owned())], false));
    client.data(stream, b"abc", true);
    assert_eq!(client.response(stream).text(), "abc");
}

#[test]
fn the_client_resets_a_stream() {
    let fixture = Fixture::http2(Limits::default());
    let mut client = connect(&fixture);
    let stream = client.get("/keep");
    common::eventually("the request is there", || fixture.app.kept() == 1);
    client.reset(stream, CANCEL);
    fixture.app.event_matching(|event| *event == Event::Aborted("/keep".to_owned()));
    let reading = client.post("/read");
    common::eventually("the request is there", || fixture.app.begun() == 2);
    client.data(reading, b"some", false);
    client.reset(reading, CANCEL);
    fixture.app.event_matching(|event| *event == Event::Read(Err(BodyError::Gone)));
    let writing = client.get("/stream?n=1000000");
    client.on(writing);
    client.reset(writing, CANCEL);
    fixture.app.event_matching(|event| *event == Event::Wrote(Err(Gone)));
    fixture.app.finish_kept(b"too late");
    assert_eq!(client.fetch("/hello").text(), "hello");
}

/// The handler has prepared them, and is told when it will not be called: it has no other way to know.
#[test]
fn requests_that_are_given_up_at_once_are_run_or_discarded() {
    let fixture = Fixture::http2(Limits::default());
    let known = || fixture.app.begun() + fixture.app.discarded();
    // What comes with one read is looked at before the first of it is run.
    let mut client = connect(&fixture);
    let mut bytes = Vec::new();
    for _ in 0..50 {
        let id = client.take_id();
        bytes.extend(frame(HEADERS, END_HEADERS, id, &block(&request("POST", "/keep"))));
        bytes.extend(frame(RST_STREAM, 0, id, &CANCEL.to_be_bytes()));
    }
    client.send(&bytes);
    eventually("all are accounted for", || known() == 50);
    assert!(fixture.app.discarded() > 0);
    // The same when it is the connection that ends.
    let mut client = connect(&fixture);
    let mut bytes = Vec::new();
    for _ in 0..50 {
        let id = client.take_id();
        bytes.extend(frame(HEADERS, END_HEADERS, id, &block(&request("POST", "/keep"))));
    }
    bytes.extend(frame(WINDOW_UPDATE, 0, 0, &[0; 4]));
    client.send(&bytes);
    client.go_away();
    eventually("all are accounted for", || known() == 100);
    fixture.app.finish_kept(b"");
}

#[test]
fn the_end_of_the_connection_reaches_every_exchange() {
    let fixture = Fixture::http2(Limits::default());
    let mut client = connect(&fixture);
    for _ in 0..50 {
        client.get("/keep");
    }
    common::eventually("the requests are there", || fixture.app.kept() == 50);
    drop(client);
    for _ in 0..50 {
        assert_eq!(fixture.app.event(), Event::Aborted("/keep".to_owned()));
    }
    fixture.app.finish_kept(b"");
    common::eventually("the connection is gone", || fixture.server().connections() == 0);
}

#[test]
fn a_request_that_is_not_read_is_ended_without_an_error() {
    let fixture = Fixture::http2(Limits::default());
    let mut client = connect(&fixture);
    let stream = client.post("/hello");
    let response = client.response(stream);
    assert_eq!((response.status, response.text()), (200, "hello"));
    assert_eq!(client.on(stream).code(), NO_ERROR);
    // What was on its way is no fault.
    client.data(stream, b"late", true);
    assert_eq!(client.fetch("/hello").text(), "hello");
}

#[test]
fn handlers_that_block_get_what_they_wait_for() {
    let limits = Limits::default();
    let fixture = Fixture::http2(limits);
    let mut client = connect(&fixture);
    // Prove the endpoint, so that it runs inline.
    for _ in 0..5 {
        let stream = client.post("/sync-echo");
        client.data(stream, b"x", true);
        assert_eq!(client.response(stream).text(), "x");
    }
    let streams: Vec<u32> = (0..8).map(|_| client.post("/sync-echo")).collect();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(client.fetch("/hello").text(), "hello");
    for &stream in streams.iter().rev() {
        client.data(stream, b"abc", true);
        assert_eq!(client.response(stream).text(), "abc");
    }
    // The same for output: more than both windows and all buffers together.
    let streams: Vec<u32> = (0..4).map(|_| client.get("/sync-stream?n=500000")).collect();
    for stream in streams {
        assert!(client.response(stream).body == pattern(500_000));
    }
}

#[test]
fn requests_are_checked() {
    let fixture = Fixture::http2(Limits::default());
    let mut client = connect(&fixture);
    let get = request("GET", "/hello");
    let replaced = |name: &'static str, value: &'static str| -> Vec<(&'static str, &'static str)> {
        let mut fields = request("GET", "/hello");
        for field in &mut fields {
            if field.0 == name {
                field.1 = value;
            }
        }
        fields
    };
    let malformed: Vec<Vec<(&str, &str)>> = vec![
        get[1..].to_vec(),
        vec![get[0], get[2], get[3]],
        vec![get[0], get[1], get[3]],
        replaced(":path", ""),
        replaced(":scheme", "ftp"),
        replaced(":method", "G T"),
        [&get[..], &[(":path", "/")]].concat(),
        [&get[..], &[(":unknown", "x")]].concat(),
        [&get[..], &[(":status", "200")]].concat(),
        [&get[..], &[("a", "b"), (":path", "/")]].concat(),
        [&get[..], &[("A", "b")]].concat(),
        [&get[..], &[("", "b")]].concat(),
        [&get[..], &[("a b", "b")]].concat(),
        [&get[..], &[("a", "b\r\nc: d")]].concat(),
        [&get[..], &[("a", " b")]].concat(),
        [&get[..], &[("a", "b\0")]].concat(),
        [&get[..], &[("connection", "close")]].concat(),
        [&get[..], &[("keep-alive", "1")]].concat(),
        [&get[..], &[("proxy-connection", "close")]].concat(),
        [&get[..], &[("transfer-encoding", "chunked")]].concat(),
        [&get[..], &[("upgrade", "h2c")]].concat(),
        [&get[..], &[("te", "gzip")]].concat(),
        [&get[..], &[("host", "other")]].concat(),
        [&get[..], &[("content-length", "1")]].concat(),
        [&get[..], &[("content-length", "0"), ("content-length", "0")]].concat(),
        vec![(":method", "CONNECT"), (":scheme", "http"), (":authority", "a:1")],
        [&get[..], &[(":protocol", "websocket")]].concat(),
    ];
    for fields in &malformed {
        // A connection of its own: a client that does this too often is not kept.
        let mut client = connect(&fixture);
        let stream = client.begin(fields, true);
        assert_eq!(client.on(stream).code(), PROTOCOL_ERROR, "{fields:?}");
    }
    for (status, fields) in [
        (400, vec![get[0], get[1], get[2]]),
        (400, replaced(":path", "hello")),
        (400, replaced(":path", "*")),
        (400, replaced(":path", "/a%00")),
        (400, replaced(":authority", "a b")),
        (400, replaced(":authority", "user@a")),
        (400, [&get[..], &[("content-length", "x")]].concat()),
        (501, vec![(":method", "CONNECT"), (":authority", "a:1")]),
        (501, [&replaced(":method", "CONNECT")[..], &[(":protocol", "masque")]].concat()),
    ] {
        let stream = client.begin(&fields, true);
        assert_eq!(client.response(stream).status, status, "{fields:?}");
    }
    let long = format!("/{}", "a".repeat(9000));
    let stream = client.begin(&request("GET", &long), true);
    assert_eq!(client.response(stream).status, 414);
    let names: Vec<String> = (0..101).map(|at| format!("x-{at}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let stream = client.begin(&with_fields("GET", "/hello", &many), true);
    assert_eq!(client.response(stream).status, 431);
    let stats = fixture.server().stats();
    assert_eq!((stats.rejected_fields, stats.rejected_line, stats.rejected_method), (1, 1, 2));
    for good in [
        [&get[..], &[("host", "test")]].concat(),
        [&get[..3], &[("host", "test")]].concat(),
        [&get[..], &[("te", "trailers")]].concat(),
        [&get[..], &[("content-length", "0")]].concat(),
        [&get[..], &[("cookie", "a=1"), ("cookie", "b=2")]].concat(),
        [&get[..], &many[..100]].concat(),
    ] {
        let stream = client.begin(&good, true);
        assert_eq!(client.response(stream).text(), "hello", "{good:?}");
    }
}

#[test]
fn bodies_are_as_long_as_announced() {
    let fixture = Fixture::http2(Limits { max_request_body: Some(1000), ..Limits::default() });
    for (before, body) in ["ab", "abcd"].into_iter().enumerate() {
        let mut client = connect(&fixture);
        let stream = client.begin(&with_fields("POST", "/read", &[("content-length", "3")]), false);
        common::eventually("the request is there", || fixture.app.begun() > before);
        client.data(stream, body.as_bytes(), true);
        assert_eq!(client.on(stream).code(), PROTOCOL_ERROR, "{body}");
        fixture.app.event_matching(|event| *event == Event::Read(Err(BodyError::Gone)));
    }
    let mut client = connect(&fixture);
    let stream = client.begin(&with_fields("POST", "/read", &[("content-length", "1001")]), false);
    let response = client.response(stream);
    assert_eq!(response.status, 413);
    assert_eq!(client.on(stream).code(), NO_ERROR);
    let stream = client.post("/read");
    client.data(stream, &[0; 1001], false);
    fixture.app.event_matching(|event| *event == Event::Read(Err(BodyError::TooLarge)));
    assert!(client.response(stream).text().contains("TooLarge"));
}

#[test]
fn an_extended_connect_carries_bytes_both_ways() {
    let fixture = Fixture::http2(Limits::default());
    let mut client = connect(&fixture);
    let fields = with_fields("CONNECT", "/upgrade", &[(":protocol", "websocket")]);
    let fields = [&fields[..4], &fields[4..]].concat();
    let stream = client.begin(&fields, false);
    let answer = client.on(stream);
    let head = answer.fields;
    assert_eq!(head[0], (":status".to_owned(), "200".to_owned()));
    assert!(
        head.iter().all(|(name, _)| name != "upgrade" && name != "connection" && name != "content-length")
    );
    for round in 0..10_usize {
        let bytes = pattern(round * 1000 + 1);
        client.data(stream, &bytes, false);
        let mut back = Vec::new();
        while back.len() < bytes.len() {
            back.extend_from_slice(&client.on(stream).payload);
        }
        assert_eq!(back, bytes);
    }
    client.data(stream, b"", true);
    let last = client.on(stream);
    assert_eq!((last.payload.as_slice(), last.ends_stream()), (&b"bye"[..], true));
    // An application that does not accept it has not begun one.
    let fields = with_fields("CONNECT", "/hello", &[(":protocol", "websocket")]);
    let stream = client.begin(&fields, false);
    assert_eq!(client.response(stream).status, 501);
}

#[test]
fn a_draining_server_says_goodbye_in_time() {
    let fixture = Fixture::http2(Limits::default());
    let mut client = connect(&fixture);
    let waits = client.get("/keep");
    common::eventually("the request is there", || fixture.app.kept() == 1);
    fixture.server().drain(Duration::from_millis(300));
    let first = client.find(|frame| frame.kind == GOAWAY);
    assert_eq!((first.code(), &first.payload[..4]), (NO_ERROR, &[0x7f, 0xff, 0xff, 0xff][..]));
    // Still in time.
    assert_eq!(client.fetch("/hello").text(), "hello");
    let last = client.find(|frame| frame.kind == GOAWAY);
    assert_eq!((last.code(), &last.payload[..4]), (NO_ERROR, &[0, 0, 0, 3][..]));
    client.get("/hello");
    fixture.app.finish_kept(b"done");
    assert_eq!(client.response(waits).text(), "done");
    assert_eq!(client.go_away(), None);
    assert!(fixture.server().wait_idle(PATIENCE));
}

#[test]
fn an_application_can_ask_for_the_end() {
    let fixture = Fixture::http2(Limits::default());
    let mut client = connect(&fixture);
    let stream = client.get("/close");
    let first = client.find(|frame| frame.kind == GOAWAY);
    assert_eq!(first.code(), NO_ERROR);
    let response = client.response(stream);
    assert_eq!((response.text(), response.header("connection")), ("closing", None));
    let last = client.go_away().expect("a second GOAWAY");
    assert_eq!(&last.payload[..4], [0, 0, 0, 1]);
}

#[test]
fn idle_connections_are_closed() {
    let limits = Limits { keep_alive_timeout: Duration::from_millis(300), ..Limits::default() };
    let fixture = Fixture::http2(limits);
    let mut client = connect(&fixture);
    assert_eq!(client.fetch("/hello").text(), "hello");
    let last = client.go_away().expect("GOAWAY");
    assert_eq!(last.code(), NO_ERROR);
    common::eventually("the connection is gone", || fixture.server().connections() == 0);
}

#[test]
fn http_1_goes_on_beside_it() {
    let fixture = Fixture::http2(Limits::default());
    let mut client = Http1::connect(fixture.address);
    client.get("/hello");
    assert_eq!(client.response().text(), "hello");
    let mut client = Http1::connect(fixture.address);
    client.send("PRI");
    std::thread::sleep(Duration::from_millis(20));
    client.send("VATE /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.response().text(), "hello");
    // Without the setting the preface is a version of HTTP that is not served.
    let plain = Fixture::new();
    let mut client = plain.connect();
    client.send(PREFACE);
    assert_eq!(client.response().status, 505);
}

#[test]
fn tls_clients_choose() {
    let authority = tls::Authority::new("Test");
    let material =
        TlsMaterial { certificates: vec![authority.issue(&["site.test"])], ..TlsMaterial::default() };
    let tls = Tls::new(&material).unwrap();
    for (mode, offered, chosen) in [
        (Http2::Tls, vec!["h2", "http/1.1"], Some("h2")),
        (Http2::Tls, vec!["http/1.1"], Some("http/1.1")),
        (Http2::Tls, vec![], None),
        (Http2::Off, vec!["h2", "http/1.1"], Some("http/1.1")),
    ] {
        let config = ServerConfig { io_threads: 1, http2: mode, ..ServerConfig::default() };
        let (_server, address) = tls::start_tls_as(config, &tls, Arc::new(common::App::default()));
        let settings = tls::ClientSettings::trusting(&authority).alpn(&offered).shared();
        let mut client = tls::TlsClient::connect(address, &settings, "site.test").unwrap();
        assert_eq!(client.connection.alpn_protocol(), chosen.map(str::as_bytes), "{mode:?}");
        if chosen == Some("h2") {
            let mut bytes = PREFACE.to_vec();
            bytes.extend(frame(SETTINGS, 0, 0, b""));
            bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&request("GET", "/hello"))));
            client.send(&bytes);
            while !client.seen().windows(5).any(|window| window == b"hello") {
                assert!(client.fill().unwrap() > 0);
            }
        } else {
            client.get("/hello");
            assert_eq!(client.response().text(), "hello");
        }
    }
}

#[test]
fn silent_clients_with_open_streams_are_asked_and_given_up() {
    let mut limits = Limits::default();
    limits.http2.ping_after = Duration::from_millis(100);
    limits.http2.ping_timeout = Duration::from_millis(400);
    let fixture = Fixture::http2(limits);
    // Whoever answers stays, however long the response takes.
    let mut there = connect(&fixture);
    let stream = there.get("/keep");
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_millis(1200) {
        let ping = there.find(|frame| frame.kind == PING && frame.flags == 0);
        there.put(PING, ACK, 0, &ping.payload);
    }
    fixture.app.finish_kept(b"kept");
    loop {
        let frame = there.frame();
        match frame.kind {
            PING => there.put(PING, ACK, 0, &frame.payload),
            DATA if frame.ends_stream() => break,
            _ => assert_eq!(frame.stream, stream),
        }
    }
    // Without streams nobody is asked: that is for the keep-alive time to end.
    assert_eq!(there.fetch("/hello").text(), "hello");
    let mut gone = connect(&fixture);
    gone.get("/keep");
    gone.find(|frame| frame.kind == PING && frame.flags == 0);
    common::eventually("the silent client is given up", || fixture.server().stats().http2_silent == 1);
    fixture.app.event_matching(|event| matches!(event, Event::Aborted(target) if target == "/keep"));
    assert_eq!(there.fetch("/hello").text(), "hello");
}
