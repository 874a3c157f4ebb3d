//! An application with an endpoint for everything the tests ask of a server. Endpoints whose name starts
//! with `sync-` block inside the handler, as synchronous applications do.

use std::collections::HashMap;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use mews_server::{
    BodyError, BodyRead, Exchange, Gone, Handler, HeaderBlock, HeaderBlockRef, RequestHead, ResponseHead,
};

use super::PATIENCE;

/// What the server told the application.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Aborted(String),
    Read(Result<usize, BodyError>),
    Wrote(Result<usize, Gone>),
}

#[derive(Default)]
struct Flags {
    ready: bool,
    writable: bool,
    aborted: bool,
}

#[derive(Default)]
struct Request {
    method: String,
    target: String,
    flags: Mutex<Flags>,
    changed: Condvar,
}

impl Request {
    fn wait(&self, what: impl Fn(&mut Flags) -> bool) {
        let mut flags = self.flags.lock().unwrap();
        while !what(&mut flags) {
            let (back, waited) = self.changed.wait_timeout(flags, PATIENCE).unwrap();
            flags = back;
            assert!(!waited.timed_out(), "{} was not notified", self.target);
        }
    }

    fn set(&self, change: impl FnOnce(&mut Flags)) {
        change(&mut self.flags.lock().unwrap());
        self.changed.notify_all();
    }

    fn number(&self) -> u64 {
        self.target.rsplit('=').next().and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

pub(crate) struct App {
    requests: Mutex<HashMap<u64, Arc<Request>>>,
    events: Mutex<Sender<Event>>,
    received: Mutex<Receiver<Event>>,
    kept: Mutex<Vec<Arc<Exchange>>>,
    begun: AtomicUsize,
    discarded: AtomicUsize,
}

impl Default for App {
    fn default() -> Self {
        let (events, received) = channel();
        Self {
            requests: Mutex::default(),
            events: Mutex::new(events),
            received: Mutex::new(received),
            kept: Mutex::default(),
            begun: AtomicUsize::new(0),
            discarded: AtomicUsize::new(0),
        }
    }
}

fn head(status: u16, headers: &HeaderBlock) -> ResponseHead<'_> {
    ResponseHead { status, reason: b"", headers: headers.as_ref(), content_length: None, close: false }
}

fn text() -> HeaderBlock {
    let mut headers = HeaderBlock::new();
    headers.push(b"Content-Type", b"text/plain");
    headers
}

fn answer(exchange: &Exchange, body: &[u8]) {
    let _ = exchange.finish(Some(&head(200, &text())), body, HeaderBlockRef::EMPTY);
}

/// Reads the whole body, waiting for it.
fn read_all(exchange: &Exchange, request: &Request, piece: usize) -> Result<Vec<u8>, BodyError> {
    let mut all = Vec::new();
    let mut buffer = vec![0; piece];
    loop {
        match exchange.read_body(&mut buffer)? {
            BodyRead::Data(count) => all.extend_from_slice(&buffer[..count]),
            BodyRead::End => return Ok(all),
            BodyRead::WouldBlock => request.wait(|flags| std::mem::take(&mut flags.ready)),
        }
    }
}

/// Writes everything, waiting for room.
fn write_all(
    exchange: &Exchange,
    request: &Request,
    headers: &HeaderBlock,
    mut bytes: &[u8],
) -> Result<(), Gone> {
    while !bytes.is_empty() {
        let written = exchange.write(Some(&head(200, headers)), &[], bytes)?;
        bytes = &bytes[written.extra_taken..];
        if !bytes.is_empty() || !written.room {
            request.wait(|flags| std::mem::take(&mut flags.writable));
        }
    }
    Ok(())
}

/// Bytes whose order can be checked.
pub(crate) fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at % 251) as u8).collect()
}

/// `pattern(count)` in pieces that exist once, however many streams are made of them.
fn pieces(count: usize) -> impl Iterator<Item = &'static [u8]> {
    static PIECE: LazyLock<Vec<u8>> = LazyLock::new(|| pattern(251 * 256));
    let whole = std::iter::repeat_n(&PIECE[..], count / PIECE.len());
    whole.chain(std::iter::once(&PIECE[..count % PIECE.len()]))
}

impl App {
    pub(crate) fn event(&self) -> Event {
        self.received.lock().unwrap().recv_timeout(PATIENCE).expect("an event of the application")
    }

    /// Waits for one of these, and forgets what comes before it.
    pub(crate) fn event_matching(&self, wanted: impl Fn(&Event) -> bool) {
        while !wanted(&self.event()) {}
    }

    pub(crate) fn no_event(&self) {
        assert!(self.received.lock().unwrap().try_recv().is_err());
    }

