//! What a client gets, and the log says, when the upstream does not do its part; and what the upstream sees of a
//! client that leaves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::net::TcpListener;
use std::time::Duration;

use common::{Client, Forward, TOKEN, eventually, forward_to, log};
use mews_server::{ForwardOptions, Limits, Upstream};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A request with a path that is found again in the log.
fn request(path: &str) -> String {
    format!("GET {path}?secret=1 HTTP/1.1\r\nHost: x\r\nAccept: text/plain\r\n\r\n")
}

/// The client gets a 502.3 that says `what`, and so does one log line.
fn assert_502(client: &mut Client, path: &str, what: &str) {
    let response = client.response();
    assert_eq!(response.status, 502);
    let text = response.text();
    assert!(text.starts_with("502.3 ") && text.contains(what), "{text}");
    assert!(!text.contains(TOKEN) && !text.contains("secret=1"), "{text}");
    let lines = log::lines_with(&format!("path={path} "));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("WARN ") && lines[0].contains(what), "{lines:?}");
    assert!(lines[0].contains("request_id=") && lines[0].contains("method=GET"), "{lines:?}");
    assert!(lines[0].contains("upstream=127.0.0.1:"), "{lines:?}");
    assert!(!lines[0].contains(TOKEN) && !lines[0].contains("secret=1"), "{lines:?}");
}

/// The upstream reads the request, sends `answer` and closes or resets.
fn assert_answer_fails(path: &str, answer: &[u8], reset: bool, what: &str) {
    log::install();
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.exchange(&request(path));
    peer.send(answer);
    if reset {
        peer.reset();
    } else {
        drop(peer);
    }
    assert_502(&mut client, path, what);
    // The client's connection is as good as before.
    client.get("/after");
    let mut peer = forward.scripted.accept();
    peer.lines();
    peer.send(OK);
    assert_eq!(client.response().text(), "ok");
    assert_eq!(forward.upstream.stats().failures, 1);
}

#[test]
fn nobody_listens() {
    log::install();
    // Bound and not listening: nobody else gets the port.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let upstream = Upstream::new(address, TOKEN);
    let (_server, address) = forward_to(ForwardOptions::default(), Limits::default(), &upstream);
    let mut client = Client::connect(address);
    client.send(request("/refused"));
    assert_502(&mut client, "/refused", "Could not connect");
    client.send("GET /json HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.header("Content-Type")), (502, Some("application/json")));
    assert!(response.text().contains("\"subStatus\":3"), "{}", response.text());
    client.send("HEAD /head HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.response_to("HEAD").status, 502);
    eventually("nothing is in flight", || upstream.in_flight() == 0);
}

#[test]
fn closed_before_answering() {
    assert_answer_fails("/closed", b"", false, "closed the connection before it answered");
}

#[test]
fn reset_before_answering() {
    assert_answer_fails("/reset", b"", true, "reset the connection");
}

#[test]
fn half_a_head() {
    assert_answer_fails("/half", b"HTTP/1.1 200 OK\r\nContent-", false, "ends within its head");
}

#[test]
fn garbage() {
    assert_answer_fails("/garbage", b"220 mail.example ESMTP\r\n", false, "does not begin with HTTP/1.1");
    assert_answer_fails(
        "/chunk",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        false,
        "chunks",
    );
    assert_answer_fails(
        "/both",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        false,
        "both Content-Length and Transfer-Encoding",
    );
    assert_answer_fails("/101", b"HTTP/1.1 101 Switching Protocols\r\n\r\n", false, "status");
}

#[test]
fn head_floods() {
    let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(64 * 1024));
    assert_answer_fails("/long", long.as_bytes(), false, "larger than 64 KiB");
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(300));
    assert_answer_fails("/many", many.as_bytes(), false, "more than 256 header fields");
    let interim = "HTTP/1.1 102 Processing\r\n\r\n".repeat(40);
    log::install();
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.exchange(&request("/interim"));
    peer.send(&interim);
    for _ in 0..32 {
        assert_eq!(client.head().0, 102);
    }
    assert_502(&mut client, "/interim", "interim");
}

