//! Out-of-process hosting, bodies that flow: in both directions at once, held back by whoever is slow, within the time limits, and cut when one side leaves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Client, HostBuilder, Pattern, Request, SharedHost, TestHost, is_cut, pattern, proc, wait};
use std::io::{ErrorKind, Write as _};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
const MIB: usize = 1024 * 1024;

static ECHO: SharedHost = SharedHost::new(|| TestHost::unruly("echo").start());

/// A host whose app gets this long for each of its moves.
fn limited(seconds: u32) -> HostBuilder {
    TestHost::unruly("echo").asp_net_core(&format!("requestTimeout=\"00:00:{seconds:02}\""), "")
}

fn number(host: &TestHost, name: &str) -> u64 {
    host.json("/stats")[name].as_u64().unwrap()
}

/// Reads the rest of a body and checks it against the pattern.
fn check_rest(client: &mut Client) -> u64 {
    let mut checked = Pattern::default();
    while let Some(piece) = client.piece().unwrap() {
        checked.check(&piece);
    }
    checked.position()
}

/// Lets the connection end with a reset.
fn reset(client: Client) {
    socket2::SockRef::from(client.stream()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
}

fn sockets(pid: u32) -> usize {
    proc::descriptors(pid).iter().filter(|name| name.starts_with("socket:")).count()
}

#[test]
fn both_bodies_flow_at_the_same_time() {
    let host = ECHO.get();
    for length in [10 * MIB, 10 * MIB + 1] {
        let mut client = host.client();
        let mut writer = client.writer();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let head =
                    format!("POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
                writer.write_all(head.as_bytes()).unwrap();
                writer.write_all(&pattern(0, length)).unwrap();
            });
            assert_eq!(client.head("POST").unwrap().status, 200);
            assert_eq!(check_rest(&mut client), length as u64);
        });
        assert_eq!(client.get("/").unwrap().status, 200);
    }
}

#[test]
fn an_early_answer_comes_early() {
    let host = ECHO.get();
    let mut client = host.client();
    client
        .send(b"POST /early-answer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nbegin")
        .unwrap();
    let response = client.response("POST").unwrap();
    assert_eq!((response.status, response.text()), (200, "early"));
}

#[test]
fn pieces_are_passed_on_as_they_come() {
    let host = ECHO.get();
    let mut client = host.client();
    client.send(&Request::get("/chunked?n=5&piece=1&pause=200").bytes()).unwrap();
    assert_eq!(client.head("GET").unwrap().status, 200);
    let mut times = Vec::new();
    while let Some(piece) = client.piece().unwrap() {
        assert_eq!(piece.len(), 1);
        times.push(Instant::now());
    }
    assert_eq!(times.len(), 5);
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] > Duration::from_millis(50), "pieces were held back");
    }
    // And the other way: each is back before the next is sent.
    client.send(b"POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    for i in 0..20 {
        let piece = format!("piece {i};");
        client.send(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).unwrap();
        if i == 0 {
            assert_eq!(client.head("POST").unwrap().status, 200);
        }
        assert_eq!(client.until(";").unwrap(), piece);
    }
    client.send(b"0\r\n\r\n").unwrap();
    assert_eq!(client.piece().unwrap(), None);
}

#[test]
fn a_slow_client_holds_the_app_up() {
    let host = TestHost::unruly("echo").start();
    let before = (number(&host, "busy"), host.resident_mib());
    let bytes = 64 * MIB;
    let mut clients: Vec<Client> = ["bytes", "chunked", "close-delimited", "bytes"]
        .iter()
        .map(|page| {
            let mut client = host.client();
            client.send(&Request::get(&format!("/{page}?n={bytes}")).bytes()).unwrap();
            assert_eq!(client.head("GET").unwrap().status, 200);
            client
        })
        .collect();
    // Nothing moves any more once every buffer between is full.
    let used = || host.servers().iter().map(|pid| proc::ticks(*pid)).sum::<u64>();
    wait::until("standstill", PATIENCE, || {
        let before = used();
        let _: Option<()> = wait::poll(Duration::from_millis(300), || None);
        (used() <= before + 1).then_some(())
    });
    assert_eq!(number(&host, "busy"), before.0 + 4, "the app has got rid of its answers");
    let after = host.resident_mib();
    assert!(after < before.1 + 24, "the servers grew from {} to {after} MiB", before.1);
    for client in &mut clients {
        assert_eq!(check_rest(client), bytes as u64);
    }
    drop(clients);
    host.stop();
}

