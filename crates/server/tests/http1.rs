//! HTTP/1.1 over real sockets: connections, framing, bodies, upgrades, files, and their failures.

mod common;

use common::{Client, Event, Fixture};
use mews_server::{BodyError, Limits};
use std::time::Duration;

#[test]
fn keep_alive_serves_many_requests_on_one_connection() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    for _ in 0..100 {
        client.get("/hello");
        let response = client.response();
        assert_eq!((response.status, response.text()), (200, "hello"));
        assert_eq!(response.header("Content-Length"), Some("5"));
        assert_eq!(response.header("Connection"), None);
        assert!(response.header("Date").is_some());
    }
    let stats = fixture.server().stats();
    assert_eq!((stats.accepted, stats.requests, stats.connections), (1, 100, 1));
    assert_eq!(stats.inline_runs + stats.pool_runs, 100);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    let mut batch = String::new();
    for at in 0..200 {
        let path = match at % 5 {
            0 => "/later?n",
            1 => "/later-pieces?n",
            2 => "/pieces?n",
            _ => "/target?n",
        };
        batch.push_str(&format!("GET {path}={} HTTP/1.1\r\nHost: x\r\n\r\n", at % 7));
    }
    client.send(batch);
    for at in 0..200 {
        let response = client.response();
        let expected = match at % 5 {
            0 => "later".to_owned(),
            1 | 2 => "one two three.".to_owned(),
            _ => format!("GET /target?n={}", at % 7),
        };
        assert_eq!(response.text(), expected, "response {at}");
    }
}

#[test]
fn what_came_before_idle_connections_are_closed_is_answered() {
    for _ in 0..20 {
        let fixture = Fixture::new();
        let mut clients: Vec<_> = (0..64).map(|_| fixture.connect()).collect();
        for client in &mut clients {
            client.get("/hello");
            assert_eq!(client.response().text(), "hello");
        }
        for client in &mut clients {
            client.get("/hello");
        }
        fixture.server().drain(Duration::ZERO);
        for client in &mut clients {
            assert_eq!(client.response().text(), "hello");
        }
    }
}

#[test]
fn heads_may_arrive_byte_by_byte() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    for byte in b"\r\nPOST /sync-echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" {
        client.send([*byte]);
    }
    assert_eq!(client.response().text(), "abc");
}

#[test]
fn framing_of_responses() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    client.get("/later-pieces");
    let response = client.response();
    assert_eq!(response.header("Transfer-Encoding"), Some("chunked"));
    assert_eq!(response.text(), "one two three.");
    assert_eq!(response.trailers, "", "no trailers without TE");

    client.send("GET /later-pieces HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n");
    let response = client.response();
    assert_eq!((response.text(), &*response.trailers), ("one two three.", "X-Sum: 11\n"));

    client.send("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    let response = client.response_to("HEAD");
    assert_eq!(response.header("Content-Length"), Some("5"));
    client.send("HEAD /later-pieces HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.response_to("HEAD").status, 200);

    for (status, length) in [(204, None), (304, None), (205, Some("0"))] {
        client.get(&format!("/status?s={status}"));
        let response = client.response();
        assert_eq!((response.status, response.header("Content-Length")), (status, length));
        assert_eq!(response.header("Transfer-Encoding"), None);
    }
    client.get("/hello");
    assert_eq!(client.response().text(), "hello");
}

#[test]
fn http_1_0() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    client.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let response = client.response();
    assert_eq!((response.header("Connection"), response.text()), (Some("keep-alive"), "hello"));
    client.send("GET /later-pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let response = client.response();
    assert_eq!((response.header("Transfer-Encoding"), response.text()), (None, "one two three."));

    let mut client = fixture.connect();
    client.send("GET /hello HTTP/1.0\r\n\r\n");
    assert_eq!(client.response().header("Connection"), Some("close"));
    client.assert_closed();
}

#[test]
fn either_side_can_close() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    client.send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(client.response().header("Connection"), Some("close"));
    client.assert_closed();
    let mut client = fixture.connect();
    client.get("/close");
    assert_eq!(client.response().header("Connection"), Some("close"));
    client.assert_closed();
    common::eventually("connections are gone", || fixture.server().connections() == 0);
}

