//! Every limit of connections: meeting it gives the listed status, a closed connection, and a counter of its name.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::tls::{Authority, start_tls_as, tls_fixture};
use common::{App, Client, Fixture, PATIENCE, eventually, hits};
use mews_server::tls::{Tls, TlsMaterial};
use mews_server::{Http2Limits, Limits, MinDataRate, ServerConfig};
use socket2::{Domain, Socket, Type};

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Nothing is left to a library's or an earlier version's idea of a default.
#[test]
fn the_defaults() {
    let expected = Limits {
        request_line: 8 * 1024,
        header_bytes: 32 * 1024,
        header_count: 100,
        header_timeout: Duration::from_secs(30),
        keep_alive_timeout: Duration::from_secs(130),
        max_request_body: None,
        refuse_announced_body: true,
        body_timeout: Duration::from_secs(60),
        min_request_rate: MinDataRate { bytes_per_second: 240, grace: Duration::from_secs(5) },
        write_timeout: Duration::from_secs(60),
        min_response_rate: MinDataRate { bytes_per_second: 240, grace: Duration::from_secs(5) },
        body_window: 64 * 1024,
        write_window: 64 * 1024,
        drain_body: 30_000_000,
        drain_timeout: Duration::from_secs(5),
        max_connections: 0,
        max_connections_per_address: 0,
        handshake_timeout: Duration::from_secs(10),
        max_handshakes: 4096,
        http2: Http2Limits {
            streams: 100,
            stream_window: 256 * 1024,
            connection_window: 1024 * 1024,
            resets: 100,
            errors: 20,
            frames: 1000,
            budget_window: Duration::from_secs(30),
            continuations: 8,
            ping_after: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(20),
        },
    };
    assert_eq!(Limits::default(), expected);
}

#[test]
fn heads() {
    let limits = Limits {
        request_line: 100,
        header_bytes: 1000,
        header_count: 5,
        header_timeout: millis(300),
        ..Limits::default()
    };
    let fixture = Fixture::with(limits, 1);
    let long = "a".repeat(100);
    for (limit, request, status) in [
        ("request_line", format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), 414),
        ("header_bytes", format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "b".repeat(1000)), 431),
        ("header_count", format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "a: b\r\n".repeat(5)), 431),
        ("header_timeout", "GET / HTTP/1.1\r\nHost: x\r\n".to_owned(), 408),
    ] {
        assert_eq!(hits(fixture.server(), limit), 0, "{limit}");
        let mut client = fixture.connect();
        client.send(&request);
        let response = client.response();
        assert_eq!((response.status, response.header("Connection")), (status, Some("close")), "{limit}");
        client.assert_closed();
        assert_eq!(hits(fixture.server(), limit), 1, "{limit}");
    }
}

/// The time counts from the first byte: sending one after the other buys none.
#[test]
fn a_head_that_comes_byte_by_byte_is_given_up_in_time() {
    let fixture = Fixture::with(Limits { header_timeout: millis(500), ..Limits::default() }, 1);
    let mut client = fixture.connect();
    let mut writer = client.stream.try_clone().unwrap();
    let began = Instant::now();
    thread::spawn(move || {
        use std::io::Write as _;
        for byte in std::iter::repeat_n(b"GET / HTTP/1.1\r\nX: ".iter(), 1).flatten().chain(&[b'a'; 10_000]) {
            if writer.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(millis(5));
        }
    });
    assert_eq!(client.response().status, 408);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(hits(fixture.server(), "header_timeout"), 1);
}

#[test]
fn idle_connections_are_closed_without_a_word() {
    let fixture = Fixture::with(Limits { keep_alive_timeout: millis(300), ..Limits::default() }, 1);
    let mut never = fixture.connect();
    let mut client = fixture.connect();
    client.get("/hello");
    assert_eq!(client.response().text(), "hello");
    client.assert_closed();
    never.assert_closed();
    eventually("both are counted", || hits(fixture.server(), "keep_alive_timeout") == 2);
}

#[test]
fn bodies_that_are_too_large() {
    let limits = Limits { max_request_body: Some(100), ..Limits::default() };
    let fixture = Fixture::with(limits, 1);
    let mut client = fixture.connect();
    client.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n");
    assert_eq!(client.response().status, 413);
    client.assert_closed();
    assert_eq!(hits(fixture.server(), "request_body"), 1);

    let mut client = fixture.connect();
    let chunk = format!("65\r\n{}\r\n", "a".repeat(0x65));
    client.send(format!(
        "POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
    ));
    // What status that is, is the handler's business.
    assert_eq!(client.response().text(), "Err(TooLarge)");
    client.assert_closed();
    assert_eq!(hits(fixture.server(), "request_body"), 2);
}