#[test]
fn a_slow_app_holds_the_client_up() {
    let host = TestHost::unruly("echo").start();
    assert_eq!(host.get("/").status, 200);
    let before = host.resident_mib();
    let mut client = host.client();
    let stream = client.writer();
    stream.set_write_timeout(Some(Duration::from_millis(700))).unwrap();
    client.send(b"POST /hang HTTP/1.1\r\nHost: localhost\r\nContent-Length: 29000000\r\n\r\n").unwrap();
    let piece = vec![b'x'; 64 * 1024];
    let mut sent = 0;
    let blocked = loop {
        match (&stream).write(&piece) {
            Ok(count) => sent += count,
            Err(error) => break error,
        }
        assert!(sent < 29_000_000, "the server took {sent} bytes that nobody has read");
    };
    assert!(matches!(blocked.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{blocked}");
    let after = host.resident_mib();
    assert!(after < before + 16, "the servers grew from {before} to {after} MiB");
    assert_eq!(host.get("/").status, 200);
    drop(stream);
    reset(client);
    // What was sent may still wait in the kernel's buffers in front of the end.
    wait::until_true("the app's notice", PATIENCE, || number(&host, "gone") == 1);
    host.stop();
}

#[test]
fn an_app_that_does_not_answer_in_time_is_given_up() {
    let host = limited(1).expect_log("gave no answer within requestTimeout of 1 s").start();
    assert_eq!(host.get("/").status, 200);
    let began = Instant::now();
    let response = host.get("/hang");
    assert_eq!((response.status, response.reason.as_str()), (502, "Bad Gateway"));
    // The server reads its clock once for each round of events.
    assert!(began.elapsed() >= Duration::from_millis(700), "{:?}", began.elapsed());
    assert!(response.text().contains("requestTimeout"), "{}", response.text());
    wait::until_true("the app's notice", PATIENCE, || number(&host, "gone") == 1);
    assert_eq!(host.get("/").status, 200);
    host.stop();
}

#[test]
fn an_answer_that_does_not_go_on_in_time_is_cut() {
    let host = limited(1).expect_log("did not go on with its answer within requestTimeout of 1 s").start();
    for (i, after) in (1..).zip(["head", "body"]) {
        let mut client = host.client();
        client.send(&Request::get(&format!("/hang?after={after}")).bytes()).unwrap();
        assert_eq!(client.head("GET").unwrap().status, 200);
        let mut response = e2e::Response::default();
        let error = client.rest(&mut response).unwrap_err();
        assert!(is_cut(&error), "{error:#}");
        wait::until_true("the app's notice", PATIENCE, || number(&host, "gone") == i);
    }
    host.stop();
}

#[test]
fn each_wait_is_limited_and_not_the_whole() {
    let host = limited(1).start();
    // The app trickles.
    let mut client = host.client();
    client.send(&Request::get("/chunked?n=5&piece=1&pause=500").bytes()).unwrap();
    let began = Instant::now();
    assert_eq!(client.head("GET").unwrap().status, 200);
    assert_eq!(check_rest(&mut client), 5);
    assert!(began.elapsed() > Duration::from_secs(2));
    // The client does.
    client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n").unwrap();
    let writer = client.writer();
    for letter in [b"h", b"e", b"l", b"l", b"o"] {
        let _: Option<()> = wait::poll(Duration::from_millis(500), || None);
        (&writer).write_all(letter).unwrap();
    }
    assert_eq!(client.response("POST").unwrap().json()["body"], "hello");
    // A client that does not read is not the app's fault.
    let bytes = 16 * MIB;
    client.send(&Request::get(&format!("/bytes?n={bytes}")).bytes()).unwrap();
    assert_eq!(client.head("GET").unwrap().status, 200);
    let _: Option<()> = wait::poll(Duration::from_millis(1_800), || None);
    assert_eq!(check_rest(&mut client), bytes as u64);
    drop(client);
    host.stop();
}

#[test]
fn the_app_is_told_at_once_when_a_client_leaves() {
    let host = TestHost::unruly("echo").start();
    assert_eq!(host.get("/").status, 200);
    let (worker, app) = (host.workers()[0], host.programs()[0]);
    let before = (sockets(worker), sockets(app));
    let mut gone = 0;
    for (how, leave) in [("by an end", drop as fn(Client)), ("by a reset", reset)] {
        for (stage, bytes) in [
            ("before the answer", Request::get("/hang").bytes()),
            ("after the head", Request::get("/hang?after=head").bytes()),
            ("in the answer's body", Request::get("/hang?after=body").bytes()),
            (
                "in its own body",
                b"POST /hang HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello".to_vec(),
            ),
            (
                "in a chunk",
                b"POST /hang HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhello"
                    .to_vec(),
            ),
            (
                "while both flow",
                b"POST /hang?after=body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello"
                    .to_vec(),
            ),
        ] {
            let mut client = host.client();
            // The question itself is one; the request before may not be over yet.
            wait::until_true("a free app", PATIENCE, || number(&host, "busy") == 1);
            client.send(&bytes).unwrap();
            wait::until_true("the request", PATIENCE, || number(&host, "busy") == 2);
            leave(client);
            gone += 1;
            let notice = wait::poll(PATIENCE, || (number(&host, "gone") == gone).then_some(()));
            assert!(
                notice.is_some(),
                "the app is not told of a client that left {how} {stage}\n{}",
                host.story()
            );
        }
    }
    // Half a head never gets as far as the app.
    let mut client = host.client();
    client.send(b"GET /hang HTTP/1.1\r\nHost: local").unwrap();
    reset(client);
    assert_eq!(number(&host, "gone"), gone);
    // The connections that served the questions above are kept; those that were left have gone on both sides.
    wait::until_true("the sockets' end", PATIENCE, || {
        sockets(worker) <= before.0 + 4 && sockets(app) <= before.1 + 4
    });
    host.stop();
}

#[test]
fn many_clients_that_leave_at_once_leave_nothing_behind() {
    let host = TestHost::unruly("echo").start();
    assert_eq!(host.get("/").status, 200);
    let (worker, app) = (host.workers()[0], host.programs()[0]);
    let before = (sockets(worker), sockets(app));
    for round in 1..=3 {
        wait::until_true("a free app", PATIENCE, || number(&host, "busy") == 1);
        let clients: Vec<Client> = (0..100)
            .map(|i| {
                let mut client = host.client();
                let target = ["/hang", "/hang?after=head", "/hang?after=body"][i % 3];
                client.send(&Request::get(target).bytes()).unwrap();
                client
            })
            .collect();
        wait::until_true("a hundred requests", PATIENCE, || number(&host, "busy") == 101);
        drop(clients);
        wait::until_true("their end", PATIENCE, || number(&host, "gone") == round * 100);
    }
    wait::until_true("the sockets' end", PATIENCE, || {
        sockets(worker) <= before.0 + 4 && sockets(app) <= before.1 + 4
    });
    host.stop();
}
