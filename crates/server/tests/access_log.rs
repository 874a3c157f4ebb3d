//! The access log: one line for each request, however it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::tls::{Authority, ClientSettings, TlsClient};
use common::{App, Client, PATIENCE, eventually};
use mews_model::server_config::AccessLogFormat;
use mews_server::tls::{Tls, TlsMaterial};
use mews_server::{AccessLog, Accounting, Limits, Listener, Server, ServerConfig, Sink};

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Sink for Memory {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().write_all(lines)
    }

    fn name(&self) -> String {
        "of the test".to_owned()
    }
}

struct Logged {
    server: Server,
    address: SocketAddr,
    app: Arc<App>,
    log: AccessLog,
    memory: Memory,
}

impl Logged {
    fn start(limits: Limits, tls: Option<Tls>) -> Self {
        let memory = Memory::default();
        let log = AccessLog::start(AccessLogFormat::W3c, Box::new(memory.clone())).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let accounting = Accounting::new("shop", "/").with_log(Some(log.clone()));
        let config = ServerConfig {
            io_threads: 2,
            limits,
            accounting: Arc::new(accounting),
            ..ServerConfig::default()
        };
        let app = Arc::new(App::default());
        let server = Server::start(config, vec![Listener { socket, tls, number: 0 }], app.clone()).unwrap();
        server.accept();
        Self { server, address, app, log, memory }
    }

    fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// The lines, each as its fields from the method on, once there are so many.
    fn lines(&self, count: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        eventually("the lines of the log", || {
            assert!(self.log.flush(PATIENCE));
            let text = String::from_utf8(self.memory.0.lock().unwrap().clone()).unwrap();
            lines = text.lines().map(Line::new).collect();
            lines.len() >= count
        });
        assert_eq!(lines.len(), count, "{lines:#?}");
        lines
    }

    fn line(&self) -> Line {
        self.lines(1).remove(0)
    }
}

/// A line's fields.
#[derive(Debug)]
struct Line(Vec<String>);

impl Line {
    fn new(line: &str) -> Self {
        let fields: Vec<String> = line.split(' ').map(str::to_owned).collect();
        assert_eq!((fields.len(), &*fields[2], &*fields[3]), (22, "shop", "127.0.0.1"), "{line}");
        Self(fields)
    }

    /// Method, path and status.
    fn what(&self) -> (&str, &str, &str) {
        (&self.0[4], &self.0[5], &self.0[14])
    }

    fn number(&self, at: usize) -> u64 {
        self.0[at].parse().unwrap()
    }

    fn win32(&self) -> u64 {
        self.number(16)
    }

    fn sent(&self) -> u64 {
        self.number(17)
    }

    fn received(&self) -> u64 {
        self.number(18)
    }

    fn milliseconds(&self) -> u64 {
        self.number(19)
    }

    fn trace(&self) -> &str {
        &self.0[20]
    }

    fn reason(&self) -> &str {
        &self.0[21]
    }
}

#[test]
fn every_request_of_a_connection_has_a_line_with_its_own_figures() {
    let logged = Logged::start(Limits::default(), None);
    let mut client = logged.connect();
    let requests = [
        "GET /hello?a=b HTTP/1.1\r\nHost: x\r\nUser-Agent: me\r\nReferer: http://y/ z\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345",
        "GET /later-pieces HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /missing HTTP/1.1\r\nHost: x\r\n\r\n",
    ];
    client.send(requests.concat());
    let mut sent = Vec::new();
    for _ in requests {
        let response = client.response();
        sent.push((response.head.len() + response.head.lines().count() + 2, response.body.len()));
    }
    let lines = logged.lines(4);
    let what: Vec<_> = lines.iter().map(Line::what).collect();
    assert_eq!(
        what,
        [
            ("GET", "/hello", "200"),
            ("POST", "/echo", "200"),
            ("GET", "/later-pieces", "200"),
            ("GET", "/missing", "404")
        ]
    );
    assert_eq!(lines[0].0[6], "a=b");
    assert_eq!(
        &lines[0].0[7..14],
        &[&logged.address.port().to_string(), "-", "127.0.0.1", "HTTP/1.1", "me", "http://y/+z", "x"]
    );
    for (at, line) in lines.iter().enumerate() {
        let (head, body) = sent[at];
        // Three chunks and the trailers' end in the third.
        let framing = if at == 2 { 4 * 5 + 5 } else { 0 };
        assert_eq!((line.win32(), line.reason()), (0, "-"));
        assert_eq!(line.received(), requests[at].len() as u64, "{line:?}");
        assert_eq!(line.sent() as usize, head + body + framing, "{at} {line:?}");
    }
}