/// Sends one byte after the other, as long as the server takes them.
fn drip(stream: &TcpStream, pause: Duration) -> thread::JoinHandle<usize> {
    let mut stream = stream.try_clone().unwrap();
    thread::spawn(move || {
        use std::io::Write as _;
        (0..100_000)
            .take_while(|_| {
                thread::sleep(pause);
                stream.write_all(b"a").is_ok()
            })
            .count()
    })
}

#[test]
fn bodies_that_come_too_slowly() {
    let rate = MinDataRate { bytes_per_second: 10_000, grace: millis(300) };
    let fixture = Fixture::with(Limits { min_request_rate: rate, ..Limits::default() }, 1);
    for framing in ["Content-Length: 1000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nffffff\r\n"] {
        let before = hits(fixture.server(), "request_body_rate");
        let mut client = fixture.connect();
        client.send(format!("POST /read HTTP/1.1\r\nHost: x\r\n{framing}"));
        let drip = drip(&client.stream, millis(10));
        let began = Instant::now();
        assert_eq!(client.response().text(), "Err(TimedOut)", "{framing}");
        assert!(began.elapsed() >= millis(250), "{:?}", began.elapsed());
        client.assert_closed();
        drop(client);
        drip.join().unwrap();
        assert_eq!(hits(fixture.server(), "request_body_rate"), before + 1);
    }
    // One that comes fast enough may take longer than the grace.
    let mut client = fixture.connect();
    client.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n");
    for _ in 0..40 {
        thread::sleep(millis(20));
        client.send([b'a'; 1000]);
    }
    assert_eq!(client.response().text(), "Ok(40000)");
}