#[test]
fn no_answer_in_time() {
    log::install();
    let forward = Forward::options(|options| options.request_timeout = Some(Duration::from_millis(200)));
    let (mut client, mut peer, _) = forward.exchange(&request("/slow"));
    assert_502(&mut client, "/slow", "no answer within requestTimeout of 0.2 s");
    peer.assert_reset();
}

#[test]
fn an_answer_that_does_not_go_on() {
    log::install();
    let forward = Forward::options(|options| options.request_timeout = Some(Duration::from_millis(200)));
    let (mut client, mut peer, _) = forward.exchange(&request("/stops"));
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    assert_eq!(client.head().0, 200);
    assert_eq!(client.assert_reset(), b"hello");
    peer.assert_reset();
    assert_eq!(log::lines_with("path=/stops ").len(), 1);
}

#[test]
fn each_wait_is_limited_and_not_the_whole() {
    let forward = Forward::options(|options| options.request_timeout = Some(Duration::from_secs(2)));
    let (mut client, mut peer, _) = forward.get();
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.head();
    for _ in 0..6 {
        std::thread::sleep(Duration::from_millis(500));
        peer.send("1\r\nx\r\n");
        assert_eq!(client.take(6), b"1\r\nx\r\n");
    }
    peer.send("0\r\n\r\n");
    assert_eq!(client.take(5), b"0\r\n\r\n");
}

#[test]
fn a_body_that_is_not_taken_in_time() {
    log::install();
    let forward = Forward::options(|options| options.request_timeout = Some(Duration::from_millis(300)));
    let mut client = forward.connect();
    client.send("POST /untaken HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n");
    let sender = client.stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        let piece = vec![b'x'; 1 << 20];
        while std::io::Write::write_all(&mut &sender, &piece).is_ok() {}
    });
    let mut peer = forward.scripted.accept();
    peer.lines();
    let response = client.response();
    assert!(response.status == 502 && response.text().contains("did not take"), "{}", response.text());
    peer.assert_reset();
    drop(client);
    writer.join().unwrap();
}

#[test]
fn answers_cut_in_the_middle_reset_the_client() {
    let cases: [(&str, bool, &[u8]); 4] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", false, b"hello"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false, b"5\r\nhello\r\n"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true, b"5\r\nhello\r\n"),
        ("HTTP/1.1 200 OK\r\n\r\nhello", true, b"5\r\nhello\r\n"),
    ];
    for (answer, reset, got) in cases {
        let forward = Forward::new();
        let (mut client, mut peer, _) = forward.get();
        peer.send(answer);
        assert_eq!(client.head().0, 200);
        assert_eq!(client.take(got.len()), got);
        if reset {
            peer.reset();
        } else {
            drop(peer);
        }
        assert!(client.assert_reset().is_empty(), "{answer:?}");
    }
    // Chunks that make no sense only later.
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.get();
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    client.head();
    peer.send("garbage\r\n");
    client.assert_reset();
    peer.assert_reset();
}

#[test]
fn a_connection_that_died_while_idle_is_replaced() {
    for round in 0..50 {
        let forward = Forward::new();
        let (mut client, mut peer, _) = forward.get();
        peer.send(OK);
        // Closed behind the answer, without a word about it.
        drop(peer);
        assert_eq!(client.response().text(), "ok");
        client.get("/again");
        // The end may overtake nothing, but arrives before the client's next request does.
        let mut peer = forward.scripted.accept();
        assert!(peer.lines().starts_with("GET /again "), "round {round}");
        peer.send(OK);
        assert_eq!(client.response().text(), "ok");
    }
}