#[test]
fn what_is_refused_before_the_handler_is_logged() {
    let limits = Limits { header_timeout: Duration::from_millis(300), ..Limits::default() };
    let logged = Logged::start(limits, None);
    let long = "a".repeat(9000);
    let many = "a: b\r\n".repeat(101);
    let cases = [
        ("GET /a\u{e9} HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), ("GET", "/a%C3%A9", "400"), "BadRequest"),
        (
            "GET / HTTP/1.1\r\nHost: x\r\n\nGET /forged 200\r\n\r\n".to_owned(),
            ("GET", "/", "400"),
            "BadRequest",
        ),
        (format!("GET /{long} HTTP/1.1\r\n"), ("GET", &format!("/{long}")[..8192], "414"), "URL_Length"),
        (format!("GET / HTTP/1.1\r\n{many}\r\n"), ("GET", "/", "431"), "RequestLength"),
        ("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), ("CONNECT", "x:1", "501"), "Verb"),
        ("GET / HTTP/3.0\r\nHost: x\r\n\r\n".to_owned(), ("GET", "/", "505"), "Version_N/S"),
        ("GET /slow HTTP/1.1\r\nHos".to_owned(), ("GET", "/slow", "408"), "Timer_HeaderWait"),
    ];
    for (at, (request, what, reason)) in cases.iter().enumerate() {
        let mut client = logged.connect();
        client.send(request);
        assert_eq!(client.response().status.to_string(), what.2);
        let lines = logged.lines(at + 1);
        let line = &lines[at];
        assert_eq!((line.what(), line.reason()), (*what, *reason), "{line:?}");
        assert!(line.sent() > 50 && line.received() > 0, "{line:?}");
        let slow = what.2 == "408";
        assert_eq!((line.milliseconds() >= 250, line.win32() == 121), (slow, slow), "{line:?}");
    }
}

#[test]
fn aborted_requests_are_logged_with_what_was_sent_and_why() {
    let logged = Logged::start(Limits::default(), None);
    let mut client = logged.connect();
    client.get("/keep");
    eventually("the request", || logged.app.kept() == 1);
    client.reset();
    let lines = logged.lines(1);
    assert_eq!((lines[0].what(), lines[0].win32(), lines[0].sent()), (("GET", "/keep", "499"), 64, 0));
    assert_eq!(lines[0].reason(), "Connection_Dropped");

    let mut client = logged.connect();
    client.get("/abort");
    client.assert_reset();
    let lines = logged.lines(2);
    assert_eq!((lines[1].what(), lines[1].win32()), (("GET", "/abort", "-"), 1236));

    let mut client = logged.connect();
    client.get("/drop");
    assert_eq!(client.response().status, 500);
    let lines = logged.lines(3);
    assert_eq!((lines[2].what(), lines[2].win32()), (("GET", "/drop", "500"), 0));

    let mut client = logged.connect();
    client.limit_receiving();
    client.get("/stream?n=100000000");
    client.take(1000);
    client.reset();
    let lines = logged.lines(4);
    assert_eq!((lines[3].what(), lines[3].win32()), (("GET", "/stream", "200"), 64));
    assert!((1000..100_000_000).contains(&lines[3].sent()), "{:?}", lines[3]);
}

#[test]
fn a_client_that_does_not_read_is_logged_as_such_also_when_the_response_is_complete() {
    let limits = Limits { write_timeout: Duration::from_millis(500), ..Limits::default() };
    let logged = Logged::start(limits, None);
    let client = logged.connect();
    client.limit_receiving();
    let mut client = client;
    client.get("/file?n=50000000");
    let line = logged.line();
    assert_eq!((line.what(), line.win32()), (("GET", "/file", "200"), 121));
    assert_eq!(line.reason(), "Timer_MinBytesPerSecond");
    assert!(line.sent() < 50_000_000, "{line:?}");
}

#[test]
fn an_upgraded_connection_is_one_request_until_its_end() {
    let logged = Logged::start(Limits::default(), None);
    let mut client = logged.connect();
    client.send("GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    let (status, head) = client.head();
    assert_eq!(status, 101, "{head}");
    client.send("hello");
    assert_eq!(client.take(5), b"hello");
    assert!(logged.log.flush(PATIENCE) && logged.memory.0.lock().unwrap().is_empty());
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.rest(), b"bye");
    let line = logged.line();
    assert_eq!((line.what(), line.win32()), (("GET", "/upgrade", "101"), 0));
    assert!(line.received() > 70 && line.sent() > 60, "{line:?}");
}

#[test]
fn traces_are_taken_or_begun() {
    let logged = Logged::start(Limits::default(), None);
    let mut client = logged.connect();
    let sent = "0af7651916cd43dd8448eb211c80319c";
    client
        .send(format!("GET /tag HTTP/1.1\r\nHost: x\r\ntraceparent: 00-{sent}-b7ad6b7169203331-00\r\n\r\n"));
    // The test application answers with the number of fields it saw.
    assert_eq!(client.response().text(), "2");
    client.get("/tag");
    assert_eq!(client.response().text(), "2");
    client.send("GET /tag HTTP/1.1\r\nHost: x\r\ntraceparent: nonsense\r\n\r\n");
    assert_eq!(client.response().text(), "2");
    let lines = logged.lines(3);
    assert_eq!(lines[0].trace(), sent);
    assert_eq!(lines[1].trace().len(), 32);
    assert_ne!(lines[1].trace(), sent);
    assert_eq!(lines[2].trace(), "-");
}

#[test]
fn failed_handshakes_and_plain_requests_to_a_tls_port_are_logged() {
    let authority = Authority::new("the authority");
    let material =
        TlsMaterial { certificates: vec![authority.issue(&["shop.test"])], ..TlsMaterial::default() };
    let limits = Limits { handshake_timeout: Duration::from_millis(500), ..Limits::default() };
    let logged = Logged::start(limits, Some(Tls::new(&material).unwrap()));
    let untrusting = ClientSettings::trusting(&Authority::new("another")).shared();
    assert!(TlsClient::connect(logged.address, &untrusting, "shop.test").is_err());
    let lines = logged.lines(1);
    assert_eq!((lines[0].what(), lines[0].reason()), (("-", "-", "-"), "TLS_Handshake"));

    let mut plain = logged.connect();
    plain.get("/hello");
    assert_eq!(plain.response().status, 400);
    let lines = logged.lines(2);
    assert_eq!((lines[1].what(), lines[1].reason()), (("-", "-", "400"), "BadRequest"));

    let idle = TcpStream::connect(logged.address).unwrap();
    let lines = logged.lines(3);
    assert_eq!((lines[2].what(), lines[2].reason()), (("-", "-", "-"), "Timer_TLS_Handshake"));
    drop(idle);

    let config = ClientSettings::trusting(&authority).shared();
    let mut client = TlsClient::connect(logged.address, &config, "shop.test").unwrap();
    client.get("/hello");
    assert_eq!(client.response().text(), "hello");
    let lines = logged.lines(4);
    assert_eq!((lines[3].what(), lines[3].win32()), (("GET", "/hello", "200"), 0));
    logged.server.shutdown();
}
