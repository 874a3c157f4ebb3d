//! Requests that arrive at one worker and belong to another: forwarded over private connections, with the client's facts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use common::{App, Client, Event, eventually, pattern, start};
use mews_server::{
    Application, Arrival, Arrivals, Connect, ConnectionInfo, Exchange, ForwardHandler, Handler,
    HeaderBlockRef, Limits, PageHandler, PrivateBackend, RequestHead, Router, Server,
};

/// Tells the client's address and the request's target.
struct Who;

impl Handler for Who {
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>) {
        exchange.attach(Arc::new(String::from_utf8(head.target.to_vec()).unwrap()));
    }

    fn run(&self, exchange: &Arc<Exchange>) {
        let client = exchange.connection().client();
        let text = format!(
            "{} {} {}",
            client.remote.unwrap(),
            client.listener,
            exchange.attachment::<String>().unwrap()
        );
        let _ = exchange.finish(None, text.as_bytes(), HeaderBlockRef::EMPTY);
    }
}

/// The other worker, and how often it was connected to.
struct Other {
    server: Mutex<Option<Server>>,
    connects: AtomicUsize,
}

impl Connect for Other {
    fn connect(&self, client: &ConnectionInfo) -> io::Result<UnixStream> {
        self.connects.fetch_add(1, Ordering::SeqCst);
        let (ours, stream) = UnixStream::pair()?;
        let server = self.server.lock().unwrap();
        let server = server.as_ref().ok_or(io::ErrorKind::ConnectionRefused)?;
        server.adopt(Arrival::Relayed { stream, client: client.client() })?;
        Ok(ours)
    }
}

/// `/who` and whatever else `apps` names is the other worker's.
struct Routes {
    here: Application,
    there: Application,
}

impl Router for Routes {
    fn route(&self, head: &RequestHead<'_>, _: &ConnectionInfo) -> &Application {
        if head.target.starts_with(b"/here") { &self.here } else { &self.there }
    }

    fn http2(&self, _: &mews_server::Client, _: Option<&str>) -> Option<bool> {
        Some(false)
    }
}

struct Workers {
    _first: Server,
    address: std::net::SocketAddr,
    other: Arc<Other>,
}

/// A worker whose requests all belong to another one with this handler, but those for `/here`.
fn workers(handler: Arc<dyn Handler>) -> Workers {
    let (second, _) = start(Limits::default(), 2, handler);
    let other = Arc::new(Other { server: Mutex::new(Some(second)), connects: AtomicUsize::new(0) });
    let (first, address) = start(Limits::default(), 2, Arc::new(PageHandler::bare(503)));
    let backend = Arc::new(PrivateBackend::new(other.clone()));
    first.set_router(Arc::new(Routes {
        here: Application::new(Arc::new(Who)),
        there: Application::new(Arc::new(ForwardHandler::new(PrivateBackend::options(), backend))),
    }));
    first.accept();
    Workers { _first: first, address, other }
}

impl Workers {
    fn connects(&self) -> usize {
        self.other.connects.load(Ordering::SeqCst)
    }

    fn shutdown_other(&self) {
        drop(self.other.server.lock().unwrap().take());
    }
}