    pub(crate) fn finish_kept(&self, body: &[u8]) {
        for exchange in self.kept.lock().unwrap().drain(..) {
            answer(&exchange, body);
        }
    }

    /// Requests whose handler has been entered.
    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    /// How many exchanges were prepared and then given up without having been run.
    pub(crate) fn discarded(&self) -> usize {
        self.discarded.load(Ordering::Relaxed)
    }

    pub(crate) fn kept(&self) -> usize {
        self.kept.lock().unwrap().len()
    }

    fn tell(&self, event: Event) {
        let _ = self.events.lock().unwrap().send(event);
    }

    fn request(&self, exchange: &Exchange) -> Option<Arc<Request>> {
        self.requests.lock().unwrap().get(&exchange.request_id()).cloned()
    }

    fn spawn(
        &self,
        exchange: &Arc<Exchange>,
        request: Arc<Request>,
        f: impl FnOnce(&Exchange, &Request) + Send + 'static,
    ) {
        let exchange = exchange.clone();
        thread::spawn(move || f(&exchange, &request));
    }

    fn route(&self, exchange: &Arc<Exchange>, request: Arc<Request>) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let path = request.target.split('?').next().unwrap_or_default().to_owned();
        let events = self.events.lock().unwrap().clone();
        match path.as_str() {
            "/hello" => answer(exchange, b"hello"),
            "/target" => answer(exchange, format!("{} {}", request.method, request.target).as_bytes()),
            "/tag" => answer(exchange, exchange.tag().to_string().as_bytes()),
            // Request numbers name the shard in their upper bits.
            "/shard" => answer(exchange, (exchange.request_id() >> 44).to_string().as_bytes()),
            "/pieces" => {
                let headers = text();
                for piece in [&b"one "[..], b"two ", b"three"] {
                    exchange.write(Some(&head(200, &headers)), piece, b"").unwrap();
                }
                exchange.finish(None, b".", HeaderBlockRef::EMPTY).unwrap();
            }
            "/later" => self.spawn(exchange, request, |exchange, request| {
                thread::sleep(Duration::from_millis(request.number()));
                answer(exchange, b"later");
            }),
            "/later-pieces" => self.spawn(exchange, request, |exchange, _| {
                let headers = text();
                for piece in [&b"one "[..], b"two ", b"three"] {
                    exchange.write(Some(&head(200, &headers)), piece, b"").unwrap();
                }
                let mut trailers = HeaderBlock::new();
                trailers.push(b"X-Sum", b"11").push(b"Content-Length", b"7");
                exchange.finish(None, b".", trailers.as_ref()).unwrap();
            }),
            "/sync-block" => {
                thread::sleep(Duration::from_millis(request.number()));
                answer(exchange, b"blocked");
            }
            "/sync-flush-block" => {
                exchange.write(Some(&head(200, &text())), b"first ", b"").unwrap();
                request.wait(|flags| flags.aborted);
            }
            "/echo" => self.spawn(exchange, request, |exchange, request| {
                let body = read_all(exchange, request, 64 * 1024);
                if let Ok(body) = body {
                    let sum = exchange.request_trailers(|trailers| trailers.count());
                    let mut headers = text();
                    headers.push(b"X-Trailers", sum.to_string().as_bytes());
                    let _ = exchange.finish(Some(&head(200, &headers)), &body, HeaderBlockRef::EMPTY);
                }
            }),
            "/sync-echo" => {
                if let Ok(body) = read_all(exchange, &request, 100) {
                    answer(exchange, &body);
                }
            }
            "/read" => self.spawn(exchange, request, move |exchange, request| {
                let result = read_all(exchange, request, 1000).map(|body| body.len());
                let _ = events.send(Event::Read(result));
                answer(exchange, format!("{result:?}").as_bytes());
            }),
            "/stream" => self.spawn(exchange, request, move |exchange, request| {
                let (count, headers) = (request.number() as usize, text());
                let result =
                    pieces(count).try_for_each(|piece| write_all(exchange, request, &headers, piece));
                let _ = events.send(Event::Wrote(result.map(|()| count)));
                if result.is_ok() {
                    let _ = exchange.finish(None, b"", HeaderBlockRef::EMPTY);
                }
            }),
            "/sync-stream" => {
                let bytes = pattern(request.number() as usize);
                write_all(exchange, &request, &text(), &bytes).unwrap();
                exchange.finish(None, b"", HeaderBlockRef::EMPTY).unwrap();
            }
            "/file" => {
                let bytes = pattern(request.number() as usize);
                let mut file = tempfile();
                file.write_all(b"skipped").unwrap();
                file.write_all(&bytes).unwrap();
                let (headers, count) = (text(), bytes.len() as u64);
                let chunked = request.target.contains("chunked");
                let length = if chunked { None } else { Some(count + 9) };
                let response = ResponseHead { content_length: length, ..head(200, &headers) };
                exchange.write(Some(&response), b"<", b"").unwrap();
                let done = exchange.send_file(None, OwnedFd::from(file), 7, count).unwrap();
                if done {
                    exchange.finish(None, b"trailing", HeaderBlockRef::EMPTY).unwrap();
                } else {
                    self.spawn(exchange, request, |exchange, request| {
                        request.wait(|flags| std::mem::take(&mut flags.writable));
                        exchange.finish(None, b"trailing", HeaderBlockRef::EMPTY).unwrap();
                    });
                }
            }
            "/short-file" => {
                let headers = text();
                let response = ResponseHead { content_length: Some(1000), ..head(200, &headers) };
                let _ = exchange.send_file(Some(&response), OwnedFd::from(tempfile()), 0, 1000);
            }
            "/upgrade" => {
                let mut headers = HeaderBlock::new();
                headers.push(b"Connection", b"Upgrade").push(b"Upgrade", b"echo");
                exchange.upgrade(&head(101, &headers)).unwrap();
                self.spawn(exchange, request, |exchange, request| {
                    let mut buffer = [0; 1000];
                    loop {
                        match exchange.read_body(&mut buffer) {
                            Ok(BodyRead::Data(count)) => {
                                exchange.write(None, &buffer[..count], b"").unwrap();
                            }
                            Ok(BodyRead::WouldBlock) => {
                                request.wait(|flags| std::mem::take(&mut flags.ready))
                            }
                            _ => break,
                        }
                    }
                    exchange.finish(None, b"bye", HeaderBlockRef::EMPTY).unwrap();
                });
            }
            "/keep" => self.kept.lock().unwrap().push(exchange.clone()),
            "/drop" => {}
            "/panic" => panic!("on purpose"),
            "/drop-started" => {
                exchange.write(Some(&head(200, &text())), b"some", b"").unwrap();
            }
            "/abort" => exchange.abort(),
            "/status" => {
                let _ = exchange.finish(
                    Some(&head(request.number() as u16, &text())),
                    b"body",
                    HeaderBlockRef::EMPTY,
                );
            }
            "/bad-header" => {
                let mut headers = text();
                headers.push(b"X-Bad", b"a\r\nb: c");
                let result = exchange.finish(Some(&head(200, &headers)), b"body", HeaderBlockRef::EMPTY);
                assert_eq!(result, Err(Gone));
            }
            "/too-long" | "/too-short" => {
                let headers = text();
                let response = ResponseHead { content_length: Some(4), ..head(200, &headers) };
                let body: &[u8] = if path == "/too-long" { b"123456" } else { b"123" };
                let _ = exchange.finish(Some(&response), body, HeaderBlockRef::EMPTY);
            }
            "/close" => {
                let headers = text();
                let response = ResponseHead { close: true, ..head(200, &headers) };
                let _ = exchange.finish(Some(&response), b"closing", HeaderBlockRef::EMPTY);
            }
            _ => {
                let _ = exchange.finish(Some(&head(404, &text())), b"", HeaderBlockRef::EMPTY);
            }
        }
    }
}

