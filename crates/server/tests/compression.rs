//! Compressed responses over real sockets: what is compressed, that nothing is held back, and that slow clients slow the
//! application down as without compression.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]

mod common;

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use common::{App, Client, PATIENCE, Response, eventually, http2, pattern};
use mews_model::compression::Compression;
use mews_server::{
    CompressionHandler, Exchange, Handler, HeaderBlock, HeaderBlockRef, Http2, Limits, Listener, RequestHead,
    ResponseHead, Server, ServerConfig,
};

/// A server whose handler's responses are compressed.
struct Fixture {
    _server: Server,
    address: std::net::SocketAddr,
}

impl Fixture {
    fn new(handler: Arc<dyn Handler>) -> Self {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let limits = Limits { write_window: 64 * 1024, ..Limits::default() };
        let config = ServerConfig { io_threads: 2, limits, http2: Http2::Always, ..ServerConfig::default() };
        let handler = Arc::new(CompressionHandler::new(handler, Compression::default()));
        let server = Server::start(config, vec![Listener { socket, tls: None, number: 0 }], handler).unwrap();
        server.accept();
        Self { _server: server, address }
    }

    fn send(&self, method: &str, target: &str, fields: &str) -> Client {
        let mut client = Client::connect(self.address);
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
        client
    }

    fn get(&self, target: &str, fields: &str) -> Response {
        self.send("GET", target, fields).response()
    }
}

fn head(status: u16, headers: &HeaderBlock, content_length: Option<u64>) -> ResponseHead<'_> {
    ResponseHead { status, reason: b"", headers: headers.as_ref(), content_length, close: false }
}

fn decoded(coding: Option<&str>, bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    match coding {
        Some("gzip") => flate2::read::GzDecoder::new(bytes).read_to_end(&mut text),
        Some("br") => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut text),
        Some("zstd") => zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut text),
        Some(other) => panic!("the coding {other}"),
        None => return bytes.to_vec(),
    }
    .unwrap();
    text
}

#[test]
fn clients_get_the_coding_that_they_like() {
    let fixture = Fixture::new(Arc::new(App::default()));
    for (accepted, coding) in [
        ("gzip, deflate, br, zstd", Some("zstd")),
        ("gzip, br", Some("br")),
        ("gzip", Some("gzip")),
        ("gzip;q=0, identity", None),
        ("deflate", None),
    ] {
        for (target, length) in [("/stream?n=300000", 300_000), ("/file?n=300000", 300_009)] {
            let response = fixture.get(target, &format!("Accept-Encoding: {accepted}\r\n"));
            assert_eq!(response.header("Content-Encoding"), coding, "{accepted} {target}");
            assert_eq!(response.header("Vary"), Some("Accept-Encoding"), "{accepted} {target}");
            let body = decoded(coding, &response.body);
            assert_eq!(body.len(), length, "{accepted} {target}");
            if coding.is_some() {
                assert!(response.body.len() < length / 10, "{accepted} {target}: {}", response.body.len());
                assert_eq!(response.header("Content-Length"), None, "{accepted} {target}");
            }
            if target.starts_with("/file") {
                assert!(body[1..300_001] == pattern(300_000) && body.ends_with(b"trailing"), "{accepted}");
            }
        }
    }
    let mut client = http2::Client::connect(fixture.address);
    for coding in ["zstd", "br", "gzip"] {
        let mut fields = http2::request("GET", "/file?n=300000");
        fields.push(("accept-encoding", coding));
        let stream = client.begin(&fields, true);
        let response = client.response(stream);
        assert_eq!(
            (response.header("content-encoding"), response.header("content-length"), response.header("vary")),
            (Some(coding), None, Some("Accept-Encoding"))
        );
        assert!(decoded(Some(coding), &response.body)[1..300_001] == pattern(300_000), "{coding}");
    }
}

#[test]
fn what_is_small_or_old_or_has_no_body_stays() {
    let fixture = Fixture::new(Arc::new(App::default()));
    let accept = "Accept-Encoding: gzip\r\n";
    let small = fixture.get("/hello", accept);
    assert_eq!(
        (small.text(), small.header("Vary"), small.header("Content-Length")),
        ("hello", None, Some("5"))
    );
    let bodiless = fixture.get("/status?n=204", accept);
    assert_eq!((bodiless.status, bodiless.header("Content-Encoding")), (204, None));
    let mut old = Client::connect(fixture.address);
    old.send(format!("GET /stream?n=5000 HTTP/1.0\r\n{accept}\r\n"));
    let response = old.response();
    assert_eq!((response.header("Content-Encoding"), response.body.len()), (None, 5000));
    // The head is the one that GET has.
    for target in ["/stream?n=5000", "/file?n=5000"] {
        let mut client = fixture.send("HEAD", target, accept);
        let head = client.response_to("HEAD");
        assert_eq!(
            (head.status, head.header("Content-Encoding"), head.header("Content-Length")),
            (200, Some("gzip"), None),
            "{target}"
        );
        client.get("/hello");
        assert_eq!(client.response().text(), "hello", "after {target}");
    }
}