#[test]
fn a_connection_goes_to_and_fro_and_each_client_has_its_own_way() {
    let workers = workers(Arc::new(Who));
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(workers.address)).collect();
    for _ in 0..5 {
        for client in &mut clients {
            let remote = client.stream.local_addr().unwrap();
            for target in ["/there?x=1", "/here", "/there/%2F/../x"] {
                client.get(target);
                assert_eq!(client.response().text(), format!("{remote} 0 {target}"));
            }
        }
    }
    assert_eq!(workers.connects(), 3);
    clients.clear();
    let other = workers.other.clone();
    eventually("the ways of clients that have gone are closed", || {
        other.server.lock().unwrap().as_ref().unwrap().connections() == 0
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let workers = workers(Arc::new(Who));
    let mut client = Client::connect(workers.address);
    let targets: Vec<String> =
        (0..40).map(|at| format!("/{}/{at}", if at % 3 == 0 { "here" } else { "there" })).collect();
    client.send(
        targets.iter().map(|target| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")).collect::<String>(),
    );
    for target in &targets {
        assert!(client.response().text().ends_with(target), "{target}");
    }
    assert_eq!(workers.connects(), 1);
}

#[test]
fn bodies_of_any_size_pass_both_ways() {
    let workers = workers(Arc::new(App::default()));
    let mut client = Client::connect(workers.address);
    client.get("/stream?n=3000000");
    assert!(client.response().body == pattern(3_000_000));
    let body = pattern(1_500_000);
    client.send(format!("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len()));
    let mut writer = client.stream.try_clone().unwrap();
    let sent = body.clone();
    let sending = std::thread::spawn(move || io::Write::write_all(&mut writer, &sent).unwrap());
    assert!(client.response().body == body);
    sending.join().unwrap();
    client.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n");
    client.send("5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n");
    let response = client.response();
    assert_eq!((response.text(), response.header("X-Trailers")), ("hello", Some("1")));
    client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.head().0, 100);
    client.send("ok");
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn an_upgraded_connection_is_a_tunnel() {
    let workers = workers(Arc::new(App::default()));
    let mut client = Client::connect(workers.address);
    client.send("GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n");
    assert_eq!(client.head().0, 101);
    for text in ["one", "two"] {
        client.send(text);
        assert_eq!(client.take(3), text.as_bytes());
    }
    client.finish_sending();
    assert_eq!(client.rest(), b"bye");
}

#[test]
fn an_abort_reaches_the_other_side() {
    let app = Arc::new(App::default());
    let workers = workers(app.clone());
    let mut client = Client::connect(workers.address);
    client.get("/abort");
    client.assert_reset();
    let mut client = Client::connect(workers.address);
    client.get("/keep");
    eventually("the request has arrived", || workers.connects() == 2 && app.kept() == 1);
    client.reset();
    assert_eq!(app.event(), Event::Aborted("/keep".to_owned()));
    // A response that is cut can be told from a complete one.
    let mut client = Client::connect(workers.address);
    client.get("/drop-started");
    client.assert_reset();
}

#[test]
fn a_worker_that_has_gone_is_an_answer_and_no_end_for_the_others() {
    let workers = workers(Arc::new(Who));
    let mut client = Client::connect(workers.address);
    client.get("/there");
    assert_eq!(client.response().status, 200);
    workers.shutdown_other();
    client.get("/there");
    assert_eq!(client.response().status, 502);
    client.get("/here");
    assert_eq!(client.response().status, 200);
    // Another worker takes its place.
    let (next, _) = start(Limits::default(), 1, Arc::new(Who));
    *workers.other.server.lock().unwrap() = Some(next);
    client.get("/there");
    assert_eq!(client.response().status, 200);
}

#[test]
fn a_draining_worker_answers_what_it_has_and_the_next_takes_over() {
    let workers = workers(Arc::new(Who));
    let mut client = Client::connect(workers.address);
    client.get("/there");
    assert_eq!(client.response().status, 200);
    let (next, _) = start(Limits::default(), 1, Arc::new(Who));
    let before = workers.other.server.lock().unwrap().replace(next).unwrap();
    before.drain(std::time::Duration::from_secs(10));
    for _ in 0..3 {
        client.get("/there");
        let response = client.response();
        // What the other worker says of its own connection is nothing to the client.
        assert_eq!((response.status, response.header("Connection")), (200, None));
    }
    assert_eq!(workers.connects(), 2);
    assert!(before.wait_idle(common::PATIENCE));
}

/// Connections that the test hands over, and the pipe that tells of them.
struct Handed {
    bell: UnixStream,
    queue: Arc<Mutex<Vec<Arrival>>>,
    closed: Arc<AtomicUsize>,
    /// What the answer to being closed waits for.
    gate: mpsc::Receiver<()>,
}

impl AsFd for Handed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

impl Arrivals for Handed {
    fn next(&mut self) -> io::Result<Option<Arrival>> {
        let mut one = [0];
        match io::Read::read(&mut self.bell, &mut one) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(self.queue.lock().unwrap().remove(0))),
            Err(error) => Err(error),
        }
    }

    fn close(&mut self) {
        self.closed.fetch_add(1, Ordering::SeqCst);
        let _ = self.gate.recv();
    }
}

#[test]
fn connections_that_others_accepted_are_served_and_none_is_lost_at_the_end() {
    let (server, _) = start(Limits::default(), 2, Arc::new(Who));
    let (bell, mut ring) = UnixStream::pair().unwrap();
    bell.set_nonblocking(true).unwrap();
    let (queue, closed) = (Arc::default(), Arc::default());
    let (open, gate) = mpsc::channel();
    let arrivals = Handed { bell, queue: Arc::clone(&queue), closed: Arc::clone(&closed), gate };
    server.take_over(Box::new(arrivals)).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut hand_over = || {
        let mut client = Client::connect(listener.local_addr().unwrap());
        let (stream, remote) = listener.accept().unwrap();
        client.get("/x");
        queue.lock().unwrap().push(Arrival::Client { stream, listener: 7, tls: None });
        io::Write::write_all(&mut ring, b"x").unwrap();
        (client, format!("{remote} 7 /x"))
    };
    for _ in 0..5 {
        let (mut client, expected) = hand_over();
        assert_eq!(client.response().text(), expected);
    }
    assert!(server.wait_idle(common::PATIENCE), "open, and without connections");
    server.stop_accepting();
    eventually("it was closed", || closed.load(Ordering::SeqCst) == 1);
    let mut last: Vec<_> = (0..5).map(|_| hand_over()).collect();
    server.drain(std::time::Duration::from_secs(10));
    assert!(!server.wait_idle(std::time::Duration::from_millis(50)), "some are still on their way");
    drop(open);
    for (client, expected) in &mut last {
        assert_eq!(client.response().text(), *expected);
    }
    drop(last);
    assert!(server.wait_idle(common::PATIENCE));
}