#[test]
fn bodies_of_both_framings_are_read() {
    let fixture = Fixture::new();
    let big: String = "0123456789abcdef".repeat(20_000);
    for path in ["/echo", "/sync-echo"] {
        let mut client = fixture.connect();
        client.send(format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", big.len()));
        let half = big.len() / 2;
        client.send(&big[..half]);
        client.send(&big[half..]);
        assert_eq!(client.response().text(), big, "{path}");
        client.send(format!("POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
        for piece in big.as_bytes().chunks(7777) {
            client.send(format!("{:x}\r\n", piece.len()));
            client.send(piece);
            client.send("\r\n");
        }
        client.send("0\r\nX-Trailer: yes\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
        let response = client.response();
        assert_eq!(response.text(), big, "{path}");
        if path == "/echo" {
            assert_eq!(response.header("X-Trailers"), Some("1"));
        }
        assert_eq!(client.response().text(), "hello");
    }
}

#[test]
fn expect_continue_is_answered_when_the_body_is_first_read() {
    let fixture = Fixture::new();
    for path in ["/echo", "/sync-echo"] {
        let mut client = fixture.connect();
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        ));
        assert_eq!(client.response().status, 100);
        client.send("abc");
        assert_eq!(client.response().text(), "abc");
        client.get("/hello");
        assert_eq!(client.response().text(), "hello");
    }
    // Not read: no 100, and the connection cannot be used again.
    let mut client = fixture.connect();
    client.send("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.header("Connection")), (200, Some("close")));
    client.assert_closed();
}

#[test]
fn an_unread_body_is_drained_or_the_connection_closed() {
    // As much as a body may have by default.
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    let head = |length: usize| format!("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
    client.send(head(30_000_000) + &"x".repeat(30_000));
    assert_eq!(client.response().text(), "hello");
    client.send("x".repeat(29_970_000));
    client.get("/hello");
    assert_eq!(client.response().text(), "hello");
    let fixture = Fixture::with(Limits { drain_body: 60_000, ..Limits::default() }, 1);
    let mut client = fixture.connect();
    client.send(head(60_000) + &"x".repeat(60_000));
    assert_eq!(client.response().text(), "hello");
    client.send(head(600_000));
    assert_eq!(client.response().text(), "hello");
    client.send("x".repeat(100_000));
    client.assert_closed();
}

#[test]
fn a_malformed_chunk_is_the_clients_fault() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    client.send("POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello");
    let response = client.response();
    assert_eq!(response.text(), "Err(Malformed)");
    assert_eq!(response.header("Connection"), Some("close"));
    client.assert_closed();
    assert_eq!(fixture.app.event(), Event::Read(Err(BodyError::Malformed)));
}

#[test]
fn a_body_cut_short_is_gone() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    client.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    client.finish_sending();
    // The application answers at once, so it may or may not also be told of the abort.
    while fixture.app.event() != Event::Read(Err(BodyError::Gone)) {}
    let response = client.response();
    assert_eq!((response.text(), response.header("Connection")), ("Err(Gone)", Some("close")));
    client.assert_closed();
}

#[test]
fn an_upgrade_is_raw_both_ways() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    // Bytes that come along with the head belong to the upgraded stream.
    client.send("GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly");
    let (status, head) = client.head();
    assert_eq!(status, 101);
    assert!(head.contains("Connection: Upgrade\nUpgrade: echo\n"), "{head}");
    assert!(!head.contains("Content-Length") && !head.contains("Transfer-Encoding"), "{head}");
    assert_eq!(client.take(5), b"early");
    for round in 0..50 {
        let message = format!("GET / {round}\r\n\r\n");
        client.send(&message);
        assert_eq!(client.take(message.len()), message.as_bytes());
    }
    client.finish_sending();
    assert_eq!(client.rest(), b"bye");
    fixture.app.no_event();
}

#[test]
fn files_are_sent_in_place() {
    let fixture = Fixture::new();
    for size in [0, 1, 5000, 3_000_000] {
        for kind in ["length", "chunked"] {
            let mut client = fixture.connect();
            client.get(&format!("/file?{kind}&n={size}"));
            let response = client.response();
            let mut expected = b"<".to_vec();
            expected.extend((0..size).map(|at: usize| (at % 251) as u8));
            expected.extend_from_slice(b"trailing");
            assert!(response.body == expected, "{kind} {size}: {} bytes", response.body.len());
            client.get("/hello");
            assert_eq!(client.response().text(), "hello");
        }
    }
}

#[test]
fn a_file_that_ends_early_resets() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    client.get("/short-file");
    client.assert_reset();
}

#[test]
fn an_application_that_fails_is_answered_for() {
    let fixture = Fixture::new();
    for path in ["/drop", "/panic", "/panic-early", "/bad-header", "/status?s=1", "/status?s=150"] {
        // Twice and more, so that both the pool and the I/O thread have run it.
        for _ in 0..4 {
            let mut client = fixture.connect();
            client.get(path);
            let response = client.response();
            assert_eq!((response.status, response.header("Connection")), (500, Some("close")), "{path}");
            assert!(!response.head.contains("b: c"), "{}", response.head);
            client.assert_closed();
        }
    }
    for _ in 0..4 {
        let mut client = fixture.connect();
        client.get("/drop-started");
        client.assert_reset();
        let mut client = fixture.connect();
        client.get("/abort");
        assert_eq!(client.assert_reset(), b"");
    }
    fixture.app.no_event();
    assert_eq!(fixture.get("/hello").text(), "hello");
}

#[test]
fn a_wrong_content_length_cannot_confuse_the_client() {
    let fixture = Fixture::new();
    for _ in 0..4 {
        let mut client = fixture.connect();
        client.get("/too-long");
        assert_eq!(client.response().text(), "1234");
        client.assert_closed();
        let mut client = fixture.connect();
        client.get("/too-short");
        client.assert_reset();
    }
}

#[test]
fn prepare_sees_the_head() {
    let fixture = Fixture::new();
    let mut client = fixture.connect();
    client.send("GET /tag HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 2\r\n\r\n");
    assert_eq!(client.response().text(), "3");
}

#[test]
fn many_clients_at_once() {
    let fixture = Fixture::new();
    let address = fixture.address;
    let clients: Vec<_> = (0..32)
        .map(|number| {
            std::thread::spawn(move || {
                let mut client = Client::connect(address);
                for round in 0..100 {
                    match (number + round) % 4 {
                        0 => {
                            client.send(format!(
                                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n{number:04}{round:04}"
                            ));
                            assert_eq!(client.response().text(), format!("{number:04}{round:04}"));
                        }
                        1 => {
                            client.get("/later-pieces");
                            assert_eq!(client.response().text(), "one two three.");
                        }
                        2 => {
                            client.get("/later?n=0");
                            assert_eq!(client.response().text(), "later");
                        }
                        _ => {
                            client.get(&format!("/target?{number}-{round}"));
                            assert_eq!(client.response().text(), format!("GET /target?{number}-{round}"));
                        }
                    }
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(fixture.server().stats().requests, 3200);
}