#[test]
fn upgrades_are_raw() {
    let fixture = Fixture::new(Arc::new(App::default()));
    let mut client =
        fixture.send("GET", "/upgrade", "Connection: Upgrade\r\nUpgrade: echo\r\nAccept-Encoding: gzip\r\n");
    assert_eq!(client.head().0, 101);
    client.send("raw");
    assert_eq!(client.take(3), b"raw");
    client.finish_sending();
    assert_eq!(client.rest(), b"bye");
}

#[test]
fn lengths_that_were_announced_still_count() {
    let fixture = Fixture::new(Arc::new(Lengths));
    let accept = "Accept-Encoding: gzip\r\n";
    let exact = fixture.get("/0", accept);
    assert_eq!(decoded(Some("gzip"), &exact.body), [b'a'; 2000]);
    let cut = fixture.get("/1", accept);
    assert_eq!(decoded(Some("gzip"), &cut.body), [b'a'; 2000]);
    fixture.send("GET", "/short", accept).assert_reset();
    // A file that ends before its length does.
    fixture.send("GET", "/file", accept).assert_reset();
}

/// 2000 bytes are announced; more or fewer follow.
struct Lengths;

impl Handler for Lengths {
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>) {
        exchange.attach(Arc::new(head.target.to_vec()));
    }

    fn run(&self, exchange: &Arc<Exchange>) {
        let target = exchange.attachment::<Vec<u8>>().unwrap().clone();
        let mut headers = HeaderBlock::new();
        headers.push(b"Content-Type", b"text/plain");
        let head = head(200, &headers, Some(2000));
        if target == b"/file" {
            let file = std::fs::File::open("/dev/null").unwrap();
            assert!(exchange.send_file(Some(&head), file.into(), 0, 2000).is_err());
            return;
        }
        let _ = exchange.write(Some(&head), &[b'a'; 1000], b"");
        let count = match &target[..] {
            b"/0" => 1000,
            b"/1" => 1500,
            _ => 999,
        };
        let _ = exchange.finish(None, &vec![b'a'; count], HeaderBlockRef::EMPTY);
    }
}

#[test]
fn each_write_reaches_the_client_at_once() {
    for coding in ["zstd", "br", "gzip"] {
        let (go, steps) = channel();
        let fixture = Fixture::new(Arc::new(Steps(Mutex::new(Some(steps)))));
        let mut client = fixture.send("GET", "/", &format!("Accept-Encoding: {coding}\r\n"));
        go.send(()).unwrap();
        assert!(client.head().1.contains(&format!("Content-Encoding: {coding}\n")));
        let body = Chunks(client, Vec::new());
        let mut decoder: Box<dyn Read> = match coding {
            "gzip" => Box::new(flate2::read::GzDecoder::new(body)),
            "br" => Box::new(brotli::Decompressor::new(body, 1)),
            _ => Box::new(zstd::stream::read::Decoder::new(body).unwrap()),
        };
        for step in 0..10 {
            let expected = format!("data: {step}\n\n");
            let mut event = vec![0; expected.len()];
            // The next step is only allowed once this one has been read.
            decoder.read_exact(&mut event).unwrap();
            assert_eq!(String::from_utf8(event).unwrap(), expected, "{coding}");
            go.send(()).unwrap();
        }
        drop(go);
        let mut rest = Vec::new();
        decoder.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"data: 10\n\n", "{coding}");
    }
}

/// Writes an event each time that it is allowed to.
struct Steps(Mutex<Option<Receiver<()>>>);

impl Handler for Steps {
    fn prepare(&self, _: &RequestHead<'_>, _: &Arc<Exchange>) {}

    fn run(&self, exchange: &Arc<Exchange>) {
        let (exchange, steps) = (exchange.clone(), self.0.lock().unwrap().take().unwrap());
        thread::spawn(move || {
            let mut headers = HeaderBlock::new();
            headers.push(b"Content-Type", b"text/event-stream");
            let head = head(200, &headers, None);
            for (step, ()) in steps.iter().enumerate() {
                exchange.write(Some(&head), format!("data: {step}\n\n").as_bytes(), b"").unwrap();
            }
            exchange.finish(None, b"", HeaderBlockRef::EMPTY).unwrap();
        });
    }
}

/// The body of a chunked response as a stream, and what of a chunk has not been read.
struct Chunks(Client, Vec<u8>);

impl Read for Chunks {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.1.is_empty() {
            let size = usize::from_str_radix(&self.0.line(), 16).unwrap();
            self.1 = self.0.take(size);
            assert_eq!(self.0.line(), "");
        }
        let count = self.1.len().min(into.len());
        into[..count].copy_from_slice(&self.1[..count]);
        self.1.drain(..count);
        Ok(count)
    }
}

