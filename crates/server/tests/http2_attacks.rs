//! Clients that are up to no good: each is told to calm down or loses its connection, is counted, and costs neither memory
//! nor other clients' answers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use common::http2::{self, *};
use common::{Fixture, PATIENCE, eventually};
use mews_server::{Http2Limits, Limits, Stats};

/// What the whole test process may grow by during an attack. The attackers are part of it.
const CEILING_MIB: u64 = 64;

/// The most memory this process has had since the peak was last forgotten.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    kib / 1024
}

/// Begins a new peak at what is used now.
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// One at a time: they share the memory that is looked at.
static ALONE: Mutex<()> = Mutex::new(());

/// A server under attack, with an ordinary client beside it.
struct Siege {
    fixture: Fixture,
    before_mib: u64,
    over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    visitor: Option<JoinHandle<()>>,
    _alone: MutexGuard<'static, ()>,
}

impl Siege {
    fn new(limits: Limits) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let fixture = Fixture::http2(limits);
        let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let visitor = thread::spawn({
            let (over, answered, address) = (over.clone(), answered.clone(), fixture.address);
            move || {
                let mut client = http2::Client::connect(address);
                while !over.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    assert_eq!(client.fetch("/hello").text(), "hello");
                    let took = began.elapsed();
                    assert!(took < Duration::from_secs(10), "an ordinary request took {took:?}");
                    answered.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(2));
                }
            }
        });
        eventually("ordinary requests are answered", || answered.load(Ordering::Relaxed) > 3);
        forget_peak();
        Self { fixture, before_mib: peak_mib(), over, answered, visitor: Some(visitor), _alone: alone }
    }

    fn address(&self) -> SocketAddr {
        self.fixture.address
    }

    fn stats(&self) -> Stats {
        self.fixture.server().stats()
    }

    /// Everybody else was served meanwhile, and the memory is as it was.
    fn end(mut self) {
        let before = self.answered.load(Ordering::Relaxed);
        eventually("ordinary requests go on", || self.answered.load(Ordering::Relaxed) > before + 3);
        let grown = peak_mib().saturating_sub(self.before_mib);
        assert!(grown < CEILING_MIB, "memory has grown by {grown} MiB");
        self.over.store(true, Ordering::Relaxed);
        self.visitor.take().unwrap().join().unwrap();
        eventually("the attackers are gone", || self.fixture.server().connections() == 0);
    }
}

/// More frames than the kernel's buffers hold, for a server that is late to say that it has enough.
const ENDLESS: u32 = 5_000_000;

/// Sends the same again and again until the server has enough; answers the code it is told, and how often it was sent.
fn flood(
    client: &mut http2::Client,
    most: u32,
    mut send: impl FnMut(&mut http2::Client, u32) -> bool,
) -> (u32, u32) {
    let mut sent = 0;
    while sent < most && send(client, sent) {
        sent += 1;
    }
    client.gives_back = false;
    // A reset may have taken the last words; the counters tell in any case.
    (client.go_away().map_or(u32::MAX, |frame| frame.code()), sent)
}

fn calm(code: u32) -> bool {
    matches!(code, ENHANCE_YOUR_CALM | u32::MAX)
}

#[test]
fn rapid_reset() {
    let siege = Siege::new(Limits::default());
    for _ in 0..3 {
        let mut client = http2::Client::connect(siege.address());
        let (code, sent) = flood(&mut client, ENDLESS, |client, _| {
            let id = client.take_id();
            client.try_put(HEADERS, END_HEADERS | END_STREAM, id, &block(&request("GET", "/keep")))
                && client.try_put(RST_STREAM, 0, id, &CANCEL.to_be_bytes())
        });
        assert!(calm(code) && sent < ENDLESS, "{code} after {sent}");
    }
    eventually("it is counted", || siege.stats().http2_reset_floods == 3);
    assert!(siege.stats().http2_calmed >= 3);
    // What did reach the handler is bounded: the budget, and a window's worth of streams on each connection.
    assert!(siege.fixture.app.begun() < 3000, "{}", siege.fixture.app.begun());
    siege.fixture.app.finish_kept(b"");
    siege.end();
}

