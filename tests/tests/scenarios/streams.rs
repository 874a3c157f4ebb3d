//! Bodies that are large, slow, endless or cut short, in both directions.

use crate::MODEL;

use e2e::{Client, Closed, Pattern, Request, SharedHost, TestHost, is_cut, pattern, sha256_hex, wait};
use std::io::Write as _;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
const MIB: usize = 1024 * 1024;

static MINIMAL: SharedHost = SharedHost::new(|| start("Minimal"));
static SITE: SharedHost = SharedHost::new(|| start("InProcessSite"));

/// An answer that the app breaks off is a warning where the app is another process.
fn start(app: &str) -> TestHost {
    let host = TestHost::app(app).model(MODEL);
    if MODEL.is_out_of_process() {
        host.allow_log("The application's process reset the connection before its answer was complete.")
            .allow_log("The application's process ended the connection within its answer.")
            .start()
    } else {
        host.start()
    }
}

/// Reads the rest of a body and checks it against the pattern.
fn check_rest(client: &mut Client) -> u64 {
    let mut checked = Pattern::default();
    while let Some(piece) = client.piece().unwrap() {
        checked.check(&piece);
    }
    checked.position()
}

/// The highest resident memory of all that serves requests in MiB while `time` passes.
fn highest_resident_mib(host: &TestHost, time: Duration) -> u64 {
    let mut highest = 0;
    let _: Option<()> = wait::poll(time, || {
        highest = highest.max(host.resident_mib());
        None
    });
    highest
}

#[test]
fn bodies_are_echoed_while_they_are_sent() {
    let host = MINIMAL.get();
    for (length, chunked) in [(100_000, false), (100_000, true), (10 * MIB, false), (10 * MIB, true)] {
        let mut client = host.client();
        let mut writer = client.writer();
        let framing = if chunked {
            "Transfer-Encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {length}")
        };
        let head = format!("POST /echo HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                writer.write_all(head.as_bytes()).unwrap();
                for (i, piece) in pattern(0, length).chunks(10_000).enumerate() {
                    if chunked {
                        writer.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).unwrap();
                    }
                    writer.write_all(piece).unwrap();
                    if chunked {
                        writer.write_all(b"\r\n").unwrap();
                    }
                    // The last chunk once: after the last piece.
                    if chunked && (i + 1) * 10_000 >= length {
                        writer.write_all(b"0\r\n\r\n").unwrap();
                    }
                }
            });
            assert_eq!(client.head("POST").unwrap().status, 200);
            assert_eq!(check_rest(&mut client), length as u64);
        });
        assert_eq!(client.get("/").unwrap().status, 200, "the connection goes on");
    }
}

#[test]
fn uploads_arrive_whole() {
    let host = MINIMAL.get();
    std::thread::scope(|scope| {
        for length in [0, 1, 16 * 1024, 1_000_003, 8 * MIB] {
            let host = &host;
            scope.spawn(move || {
                let body = pattern(0, length);
                let sum = sha256_hex(&body);
                let answer = host.send(&Request::post("/upload-hash", body)).json();
                assert_eq!(answer["length"], length);
                assert_eq!(answer["sha256"], sum);
            });
        }
    });
}

#[test]
fn downloads_arrive_whole() {
    let host = MINIMAL.get();
    let mut client = host.client();
    for bytes in [0, 1, 16 * 1024, 65_537, 1_000_003, 10 * MIB] {
        for length in [false, true] {
            client.send(&Request::get(&format!("/large?bytes={bytes}&length={length}")).bytes()).unwrap();
            let head = client.head("GET").unwrap();
            if length {
                assert_eq!(head.header("Content-Length"), Some(bytes.to_string().as_str()));
            }
            assert_eq!(check_rest(&mut client), bytes as u64);
        }
    }
}

#[test]
fn a_slow_upload_is_waited_for() {
    let host = MINIMAL.get();
    let mut slow = host.client();
    slow.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n").unwrap();
    let mut other = host.client();
    for (i, letter) in [b"h", b"e", b"l", b"l", b"o"].into_iter().enumerate() {
        // Each letter is on its way back before the next is sent; others are served in between.
        slow.send(letter).unwrap();
        if i == 0 {
            assert_eq!(slow.head("POST").unwrap().status, 200);
        }
        assert_eq!(slow.piece().unwrap().as_deref(), Some(&letter[..]));
        assert_eq!(other.get("/").unwrap().status, 200);
    }
    assert_eq!(slow.piece().unwrap(), None);
}

