//! Forwarding, message by message: what arrives at the upstream and what comes back, with ordinary peers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::time::Duration;

use common::{Client, Forward, Response, Scripted, TOKEN, eventually, forward_to};
use mews_server::{ForwardOptions, Limits, Upstream};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// The head without what every request gets.
fn without_added(head: &str) -> String {
    let added = ["X-Forwarded-For: ", "X-Forwarded-Proto: ", "MS-ASPNETCORE-TOKEN: "];
    let lines = head.lines().filter(|line| !added.iter().any(|start| line.starts_with(start)));
    lines.map(|line| format!("{line}\n")).collect()
}

fn value<'a>(head: &'a str, name: &str) -> &'a str {
    let mut found = head.lines().filter_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    });
    let value = found.next().unwrap_or_else(|| panic!("no {name} in {head:?}"));
    assert!(found.next().is_none(), "two {name} in {head:?}");
    value
}

fn count(head: &str, name: &str) -> usize {
    head.lines()
        .filter(|line| line.split(':').next().is_some_and(|key| key.eq_ignore_ascii_case(name)))
        .count()
}

/// What the client gets for an answer of the upstream.
fn relayed(answer: impl AsRef<[u8]>) -> Response {
    relayed_to("GET", "GET / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n", answer.as_ref())
}

fn relayed_to(method: &str, request: &str, answer: &[u8]) -> Response {
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.exchange(request);
    peer.send(answer);
    drop(peer);
    client.response_to(method)
}