#[test]
fn made_you_reset() {
    let siege = Siege::new(Limits::default());
    for round in 0..4 {
        let mut client = http2::Client::connect(siege.address());
        let (code, sent) = flood(&mut client, ENDLESS, |client, _| {
            let id = client.take_id();
            let begun = client.try_put(HEADERS, END_HEADERS, id, &block(&request("POST", "/keep")));
            // Each provokes a reset of a stream whose handler goes on.
            begun
                && match round {
                    0 => client.try_put(WINDOW_UPDATE, 0, id, &[0; 4]),
                    1 => client.try_put(PRIORITY, 0, id, &[0; 4]),
                    2 => client.try_put(HEADERS, END_HEADERS, id, &block(&[("a", "b")])),
                    _ => client.try_put(WINDOW_UPDATE, 0, id, &0x7fff_ffff_u32.to_be_bytes()),
                }
        });
        assert!(calm(code) && sent < ENDLESS, "round {round}: {code} after {sent}");
    }
    eventually("it is counted", || siege.stats().http2_reset_floods == 4);
    siege.fixture.app.finish_kept(b"");
    siege.end();
}

#[test]
fn frames_that_ask_for_nothing() {
    let siege = Siege::new(Limits::default());
    type Send = fn(&mut http2::Client) -> bool;
    let floods: [(&str, Send); 7] = [
        ("PING", |client| client.try_put(PING, 0, 0, &[0; 8])),
        ("SETTINGS", |client| client.try_put(SETTINGS, 0, 0, b"")),
        ("acknowledgements", |client| client.try_put(SETTINGS, ACK, 0, b"")),
        ("PRIORITY", |client| client.try_put(PRIORITY, 0, 1001, &[0, 0, 0, 0, 1])),
        ("WINDOW_UPDATE", |client| client.try_put(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("unknown frames", |client| client.try_put(99, 0, 0, b"x")),
        ("empty DATA", |client| client.try_put(DATA, 0, 1, b"")),
    ];
    for (at, (name, send)) in floods.into_iter().enumerate() {
        let mut client = http2::Client::connect(siege.address());
        client.post("/keep");
        let (code, sent) = flood(&mut client, ENDLESS, |client, _| send(client));
        assert!(calm(code) && sent < ENDLESS, "{name}: {code} after {sent}");
        eventually("it is counted", || siege.stats().http2_frame_floods == at as u64 + 1);
    }
    siege.fixture.app.finish_kept(b"");
    siege.end();
}

#[test]
fn useful_traffic_is_no_flood() {
    let siege = Siege::new(Limits::default());
    let mut client = http2::Client::connect(siege.address());
    for round in 0..3000_u32 {
        client.put(PING, 0, 0, &[0; 8]);
        let stream = client.get("/hello");
        client.window(0, 5);
        assert_eq!(client.response(stream).text(), "hello", "{round}");
    }
    drop(client);
    assert_eq!(siege.stats().http2_calmed, 0);
    siege.end();
}

#[test]
fn header_blocks_without_end() {
    let siege = Siege::new(Limits::default());
    for piece in [&b""[..], &[0x82], &[0; 16_000]] {
        let mut client = http2::Client::connect(siege.address());
        let id = client.take_id();
        client.put(HEADERS, END_STREAM, id, &block(&request("GET", "/hello")));
        let (code, sent) =
            flood(&mut client, ENDLESS, |client, _| client.try_put(CONTINUATION, 0, id, piece));
        assert!(calm(code), "{} bytes: {code} after {sent}", piece.len());
    }
    eventually("it is counted", || siege.stats().http2_header_floods == 3);
    siege.end();
}

/// A large entry of the table, named thousands of times in a small block, on many streams that cannot be answered.
#[test]
fn header_compression_bombs() {
    let siege = Siege::new(Limits::default());
    for _ in 0..5 {
        let mut client = http2::Client::with_settings(siege.address(), &[(4, 0)]);
        // A field of 3 KiB that is remembered.
        let mut bomb = block(&request("GET", "/hello"));
        bomb.extend_from_slice(&[0x40, 1, b'x', 0x7f, 0x81, 0x17]);
        bomb.extend_from_slice(&[b'v'; 127 + 1 + 0x17 * 128]);
        bomb.extend_from_slice(&[0xbe; 8000]);
        for _ in 0..50 {
            let id = client.take_id();
            if !client.try_put(HEADERS, END_HEADERS | END_STREAM, id, &bomb) {
                break;
            }
            assert_eq!(client.on(id).fields[0], (":status".to_owned(), "431".to_owned()));
        }
    }
    assert_eq!(siege.stats().rejected_head, 250);
    siege.end();
}

/// Names of no length are not valid, and values of no length cost nothing to send: both are counted like others.
#[test]
fn header_fields_of_no_length() {
    let siege = Siege::new(Limits::default());
    let nameless = [block(&request("GET", "/hello")), [0; 3].repeat(10)].concat();
    let mut client = http2::Client::connect(siege.address());
    let (code, sent) = flood(&mut client, ENDLESS, |client, _| {
        let id = client.take_id();
        client.try_put(HEADERS, END_HEADERS | END_STREAM, id, &nameless)
    });
    assert!(calm(code) && sent < ENDLESS, "{code} after {sent}");
    assert!(siege.stats().http2_calmed >= 1);
    // A name that is remembered once, and then no more than a byte for each field.
    let mut client = http2::Client::connect(siege.address());
    let many = [block(&request("GET", "/hello")), vec![0x40, 1, b'x', 0], vec![0xbe; 15_000]].concat();
    for _ in 0..50 {
        let id = client.take_id();
        client.put(HEADERS, END_HEADERS | END_STREAM, id, &many);
        assert_eq!(client.on(id).fields[0], (":status".to_owned(), "431".to_owned()));
    }
    assert_eq!(siege.stats().rejected_fields, 50);
    drop(client);
    siege.end();
}

/// Windows that open by a byte at a time: each response comes in as many frames as it has bytes.
#[test]
fn responses_in_frames_of_one_byte() {
    let siege = Siege::new(Limits::default());
    let mut client = http2::Client::with_settings(siege.address(), &[(4, 0)]);
    let streams: Vec<u32> = (0..100).map(|_| client.get("/stream?n=3000000")).collect();
    for _ in 0..200 {
        for &stream in &streams {
            client.window(stream, 1);
        }
        for &stream in &streams {
            let frame = client.find(|frame| frame.kind == DATA && frame.stream == stream);
            assert_eq!(frame.payload.len(), 1);
        }
    }
    for &stream in &streams {
        client.reset(stream, CANCEL);
    }
    assert_eq!(client.fetch("/status?n=204").status, 204);
    assert_eq!(siege.stats().http2_calmed, 0);
    drop(client);
    siege.end();
}

#[test]
fn responses_that_are_asked_for_and_not_read() {
    let limits = Limits { write_timeout: Duration::from_millis(800), ..Limits::default() };
    let siege = Siege::new(limits);
    let mut clients: Vec<http2::Client> = (0..4)
        .map(|_| {
            // No window at all, on all streams.
            let mut client = http2::Client::with_settings(siege.address(), &[(4, 0)]);
            for _ in 0..100 {
                client.get("/stream?n=300000");
            }
            client
        })
        .collect();
    eventually("all are given up", || siege.stats().http2_stalled_streams == 400);
    for client in &mut clients {
        let reset = client.find(|frame| frame.kind == RST_STREAM);
        assert_eq!(reset.code(), CANCEL);
    }
    drop(clients);
    siege.end();
}

/// The same below the protocol: the socket is not read at all.
#[test]
fn a_socket_that_is_not_read() {
    let limits = Limits { write_timeout: Duration::from_millis(800), ..Limits::default() };
    let siege = Siege::new(limits);
    let mut client = http2::Client::connect(siege.address());
    client.window(0, 0x7000_0000);
    client.settings(&[(4, 0x7000_0000)]);
    for _ in 0..50 {
        client.get("/stream?n=2000000");
    }
    eventually("it is given up", || siege.stats().write_timeouts == 1);
    drop(client);
    siege.end();
}

/// Answers are not under flow control when they have no body: whoever does not read them is not read any more either.
#[test]
fn heads_that_are_asked_for_and_not_read() {
    let limits = Limits {
        write_timeout: Duration::from_millis(800),
        http2: Http2Limits { errors: u32::MAX, ..Http2Limits::default() },
        ..Limits::default()
    };
    let siege = Siege::new(limits);
    let mut client = http2::Client::connect(siege.address());
    client.stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let head = block(&request("GET", "/status?n=204"));
    let mut sent = 0_u32;
    while sent < ENDLESS {
        let id = client.take_id();
        if !client.try_put(HEADERS, END_HEADERS | END_STREAM, id, &head) {
            break;
        }
        sent += 1;
    }
    assert!(sent < ENDLESS, "everything was taken");
    eventually("it is given up", || siege.stats().write_timeouts == 1);
    drop(client);
    siege.end();
}

#[test]
fn streams_beyond_the_limit_are_refused() {
    let siege = Siege::new(Limits::default());
    let mut client = http2::Client::connect(siege.address());
    assert_eq!(client.fetch("/hello").text(), "hello");
    let kept: Vec<u32> = (0..100).map(|_| client.get("/keep")).collect();
    eventually("all are there", || siege.fixture.app.kept() == 100);
    for _ in 0..5 {
        let one_more = client.get("/hello");
        assert_eq!(client.on(one_more).code(), REFUSED_STREAM);
    }
    siege.fixture.app.finish_kept(b"done");
    for stream in kept {
        assert_eq!(client.response(stream).text(), "done");
    }
    assert_eq!(client.fetch("/hello").text(), "hello");
    assert_eq!(siege.stats().http2_refused_streams, 5);
    // Whoever goes on regardless is not put up with for ever.
    for _ in 0..100 {
        client.get("/keep");
    }
    let (code, sent) = flood(&mut client, 1000, |client, _| {
        let id = client.take_id();
        client.try_put(HEADERS, END_HEADERS | END_STREAM, id, &block(&request("GET", "/hello")))
    });
    assert!(calm(code), "{code} after {sent}");
    siege.fixture.app.finish_kept(b"");
    siege.end();
}

#[test]
fn beginnings_that_do_not_go_on() {
    let limits = Limits { header_timeout: Duration::from_millis(300), ..Limits::default() };
    let siege = Siege::new(limits);
    let whole = [PREFACE, &frame(SETTINGS, 0, 0, b"")].concat();
    let head = frame(HEADERS, END_STREAM, 1, &block(&request("GET", "/hello")));
    for begun in [
        PREFACE[..24].to_vec(),
        whole[..30].to_vec(),
        [&whole[..], &head[..5]].concat(),
        [&whole[..], &head[..20]].concat(),
        [&whole[..], &head].concat(),
    ] {
        let before = siege.stats().rejected_timeout;
        let mut client = http2::Client::raw(siege.address());
        client.send(&begun);
        client.go_away();
        eventually("it is counted", || siege.stats().rejected_timeout == before + 1);
    }
    siege.end();
}

/// What no client sends that follows the protocol: the connection ends, or the stream does, with the code that is due.
#[test]
fn broken_protocol() {
    let siege = Siege::new(Limits::default());
    let get = block(&request("GET", "/hello"));
    let post = block(&request("POST", "/keep"));
    let begin = |flags: u8, block: &[u8]| frame(HEADERS, END_HEADERS | flags, 1, block);
    let connection: Vec<(&str, u32, Vec<u8>)> = vec![
        ("DATA on stream 0", PROTOCOL_ERROR, frame(DATA, 0, 0, b"x")),
        ("DATA on an idle stream", PROTOCOL_ERROR, frame(DATA, 0, 1, b"x")),
        ("HEADERS on stream 0", PROTOCOL_ERROR, frame(HEADERS, END_HEADERS, 0, &get)),
        ("HEADERS on an even stream", PROTOCOL_ERROR, frame(HEADERS, END_HEADERS, 2, &get)),
        ("PRIORITY on stream 0", PROTOCOL_ERROR, frame(PRIORITY, 0, 0, &[0; 5])),
        ("RST_STREAM on stream 0", PROTOCOL_ERROR, frame(RST_STREAM, 0, 0, &[0; 4])),
        ("RST_STREAM on an idle stream", PROTOCOL_ERROR, frame(RST_STREAM, 0, 1, &[0; 4])),
        ("RST_STREAM of 3 bytes", FRAME_SIZE_ERROR, frame(RST_STREAM, 0, 1, &[0; 3])),
        ("SETTINGS on a stream", PROTOCOL_ERROR, frame(SETTINGS, 0, 1, b"")),
        ("SETTINGS of 5 bytes", FRAME_SIZE_ERROR, frame(SETTINGS, 0, 0, &[0; 5])),
        ("an acknowledgement with a payload", FRAME_SIZE_ERROR, frame(SETTINGS, ACK, 0, &[0; 6])),
        ("ENABLE_PUSH 2", PROTOCOL_ERROR, frame(SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2])),
        ("too large a window", FLOW_CONTROL_ERROR, frame(SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0])),
        ("too small a frame", PROTOCOL_ERROR, frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 0x3f, 0xff])),
        ("too large a frame", PROTOCOL_ERROR, frame(SETTINGS, 0, 0, &[0, 5, 1, 0, 0, 0])),
        ("PUSH_PROMISE", PROTOCOL_ERROR, frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2])),
        ("PING on a stream", PROTOCOL_ERROR, frame(PING, 0, 1, &[0; 8])),
        ("PING of 7 bytes", FRAME_SIZE_ERROR, frame(PING, 0, 0, &[0; 7])),
        ("GOAWAY on a stream", PROTOCOL_ERROR, frame(GOAWAY, 0, 1, &[0; 8])),
        ("WINDOW_UPDATE by nothing", PROTOCOL_ERROR, frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("WINDOW_UPDATE of 3 bytes", FRAME_SIZE_ERROR, frame(WINDOW_UPDATE, 0, 0, &[0; 3])),
        ("WINDOW_UPDATE on an idle stream", PROTOCOL_ERROR, frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])),
        (
            "a window beyond the largest",
            FLOW_CONTROL_ERROR,
            frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
        ),
        ("CONTINUATION alone", PROTOCOL_ERROR, frame(CONTINUATION, END_HEADERS, 1, &get)),
        (
            "another frame within a block",
            PROTOCOL_ERROR,
            [frame(HEADERS, END_STREAM, 1, &get), frame(PING, 0, 0, &[0; 8])].concat(),
        ),
        (
            "CONTINUATION of another stream",
            PROTOCOL_ERROR,
            [frame(HEADERS, END_STREAM, 1, &get), frame(CONTINUATION, END_HEADERS, 3, b"")].concat(),
        ),
        ("a frame that is too large", FRAME_SIZE_ERROR, frame(DATA, 0, 1, &[0; 16_385])),
        ("more padding than payload", PROTOCOL_ERROR, begin(PADDED | END_STREAM, &[9, 0x82])),
        ("a block that cannot be decoded", COMPRESSION_ERROR, begin(END_STREAM, &[0x80])),
        ("an unknown entry", COMPRESSION_ERROR, begin(END_STREAM, &[0xff, 0x7f])),
        (
            "a stream that depends on itself",
            PROTOCOL_ERROR,
            begin(0x20, &[&[0, 0, 0, 1, 0][..], &get].concat()),
        ),
        (
            "a stream that was not begun in order",
            STREAM_CLOSED,
            [frame(HEADERS, END_HEADERS | END_STREAM, 5, &get), frame(HEADERS, END_HEADERS, 3, &get)]
                .concat(),
        ),
        (
            "more than the connection's window",
            FLOW_CONTROL_ERROR,
            std::iter::once(begin(0, &post))
                .chain((0..5).map(|at| frame(HEADERS, END_HEADERS, 3 + at * 2, &post)))
                .chain((0..70).map(|at| frame(DATA, 0, 1 + at / 14 * 2, &[0; 16_000])))
                .collect::<Vec<_>>()
                .concat(),
        ),
    ];
    let before = siege.stats().http2_errors;
    let count = connection.len() as u64;
    for (name, code, bytes) in connection {
        let mut client = http2::Client::connect(siege.address());
        client.gives_back = false;
        client.send(&bytes);
        let told = client.go_away().unwrap_or_else(|| panic!("{name}: no GOAWAY"));
        assert_eq!(told.code(), code, "{name}");
    }
    assert_eq!(siege.stats().http2_errors - before, count);
    for (name, code, bytes) in [
        (
            "DATA behind the end",
            STREAM_CLOSED,
            [begin(END_STREAM, &block(&request("GET", "/keep"))), frame(DATA, 0, 1, b"x")].concat(),
        ),
        (
            "HEADERS behind the end",
            STREAM_CLOSED,
            [begin(END_STREAM, &block(&request("GET", "/keep"))), begin(END_STREAM, &get)].concat(),
        ),
        (
            "trailers without the end",
            PROTOCOL_ERROR,
            [begin(0, &post), begin(0, &block(&[("a", "b")]))].concat(),
        ),
        (
            "pseudo trailers",
            PROTOCOL_ERROR,
            [begin(0, &post), begin(END_STREAM, &block(&[(":path", "/")]))].concat(),
        ),
        (
            "a window by nothing",
            PROTOCOL_ERROR,
            [begin(0, &post), frame(WINDOW_UPDATE, 0, 1, &[0; 4])].concat(),
        ),
        (
            "too large a window",
            FLOW_CONTROL_ERROR,
            [begin(0, &post), frame(WINDOW_UPDATE, 0, 1, &[0x7f, 0xff, 0xff, 0xff])].concat(),
        ),
        ("PRIORITY of 4 bytes", FRAME_SIZE_ERROR, [begin(0, &post), frame(PRIORITY, 0, 1, &[0; 4])].concat()),
        (
            "self-dependency",
            PROTOCOL_ERROR,
            [begin(0, &post), frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 0])].concat(),
        ),
    ] {
        let mut client = http2::Client::connect(siege.address());
        client.send(&bytes);
        assert_eq!(client.on(1).code(), code, "{name}");
        client.take_id();
        assert_eq!(client.fetch("/hello").text(), "hello", "{name}");
    }
    siege.fixture.app.finish_kept(b"");
    siege.end();
}

#[test]
fn noise_ends_connections_and_nothing_else() {
    let siege = Siege::new(Limits::default());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..300 {
        let mut client = http2::Client::raw(siege.address());
        let mut bytes = PREFACE.to_vec();
        bytes.extend(frame(SETTINGS, 0, 0, b""));
        for _ in 0..20 {
            let length = (random() % 40) as usize;
            let payload: Vec<u8> = (0..length).map(|_| (random() >> 32) as u8).collect();
            let stream = (random() % 12) as u32;
            bytes.extend(frame((random() % 11) as u8, (random() >> 40) as u8, stream, &payload));
        }
        let _ = client.stream.write_all(&bytes);
        let _ = client.stream.shutdown(std::net::Shutdown::Write);
        let _ = client.stream.read_to_end(&mut Vec::new());
    }
    siege.fixture.app.finish_kept(b"");
    siege.end();
}