#[test]
fn a_slow_reader_holds_the_app_up_and_not_the_memory() {
    let host = TestHost::app("Minimal").model(MODEL).start();
    // The first response has the app's code compiled.
    assert_eq!(host.get("/large?bytes=1000000").body.len(), 1_000_000);
    let before = host.resident_mib();
    let bytes = 96 * MIB;
    let mut clients: Vec<Client> = (0..4)
        .map(|_| {
            let mut client = host.client();
            client.send(&Request::get(&format!("/large?bytes={bytes}")).bytes()).unwrap();
            client
        })
        .collect();
    let highest = highest_resident_mib(&host, Duration::from_millis(1500));
    assert!(
        highest < before + 48,
        "the servers grew from {before} to {highest} MiB for clients that do not read"
    );
    let mut client = clients.remove(0);
    drop(clients);
    assert_eq!(client.head("GET").unwrap().status, 200);
    assert_eq!(check_rest(&mut client), bytes as u64);
    assert_eq!(host.text("/"), "Hello World!");
    host.stop();
}

#[test]
fn an_app_that_does_not_read_holds_the_client_up() {
    let host = TestHost::app("InProcessSite").model(MODEL).asp_net_core("shutdownTimeLimit=\"1\"", "");
    // Kestrel does not notice that a connection has been reset while it holds bytes back, so the request goes on and the process is killed in the end.
    let host = if MODEL.is_out_of_process() { host.allow_log("[1005]") } else { host }.start();
    assert_eq!(host.text("/HelloWorld"), "Hello World");
    let before = host.resident_mib();
    let mut client = host.client();
    let stream = client.writer();
    stream.set_write_timeout(Some(Duration::from_millis(700))).unwrap();
    let length = 28_000_000;
    client
        .send(
            format!("POST /WaitForAbort HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n")
                .as_bytes(),
        )
        .unwrap();
    let piece = vec![b'x'; 64 * 1024];
    let mut sent = 0;
    let blocked = loop {
        match (&stream).write(&piece) {
            Ok(count) => sent += count,
            Err(error) => break error,
        }
        if sent >= length {
            panic!("the server took {sent} bytes that nobody has read");
        }
    };
    assert!(
        matches!(blocked.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
        "{blocked}"
    );
    let after = host.resident_mib();
    assert!(after < before + 16, "the servers grew from {before} to {after} MiB");
    assert_eq!(host.text("/HelloWorld"), "Hello World");
    // A reset is seen at once; an orderly end would arrive only after the bytes that nobody reads.
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop((stream, client));
    host.stop();
}

#[test]
fn events_come_one_by_one() {
    let host = MINIMAL.get();
    let mut client = host.client();
    client.send(&Request::get("/sse?n=5&ms=200").bytes()).unwrap();
    let mut head = client.head("GET").unwrap();
    assert_eq!(head.header("Content-Type"), Some("text/event-stream"));
    let mut times = Vec::new();
    for i in 0..5 {
        assert_eq!(client.until("\n\n").unwrap(), format!("id: {i}\ndata: event {i}\n\n"));
        times.push(Instant::now());
    }
    client.rest(&mut head).unwrap();
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] > Duration::from_millis(50), "events were held back");
    }
}

#[test]
fn flushed_bytes_are_sent_though_the_handler_then_blocks() {
    let host = MINIMAL.get();
    // A process of its own is started by the first request.
    assert_eq!(host.text("/"), "Hello World!");
    // Again on the same endpoint: first unknown to the host, then known. In a process of its own the app blocks the threads of
    // its own server, which gets new ones slowly.
    let (times, limit) = if MODEL.is_out_of_process() { (1, 1900) } else { (3, 1000) };
    for _ in 0..times {
        let mut client = host.client();
        let began = Instant::now();
        client.send(&Request::get("/flush-then-block?ms=2000").bytes()).unwrap();
        client.head("GET").unwrap();
        assert_eq!(client.until("before\n").unwrap(), "before\n");
        let took = began.elapsed();
        assert!(took < Duration::from_millis(limit), "the flushed bytes came after {took:?}");
    }
    // And whole when the client stays.
    assert_eq!(host.text("/flush-then-block?ms=300"), "before\nafter\n");
}

#[test]
fn files_are_sent_whole_and_in_parts() {
    let host = MINIMAL.get();
    let mut client = host.client();
    client.send(&Request::get("/file?bytes=20000000").bytes()).unwrap();
    assert_eq!(client.head("GET").unwrap().status, 200);
    assert_eq!(check_rest(&mut client), 20_000_000);
    for (offset, count) in [(0, 1), (251, 1_000), (19_999_000, 1_000), (5, 0), (1_000_000, 2_000_003)] {
        let response = client.get(&format!("/file?bytes=20000000&offset={offset}&count={count}")).unwrap();
        assert_eq!(response.status, 200);
        assert!(
            response.body == pattern(offset, count),
            "offset {offset}, count {count}: {} bytes",
            response.body.len()
        );
    }
    assert_eq!(client.get("/file?bytes=0").unwrap().body.len(), 0);
    // Bytes outside the file are the app's mistake.
    assert_eq!(host.get("/file?bytes=1000&offset=900&count=200").status, 500);
}