/// An unnamed file.
fn tempfile() -> std::fs::File {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("mews-server-test-{}-{number}", std::process::id()));
    let file = std::fs::File::options().create_new(true).read(true).write(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file
}

impl Handler for App {
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>) {
        assert_eq!(head.request_id, exchange.request_id());
        assert!(head.parse_start_ns <= head.parse_end_ns);
        let request = Request {
            method: String::from_utf8(head.method.to_vec()).unwrap(),
            target: String::from_utf8(head.target.to_vec()).unwrap(),
            ..Request::default()
        };
        assert_ne!(head.target, b"/panic-early", "on purpose");
        exchange.set_tag(head.headers.len() as u64);
        self.requests.lock().unwrap().insert(exchange.request_id(), Arc::new(request));
    }

    fn run(&self, exchange: &Arc<Exchange>) {
        let request = self.request(exchange).unwrap();
        self.route(exchange, request);
    }

    fn body_ready(&self, exchange: &Exchange) {
        if let Some(request) = self.request(exchange) {
            request.set(|flags| flags.ready = true);
        }
    }

    fn writable(&self, exchange: &Exchange) {
        if let Some(request) = self.request(exchange) {
            request.set(|flags| flags.writable = true);
        }
    }

    fn discarded(&self, _: &Exchange) {
        self.discarded.fetch_add(1, Ordering::Relaxed);
    }

    fn aborted(&self, exchange: &Exchange) {
        if let Some(request) = self.request(exchange) {
            request.set(|flags| flags.aborted = true);
            self.tell(Event::Aborted(request.target.clone()));
        }
    }
}