/// A handler that takes its time is not the client's slowness.
#[test]
fn only_waiting_for_the_client_counts() {
    let rate = MinDataRate { bytes_per_second: 1_000_000, grace: millis(300) };
    let limits = Limits { min_request_rate: rate, body_window: 1000, ..Limits::default() };
    let fixture = Fixture::with(limits, 1);
    let mut client = fixture.connect();
    client.send("POST /sync-echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    client.send([b'a'; 100_000]);
    assert_eq!(client.response().body.len(), 100_000);
    assert_eq!(hits(fixture.server(), "request_body_rate"), 0);
}

#[test]
fn responses_that_are_taken_too_slowly() {
    let rate = MinDataRate { bytes_per_second: 100_000_000, grace: millis(300) };
    let fixture = Fixture::with(Limits { min_response_rate: rate, ..Limits::default() }, 1);
    let mut client = fixture.connect();
    client.limit_receiving();
    client.get("/stream?n=50000000");
    let mut stream = client.stream.try_clone().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut piece = [0; 1024];
    let began = Instant::now();
    // It never stands still for long, so that only the rate ends it; and what it takes leaves the kernel no room for all that waits.
    let error = loop {
        thread::sleep(millis(10));
        match stream.read(&mut piece) {
            Ok(0) => panic!("closed cleanly"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    assert!(began.elapsed() >= millis(250), "{:?}", began.elapsed());
    eventually("it is counted", || hits(fixture.server(), "response_rate") == 1);
}

#[test]
fn unread_bodies_are_not_swallowed_for_ever() {
    let limits = Limits { drain_body: 1000, drain_timeout: millis(300), ..Limits::default() };
    let fixture = Fixture::with(limits, 1);
    for body in [5000, 10] {
        let before = hits(fixture.server(), "unread_body");
        let mut client = fixture.connect();
        client.send("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
        assert_eq!(client.response().text(), "hello");
        client.send(vec![b'a'; body]);
        client.assert_closed();
        assert_eq!(hits(fixture.server(), "unread_body"), before + 1, "{body}");
    }
}

#[test]
fn connections_wait_for_their_turn() {
    let fixture = Fixture::with(Limits { max_connections: 2, ..Limits::default() }, 1);
    let mut held: Vec<Client> = (0..2).map(|_| fixture.connect()).collect();
    for client in &mut held {
        client.get("/hello");
        assert_eq!(client.response().text(), "hello");
    }
    let mut third = fixture.connect();
    third.get("/hello");
    eventually("it is counted", || hits(fixture.server(), "connections") >= 1);
    assert_eq!(fixture.server().connections(), 2);
    drop(held);
    assert_eq!(third.response().text(), "hello");
}

/// A connection to an address from another one of this machine's.
fn connect_from(source: [u8; 4], address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn connections_of_one_address_are_bounded() {
    let limits = Limits { max_connections_per_address: 2, ..Limits::default() };
    let fixture = Fixture::with(limits, 2);
    let from = |last: u8| Client::over(connect_from([127, 0, 0, last], fixture.address));
    let served = |client: &mut Client| {
        client.get("/hello");
        assert_eq!(client.response().text(), "hello");
    };
    let mut kept = [from(1), from(1)];
    kept.iter_mut().for_each(served);
    for count in 1..=3 {
        let mut refused = from(1);
        refused.get("/hello");
        let response = refused.response();
        assert_eq!((response.status, response.header("Connection")), (503, Some("close")));
        refused.assert_closed();
        assert_eq!(hits(fixture.server(), "connections_per_address"), count);
        // Those that were told have left before the next one comes, which would not be told otherwise.
        drop(refused);
        eventually("it is gone", || fixture.server().connections() == 2);
    }
    served(&mut from(2));
    drop(kept);
    eventually("all are gone", || fixture.server().connections() == 0);
    served(&mut from(1));
    assert_eq!(hits(fixture.server(), "connections_per_address"), 3);
}

#[test]
fn connections_with_tls_of_one_address_are_closed_without_a_word() {
    let authority = Authority::new("Test");
    let material =
        TlsMaterial { certificates: vec![authority.issue(&["site.test"])], ..TlsMaterial::default() };
    let tls = Tls::new(&material).unwrap();
    let limits = Limits { max_connections_per_address: 1, ..Limits::default() };
    let config = ServerConfig { io_threads: 1, limits, ..ServerConfig::default() };
    let (server, address) = start_tls_as(config, &tls, Arc::new(App::default()));
    let kept = connect_from([127, 0, 0, 1], address);
    eventually("it is there", || server.connections() == 1);
    let mut refused = connect_from([127, 0, 0, 1], address);
    assert_eq!(refused.read(&mut [0]).unwrap_or(0), 0);
    assert_eq!(hits(&server, "connections_per_address"), 1);
    let other = connect_from([127, 0, 0, 2], address);
    eventually("another one is there", || server.connections() == 2);
    drop((kept, other));
}

#[test]
fn handshakes_end_in_time_and_wait_for_their_turn() {
    let authority = Authority::new("the authority");
    let material =
        TlsMaterial { certificates: vec![authority.issue(&["shop.test"])], ..TlsMaterial::default() };
    let limits = Limits { handshake_timeout: millis(400), max_handshakes: 2, ..Limits::default() };
    let (fixture, _) = tls_fixture(&material, limits);
    let stalled: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(fixture.address).unwrap()).collect();
    eventually("the third waits", || hits(fixture.server(), "handshakes") >= 1);
    for mut stream in stalled {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    eventually("all are counted", || hits(fixture.server(), "handshake_timeout") == 3);
}

/// While hundreds of clients hold their connections by every means that costs them nothing, others are served.
#[test]
fn ordinary_requests_go_on_during_attacks() {
    let rate = MinDataRate { bytes_per_second: 240, grace: millis(1500) };
    let limits = Limits {
        header_timeout: millis(1500),
        min_request_rate: rate,
        body_timeout: millis(1500),
        write_timeout: millis(1500),
        ..Limits::default()
    };
    let fixture = Fixture::with(limits, 2);
    let mut attackers = Vec::new();
    for at in 0..300 {
        let mut client = fixture.connect();
        match if at < 15 { 2 } else { at % 2 } {
            0 => client.send("GET / HTTP/1.1\r\nHost: x\r\nX-a: b\r\n"),
            1 => client.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\nab"),
            _ => {
                client.limit_receiving();
                client.get("/stream?n=8000000");
            }
        }
        attackers.push(client);
    }
    let until = Instant::now() + Duration::from_secs(3);
    let (mut served, mut slowest) = (0, Duration::ZERO);
    while Instant::now() < until {
        let began = Instant::now();
        assert_eq!(fixture.get("/hello").text(), "hello");
        slowest = slowest.max(began.elapsed());
        served += 1;
    }
    assert!(served > 20 && slowest < Duration::from_secs(2), "{served} requests, the slowest {slowest:?}");
    eventually("all attackers are gone", || fixture.server().connections() == 0);
    let counted =
        ["header_timeout", "request_body_rate", "response_rate"].map(|limit| hits(fixture.server(), limit));
    assert_eq!(counted, [142, 143, 15]);
    drop(attackers);
}