#[test]
fn a_huge_file_passes_without_memory() {
    let host = SITE.get();
    assert_eq!(host.text("/HelloWorld"), "Hello World");
    let before = host.resident_mib();
    let mut client = host.client();
    client.send(&Request::get("/LargeResponseFile").bytes()).unwrap();
    assert_eq!(client.head("GET").unwrap().status, 200);
    let (mut length, mut highest, mut pieces) = (0, 0, 0_u32);
    let zeros = vec![0; 1024 * 1024];
    while let Some(piece) = client.piece().unwrap() {
        assert!(piece == zeros[..piece.len()]);
        length += piece.len();
        pieces += 1;
        if pieces.is_multiple_of(256) {
            highest = highest.max(host.resident_mib());
        }
    }
    assert_eq!(length, 200_000_000);
    assert!(highest < before + 32, "the servers grew from {before} to {highest} MiB");
}

#[test]
fn requests_are_aborted_when_their_client_leaves() {
    let host = SITE.get();
    // The handlers block their threads, so that the news must come past them.
    for round in 0..4 {
        let clients: Vec<Client> = (0..5)
            .map(|_| {
                let mut client = host.client();
                client.send(&Request::get("/WaitForAbort").bytes()).unwrap();
                client
            })
            .collect();
        wait::until_true("five waiting requests", PATIENCE, || {
            host.text("/WaitingRequestCount").parse::<u32>().unwrap() >= 5
        });
        drop(clients);
        wait::until_true(&format!("no waiting request in round {round}"), PATIENCE, || {
            // Another test of this file may have one of its own.
            host.text("/WaitingRequestCount").parse::<u32>().unwrap() <= 1
        });
    }
}

#[test]
fn asynchronous_requests_are_aborted_too() {
    let host = MINIMAL.get();
    let mut clients: Vec<Client> = (0..8)
        .map(|_| {
            let mut client = host.client();
            client.send(&Request::get("/wait-abort").bytes()).unwrap();
            client
        })
        .collect();
    wait::until_true("eight waiting requests", PATIENCE, || host.json("/abort-counts")["waiting"] == 8);
    let before = host.json("/abort-counts")["aborted"].as_u64().unwrap();
    // A plain end and a reset.
    let reset = clients.split_off(4);
    drop(clients);
    for client in reset {
        socket2::SockRef::from(client.stream()).set_linger(Some(Duration::ZERO)).unwrap();
    }
    wait::until_true("eight aborts", PATIENCE, || {
        let counts = host.json("/abort-counts");
        counts["waiting"] == 0 && counts["aborted"].as_u64() == Some(before + 8)
    });
}

#[test]
fn an_aborting_app_cuts_the_connection() {
    let host = MINIMAL.get();
    let mut client = host.client();
    client.send(&Request::get("/abort").bytes()).unwrap();
    if MODEL.is_out_of_process() {
        // The worker can still answer, and does.
        assert_eq!(client.response("GET").unwrap().status, 502);
    } else {
        let error = client.head("GET").unwrap_err();
        assert!(is_cut(&error), "{error:#}");
    }

    let mut client = host.client();
    client.send(&Request::get("/abort?bytes=5000").bytes()).unwrap();
    // What was flushed may arrive or not; the body must not seem complete.
    match client.response("GET") {
        Err(error) => assert!(is_cut(&error), "{error:#}"),
        Ok(response) => assert!(MODEL.is_out_of_process() && response.status == 502, "{response:?}"),
    }

    let answer = SITE.get().raw("GET /Abort HTTP/1.1\r\nHost: localhost\r\n\r\n");
    if MODEL.is_out_of_process() {
        assert_eq!(answer.status(), 502);
    } else {
        assert_eq!((answer.bytes.as_slice(), answer.closed), (&b""[..], Closed::Reset));
    }
}

#[test]
fn a_failure_after_the_start_is_no_clean_end() {
    let host = MINIMAL.get();
    let mut client = host.client();
    client.send(&Request::get("/throw-after-start").bytes()).unwrap();
    assert_eq!(client.head("GET").unwrap().status, 200);
    let mut response = e2e::Response::default();
    let error = client.rest(&mut response).unwrap_err();
    assert!(is_cut(&error), "{error:#}");
    assert_eq!(host.get("/throw").status, 500);
}

#[test]
fn clients_that_leave_in_the_middle_do_no_harm() {
    let host = SITE.get();
    for _ in 0..5 {
        let mut upload = host.client();
        upload.send(b"POST /ReadAndWriteSynchronously HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nHello").unwrap();
        assert_eq!(upload.head("POST").unwrap().status, 200);
        drop(upload);
        let mut download = host.client();
        download.send(&Request::get("/LargeResponseBody?length=30000000").bytes()).unwrap();
        assert_eq!(download.head("GET").unwrap().status, 200);
        drop(download);
        assert_eq!(host.text("/HelloWorld"), "Hello World");
    }
}