#[test]
fn unasked_bytes_on_an_idle_connection_are_nobodys_answer() {
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.get();
    peer.send(OK);
    assert_eq!(client.response().text(), "ok");
    peer.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    peer.stream.set_nonblocking(false).unwrap();
    client.get("/again");
    let mut fresh = forward.scripted.accept();
    fresh.lines();
    fresh.send(OK);
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn a_request_that_was_sent_is_not_sent_again() {
    log::install();
    let forward = Forward::new();
    let (mut client, mut peer, _) = forward.get();
    peer.send(OK);
    client.response();
    client.send(request("/once"));
    peer.lines();
    drop(peer);
    assert_502(&mut client, "/once", "closed the connection before it answered");
    forward.scripted.assert_no_other();
}

#[test]
fn an_early_answer_is_relayed_while_the_body_flows() {
    let forward = Forward::new();
    let (mut client, mut peer, _) =
        forward.exchange("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    assert_eq!(client.head().0, 200);
    assert_eq!(client.take(10), b"5\r\nhello\r\n");
    client.send("3\r\ndef\r\n");
    assert_eq!(peer.take(16), b"3\r\nabc\r\n3\r\ndef\r\n");
    peer.send("1\r\n!\r\n");
    assert_eq!(client.take(6), b"1\r\n!\r\n");
    client.send("0\r\n\r\n");
    assert_eq!(peer.take(5), b"0\r\n\r\n");
    peer.send("0\r\n\r\n");
    assert_eq!(client.take(5), b"0\r\n\r\n");
    client.get("/next");
    assert!(peer.lines().starts_with("GET /next "), "the connection is used again");
}

#[test]
fn an_early_answer_is_complete_although_the_upstream_leaves() {
    // Input that it has not read makes its close a reset, which takes away what has not been delivered: only a
    // short answer is certain to have been.
    for (reset, count) in [(false, 200_000), (true, 10_000)] {
        let forward = Forward::new();
        let (mut client, mut peer, _) =
            forward.exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
        if reset {
            client.send(vec![b'y'; 100_000]);
            peer.take(1);
        }
        let answer = "x".repeat(count);
        peer.send(format!(
            "HTTP/1.1 413 Too Much\r\nConnection: close\r\nContent-Length: {count}\r\n\r\n{answer}"
        ));
        drop(peer);
        let response = client.response();
        assert_eq!((response.status, response.body.len()), (413, count), "reset: {reset}");
    }
}

#[test]
fn a_client_that_leaves_is_told_to_the_upstream_at_once() {
    // Before the answer, within it, and within the request's body.
    let forward = Forward::new();
    let (client, mut peer, _) = forward.get();
    drop(client);
    peer.assert_reset();
    let (mut client, mut peer, _) = forward.get();
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    client.head();
    drop(client);
    peer.assert_reset();
    let (mut client, mut peer, _) =
        forward.exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello");
    client.send("w");
    peer.take(6);
    drop(client);
    peer.assert_reset();
    let (client, mut peer, _) =
        forward.exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
    client.reset();
    peer.assert_reset();
    eventually("nothing is in flight", || forward.upstream.in_flight() == 0);
    assert_eq!(forward.upstream.stats().failures, 0, "a client's doing");
    assert_eq!(forward.upstream.stats().connects, 4);
}

#[test]
fn a_bad_body_is_the_clients_fault() {
    let forward = Forward::with(
        ForwardOptions::default(),
        Limits { max_request_body: Some(10), body_timeout: Duration::from_millis(200), ..Limits::default() },
    );
    let chunked = "POST / HTTP/1.1\r\nHost: x\r\nAccept: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (rest, status) in [("zz\r\n", 400), ("b\r\nelevenbytes\r\n", 413), ("1\r\n", 408)] {
        let (mut client, mut peer, _) = forward.exchange(chunked);
        client.send(rest);
        let response = client.response();
        assert_eq!(response.status, status, "{}", response.text());
        assert!(!response.text().contains(".3 "));
        client.assert_closed();
        peer.assert_reset();
    }
    assert_eq!(forward.upstream.stats().failures, 0);
}

#[test]
fn a_port_that_nobody_listens_on_is_not_connected_to_itself() {
    // Whatever local port the kernel picks, a request never comes back to its sender.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let upstream = Upstream::new(address, TOKEN);
    let (_server, front) = forward_to(ForwardOptions::default(), Limits::default(), &upstream);
    let mut clients: Vec<Client> = (0..200)
        .map(|_| {
            let mut client = Client::connect(front);
            client.get("/");
            client
        })
        .collect();
    for client in &mut clients {
        assert_eq!(client.response().status, 502);
    }
}