/// Text of which little can be saved, so that what is compressed is not small either.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b' ' + (state % 95) as u8
    };
    std::iter::repeat_with(byte).take(count).collect()
}

const NOISE: usize = 16 << 20;

#[test]
fn a_client_that_does_not_read_stops_the_application() {
    for target in ["/write", "/file"] {
        let app = Arc::new(Noise::default());
        let fixture = Fixture::new(app.clone());
        let mut client = Client::connect(fixture.address);
        client.limit_receiving();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"));
        eventually("the application waits", || app.waits.load(Ordering::SeqCst));
        let taken = app.taken.load(Ordering::SeqCst);
        assert!(taken < NOISE / 2, "{target}: {taken} bytes were taken from nobody");
        let response = client.response();
        assert!(decoded(Some("gzip"), &response.body) == noise(NOISE), "{target}");
    }
}

#[derive(Default)]
struct Noise {
    waits: AtomicBool,
    taken: AtomicUsize,
    room: Arc<(Mutex<bool>, Condvar)>,
}

impl Handler for Noise {
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>) {
        exchange.attach(Arc::new(head.target == b"/file"));
    }

    fn run(&self, exchange: &Arc<Exchange>) {
        let is_file = *exchange.attachment::<bool>().unwrap();
        let mut headers = HeaderBlock::new();
        headers.push(b"Content-Type", b"text/plain");
        let head = head(200, &headers, Some(NOISE as u64));
        let wait = || {
            self.waits.store(true, Ordering::SeqCst);
            let (room, changed) = &*self.room;
            let (mut room, waited) =
                changed.wait_timeout_while(room.lock().unwrap(), PATIENCE, |room| !*room).unwrap();
            assert!(!waited.timed_out(), "nobody said that there is room");
            *room = false;
        };
        let bytes = noise(NOISE);
        if is_file {
            let mut file = tempfile::tempfile().unwrap();
            std::io::Write::write_all(&mut file, &bytes).unwrap();
            if !exchange.send_file(Some(&head), file.into(), 0, NOISE as u64).unwrap() {
                wait();
            }
        } else {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let written = exchange.write(Some(&head), b"", rest).unwrap();
                rest = &rest[written.extra_taken..];
                self.taken.store(NOISE - rest.len(), Ordering::SeqCst);
                if !written.room {
                    wait();
                }
            }
        }
        exchange.finish(None, b"", HeaderBlockRef::EMPTY).unwrap();
    }

    fn writable(&self, _: &Exchange) {
        let (room, changed) = &*self.room;
        *room.lock().unwrap() = true;
        changed.notify_all();
    }
}

#[test]
fn entity_tags_are_weak_and_still_found_again() {
    let (seen, conditions) = channel();
    let fixture = Fixture::new(Arc::new(Tagged(Mutex::new(seen))));
    let condition = || conditions.recv_timeout(PATIENCE).unwrap();
    let first = fixture.get("/", "Accept-Encoding: gzip\r\n");
    assert_eq!((first.header("ETag"), first.header("Accept-Ranges")), (Some("W/\"x\""), None));
    assert_eq!(condition(), None);
    let again = fixture.get("/", "Accept-Encoding: gzip\r\nIf-None-Match: W/\"x\"\r\n");
    assert_eq!(condition().unwrap(), "W/\"x\", \"x\"");
    assert_eq!(again.status, 304);
    assert_eq!((again.header("ETag"), again.header("Vary")), (Some("W/\"x\""), Some("Accept-Encoding")));
    let plain = fixture.get("/", "If-None-Match: \"y\"\r\n");
    assert_eq!(condition().unwrap(), "\"y\"");
    assert_eq!((plain.header("ETag"), plain.header("Accept-Ranges")), (Some("\"x\""), Some("bytes")));
}

/// Has one page, whose tag it compares as strictly as static files of ASP.NET Core are.
struct Tagged(Mutex<Sender<Option<String>>>);

impl Handler for Tagged {
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>) {
        let field = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(b"if-none-match"));
        let condition = field.map(|field| String::from_utf8(field.value.to_vec()).unwrap());
        let known = condition.as_ref().is_some_and(|list| list.split(", ").any(|tag| tag == "\"x\""));
        exchange.attach(Arc::new(known));
        self.0.lock().unwrap().send(condition).unwrap();
    }

    fn run(&self, exchange: &Arc<Exchange>) {
        let known = *exchange.attachment::<bool>().unwrap();
        let mut headers = HeaderBlock::new();
        headers.push(b"Content-Type", b"text/css").push(b"ETag", b"\"x\"").push(b"Accept-Ranges", b"bytes");
        let status = if known { 304 } else { 200 };
        let head = ResponseHead {
            status,
            reason: b"",
            headers: headers.as_ref(),
            content_length: None,
            close: false,
        };
        let body = [b'a'; 4000];
        let body = if known { &b""[..] } else { &body };
        exchange.finish(Some(&head), body, HeaderBlockRef::EMPTY).unwrap();
    }
}