#[test]
fn a_request_and_its_answer() {
    let forward = Forward::new();
    let (mut client, mut peer, head) = forward.get();
    assert_eq!(without_added(&head), "GET /path?secret=1 HTTP/1.1\nHost: test\n");
    assert_eq!(value(&head, "MS-ASPNETCORE-TOKEN"), TOKEN);
    let local = client.stream.local_addr().unwrap();
    assert_eq!(value(&head, "X-Forwarded-For"), local.to_string());
    assert_eq!(value(&head, "X-Forwarded-Proto"), "http");
    assert_eq!(forward.upstream.in_flight(), 1);
    peer.send("HTTP/1.1 200 Whatever\r\nServer: Kestrel\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nSet-Cookie: a\r\nContent-Type: text/plain\r\nSet-Cookie: b\r\nContent-Length: 5\r\n\r\nhello");
    let response = client.response();
    assert_eq!((response.status, response.text()), (200, "hello"));
    assert!(response.head.starts_with("HTTP/1.1 200 OK\n"));
    assert_eq!(value(&response.head, "Date"), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(value(&response.head, "Server"), "Kestrel");
    let order: Vec<&str> =
        response.head.lines().filter(|line| line.contains("-Cookie") || line.contains("-Type")).collect();
    assert_eq!(order, ["Set-Cookie: a", "Content-Type: text/plain", "Set-Cookie: b"]);
    eventually("nothing is in flight", || forward.upstream.in_flight() == 0);
}

#[test]
fn connections_are_used_again() {
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.get();
    peer.send(OK);
    assert_eq!(client.response().text(), "ok");
    for round in 0..50 {
        client.get(&format!("/{round}"));
        assert!(peer.lines().starts_with(&format!("GET /{round} ")));
        let answer =
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{round:02}\r\n0\r\n\r\n");
        peer.send(answer);
        assert_eq!(client.response().text(), format!("{round:02}"));
    }
    forward.scripted.assert_no_other();
    let stats = forward.upstream.stats();
    assert_eq!((stats.requests, stats.connects, stats.reused, stats.failures), (51, 1, 50, 0));
}

#[test]
fn idle_connections_are_limited_in_number_and_time() {
    let forward = Forward::options(|options| {
        options.idle_connections = 1;
        options.idle_timeout = Duration::from_millis(1);
    });
    let (mut client, mut peer, _) = forward.get();
    peer.send(OK);
    client.response();
    // Closed although nobody asked for anything.
    peer.assert_closed();
    let none = Forward::options(|options| options.idle_connections = 0);
    let (mut client, mut peer, _) = none.get();
    peer.send(OK);
    client.response();
    peer.assert_closed();
}

#[test]
fn the_target_arrives_as_it_was_sent() {
    let forward = Forward::new();
    for target in ["/a%2Fb%3Fc//d?x=%20&y=%zz", "//", "/%25%32%35", "/..//./a"] {
        let (mut client, mut peer, head) =
            forward.exchange(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert!(head.starts_with(&format!("GET {target} HTTP/1.1\n")), "{head}");
        peer.send(format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{target}"));
        drop(peer);
        assert_eq!(client.response().text(), target);
    }
    let (_client, _peer, head) = forward.exchange("GET http://other:8/x HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(without_added(&head), "GET /x HTTP/1.1\nHost: other:8\n");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let address = Scripted::new().serve(|peer| {
        loop {
            let head = peer.lines();
            let target = head.split(' ').nth(1).unwrap().to_owned();
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len()));
        }
    });
    let upstream = Upstream::new(address, TOKEN);
    let (_server, address) = forward_to(ForwardOptions::default(), Limits::default(), &upstream);
    let mut client = Client::connect(address);
    let requests: String = (0..100).map(|at| format!("GET /{at} HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
    client.send(requests);
    for at in 0..100 {
        assert_eq!(client.response().text(), format!("/{at}"));
    }
    assert_eq!(upstream.stats().connects, 1);
}

#[test]
fn http_1_0_clients_are_spoken_to_as_such() {
    let request = "GET / HTTP/1.0\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n";
    let forward = Forward::new();
    let (mut client, mut peer, head) = forward.exchange(request);
    assert_eq!(without_added(&head), "GET / HTTP/1.1\nHost: \n");
    assert!(value(&head, "X-Forwarded-For").starts_with("1.2.3.4, 127.0.0.1:"));
    peer.send(
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    );
    let (status, head) = client.head();
    assert_eq!((status, value(&head, "Connection")), (200, "close"));
    assert_eq!(count(&head, "Transfer-Encoding"), 0);
    peer.send("0\r\n\r\n");
    assert_eq!(client.rest(), b"hello");
}

#[test]
fn what_a_client_may_not_say_does_not_arrive() {
    let forward = Forward::new();
    let (_client, _peer, head) = forward.exchange(
        "GET / HTTP/1.1\r\nHost: x\r\nMS-ASPNETCORE-TOKEN: fake\r\nms_aspnetcore_clientcert: fake\r\nMs-AspNetCore-Winauthtoken: 4\r\n\
         Connection: close, X-Forwarded-For, MS-ASPNETCORE-TOKEN, X-Hop, Host\r\nX-Hop: 1\r\nX-Stay: 2\r\nKeep-Alive: 1\r\n\
         Proxy-Connection: 1\r\nTE: trailers\r\nTrailer: X\r\nUpgrade: websocket\r\n\r\n",
    );
    assert_eq!(without_added(&head), "GET / HTTP/1.1\nHost: x\nX-Stay: 2\n");
    assert_eq!(value(&head, "MS-ASPNETCORE-TOKEN"), TOKEN);
    assert!(value(&head, "X-Forwarded-For").starts_with("127.0.0.1:"));
}

#[test]
fn ambiguous_requests_never_arrive() {
    let forward = Forward::new();
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\n chunked\r\n",
        "X: a\rb\r\n",
    ] {
        let mut client = forward.connect();
        client.send(format!(
            "POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
        ));
        assert_eq!(client.response().status, 400, "{fields:?}");
    }
    // What follows a body is the next request, and not part of what the upstream gets for the first.
    let (_client, mut peer, head) = forward.exchange(
        "POST /one HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /two HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    assert_eq!(without_added(&head), "POST /one HTTP/1.1\nHost: x\nContent-Length: 3\n");
    assert_eq!(peer.take(3), b"abc");
    peer.send(OK);
    assert!(peer.lines().starts_with("GET /two "));
    forward.scripted.assert_no_other();
}

#[test]
fn bodies_keep_their_framing() {
    let forward = Forward::new();
    let (mut client, mut peer, head) =
        forward.exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(value(&head, "Content-Length"), "5");
    assert_eq!(peer.take(5), b"hello");
    peer.send(OK);
    assert_eq!(client.response().text(), "ok");
    client.send("PUT /two HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n");
    let head = peer.lines();
    assert_eq!((value(&head, "Transfer-Encoding"), value(&head, "Trailer")), ("chunked", "X-Sum"));
    assert_eq!(count(&head, "Content-Length"), 0);
    client.send("5;ext\r\nhello\r\n");
    assert_eq!((peer.line(), peer.take(7)), ("5".to_owned(), b"hello\r\n".to_vec()));
    client.send("1\r\n,\r\n0\r\nX-Sum: 9\r\nHost: evil\r\nMS-ASPNETCORE-TOKEN: fake\r\n\r\n");
    assert_eq!((peer.line(), peer.take(3)), ("1".to_owned(), b",\r\n".to_vec()));
    assert_eq!(peer.lines(), "0\nX-Sum: 9\n");
    peer.send(OK);
    assert_eq!(client.response().text(), "ok");
    client.send("POST /three HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(value(&peer.lines(), "Content-Length"), "0");
    peer.send(OK);
    assert_eq!(client.response().text(), "ok");
    forward.scripted.assert_no_other();
}

const EXPECTS: &str = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";

#[test]
fn the_upstream_decides_about_100_continue() {
    let forward = Forward::new();
    let (mut client, mut peer, head) = forward.exchange(EXPECTS);
    assert_eq!(value(&head, "Expect"), "100-continue");
    peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(client.head().0, 100);
    client.send("body");
    assert_eq!(peer.take(4), b"body");
    peer.send(OK);
    assert_eq!(client.response().text(), "ok");
    client.get("/again");
    assert!(peer.lines().starts_with("GET /again "));
}

#[test]
fn a_final_answer_instead_of_100_continue() {
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.exchange(EXPECTS);
    peer.send("HTTP/1.1 417 No Thanks\r\nContent-Length: 2\r\n\r\nno");
    let response = client.response();
    assert_eq!((response.status, response.text()), (417, "no"));
    assert!(response.head.starts_with("HTTP/1.1 417 No Thanks\n"));
    assert_eq!(response.header("Connection"), Some("close"));
    client.assert_closed();
    peer.assert_closed();
}

#[test]
fn an_upstream_that_says_nothing_gets_the_body_after_a_second() {
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.exchange(EXPECTS);
    assert_eq!(client.head().0, 100);
    client.send("body");
    assert_eq!(peer.take(4), b"body");
    // Its own comes late and is not sent twice.
    peer.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn interim_answers_are_relayed() {
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.get();
    peer.send("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nConnection: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    let (status, head) = client.head();
    assert_eq!((status, value(&head, "Link")), (103, "</a>; rel=preload"));
    assert_eq!((count(&head, "Connection"), count(&head, "Date")), (0, 0));
    peer.send("HTTP/1.1 102 Processing\r\n\r\n");
    assert_eq!(client.head().0, 102);
    peer.send(OK);
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn answers_without_a_body() {
    let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let response =
        relayed_to("HEAD", &get.replace("GET", "HEAD"), b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
    assert_eq!(value(&response.head, "Content-Length"), "500");
    let response = relayed("HTTP/1.1 204 No Content\r\nETag: x\r\n\r\n");
    assert_eq!((response.status, count(&response.head, "Content-Length")), (204, 0));
    let response = relayed("HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n");
    assert_eq!((response.status, value(&response.head, "Content-Length")), (304, "500"));
    let response = relayed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(value(&response.head, "Content-Length"), "0");
}

#[test]
fn a_body_that_ends_with_the_connection() {
    let response = relayed("HTTP/1.1 200 OK\r\n\r\nall there is");
    assert_eq!(response.text(), "all there is");
    let response = relayed("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(response.text(), "abc");
}

#[test]
fn exactly_one_date_leaves() {
    let response = relayed("HTTP/1.1 200 OK\r\nDate: a\r\ndate: b\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(value(&response.head, "Date"), "a");
    let response = relayed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert!(value(&response.head, "Date").ends_with("GMT"));
    assert_eq!(count(&response.head, "Server"), 0);
}

#[test]
fn reason_phrases_are_the_upstreams_except_for_200() {
    assert!(
        relayed("HTTP/1.1 404 Gone Fishing\r\nContent-Length: 0\r\n\r\n")
            .head
            .starts_with("HTTP/1.1 404 Gone Fishing\n")
    );
    assert!(
        relayed("HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n").head.starts_with("HTTP/1.1 404 Not Found\n")
    );
    assert!(relayed("HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n").head.starts_with("HTTP/1.1 200 OK\n"));
}

#[test]
fn trailers_go_to_clients_that_take_them() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 9\r\nContent-Length: 7\r\n\r\n";
    let response = relayed(answer);
    assert_eq!((response.text(), &*response.trailers), ("ok", "X-Sum: 9\n"));
    assert_eq!(value(&response.head, "Trailer"), "X-Sum");
    let response = relayed_to("GET", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", answer.as_bytes());
    assert_eq!((response.text(), &*response.trailers), ("ok", ""));
    assert_eq!(count(&response.head, "Trailer"), 0);
}

#[test]
fn the_connection_field_stays_unless_asked_for() {
    let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.get();
    peer.send(answer);
    assert_eq!(count(&client.response().head, "Connection"), 0);
    // Only the upstream's connection ends.
    peer.assert_closed();
    client.get("/next");
    let mut peer = forward.scripted.accept();
    peer.lines();
    peer.send(OK);
    assert_eq!(client.response().text(), "ok");
    let forward = Forward::options(|options| options.forward_connection_header = true);
    let (mut client, mut peer, _) = forward.get();
    peer.send(answer);
    assert_eq!(value(&client.response().head, "Connection"), "close");
    client.assert_closed();
}

#[test]
fn an_answer_in_pieces_is_the_same() {
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.get();
    for byte in b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" {
        peer.send([*byte]);
    }
    assert_eq!(client.head().0, 103);
    assert_eq!(client.response().text(), "hello");
    client.get("/next");
    assert!(peer.lines().starts_with("GET /next "));
}

#[test]
fn excess_bytes_end_the_connection_and_reach_nobody() {
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.get();
    peer.send(format!("{OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"));
    assert_eq!(client.response().text(), "ok");
    client.get("/next");
    let mut peer = forward.scripted.accept();
    peer.lines();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal");
    assert_eq!(client.response().text(), "real");
}
