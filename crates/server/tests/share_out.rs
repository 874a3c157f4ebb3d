//! Connections that are looked at and given to whom they are for, without a byte being taken from them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod common;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::tls::{Authority, ClientSettings, TlsClient};
use common::{Client, eventually, start};
use mews_server::tls::TlsMaterial;
use mews_server::{
    Arrival, Dispatch, Handler, Limits, Listener, PageHandler, Said, Server, ServerConfig, Tls,
};

/// Gives connections for `a.test` and `b.test` to these two.
struct Names {
    servers: [Server; 2],
    tls: Option<Tls>,
}

impl Dispatch for Names {
    fn choose(&self, client: &mews_server::Client, said: Said<'_>) -> Option<usize> {
        assert_eq!(client.listener, 3);
        let name = match said {
            Said::Hello { server_name } => server_name.as_bytes(),
            Said::Head { host, .. } => host,
            Said::Http2 => b"b.test",
        };
        match name {
            b"a.test" => Some(0),
            b"b.test" => Some(1),
            _ => None,
        }
    }

    fn give(&self, to: usize, stream: TcpStream, client: mews_server::Client) {
        assert_eq!(client.remote, stream.peer_addr().ok());
        let arrival = Arrival::Client { stream, listener: client.listener, tls: self.tls.clone() };
        self.servers[to].adopt(arrival).unwrap();
    }
}

struct Shared {
    server: Server,
    address: SocketAddr,
    names: Arc<Names>,
}

fn share_out(limits: Limits, tls: Option<Tls>) -> Shared {
    let secure = tls.is_some();
    let other =
        |status| start(Limits::default(), 1, Arc::new(PageHandler::bare(status)) as Arc<dyn Handler>).0;
    let names = Arc::new(Names { servers: [other(201), other(202)], tls });
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let config = ServerConfig { io_threads: 1, limits, ..ServerConfig::default() };
    let server = Server::start(config, Vec::<Listener>::new(), Arc::new(PageHandler::bare(404))).unwrap();
    server.share_out(socket, 3, secure, names.clone());
    server.accept();
    Shared { server, address, names }
}

impl Shared {
    fn connect(&self) -> Client {
        Client::connect(self.address)
    }
}

fn get(client: &mut Client, host: &str) -> u16 {
    client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    client.response().status
}

#[test]
fn each_connection_goes_whole_to_whom_it_is_for() {
    let shared = share_out(Limits::default(), None);
    for (host, status) in [("a.test", 201), ("b.test", 202), ("c.test", 404)] {
        let mut client = shared.connect();
        for _ in 0..3 {
            // The rest of a connection stays where its beginning went.
            assert_eq!(get(&mut client, host), status);
        }
        assert_eq!(get(&mut client, "other"), status);
    }
    eventually("what was given away is not counted here", || shared.server.connections() == 0);
    let mut client = shared.connect();
    for byte in b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n" {
        client.send([*byte]);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(client.response().status, 201);
    // Bodies and further requests that came along are still there.
    let mut client = shared.connect();
    client.send("POST / HTTP/1.1\r\nHost: b.test\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: b.test\r\n\r\n");
    assert_eq!([client.response().status, client.response().status], [202, 202]);
}

#[test]
fn what_nobody_would_serve_is_refused_here() {
    let shared = share_out(Limits::default(), None);
    for (bytes, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\nHost: a.test\r\n\r\n", 505),
        (&format!("GET /{} HTTP/1.1\r\nHost: a.test\r\n\r\n", "x".repeat(9000)), 414),
    ] {
        let mut client = shared.connect();
        client.send(bytes);
        assert_eq!(client.response().status, status);
    }
    // A client that ends before it has said whom it wants gets nothing.
    let mut client = shared.connect();
    client.send("GET / HT");
    client.finish_sending();
    client.assert_closed();
}

#[test]
fn slow_clients_are_given_up_and_keep_nobody_from_being_served() {
    let limits = Limits {
        header_timeout: Duration::from_millis(300),
        keep_alive_timeout: Duration::from_secs(60),
        max_connections: 8,
        ..Limits::default()
    };
    let shared = share_out(limits, None);
    let mut slow = shared.connect();
    slow.send("GET / HTTP/1.1\r\n");
    assert_eq!(slow.response().status, 408);
    // As many as may be open say nothing: each has two seconds then.
    let silent: Vec<Client> = (0..8).map(|_| shared.connect()).collect();
    let began = Instant::now();
    assert_eq!(get(&mut shared.connect(), "a.test"), 201);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    drop(silent);
}

#[test]
fn a_drain_ends_those_that_have_said_nothing() {
    let shared = share_out(Limits::default(), None);
    let mut client = shared.connect();
    client.send("GET / HTTP/1.1\r\n");
    eventually("it is looked at", || shared.server.connections() == 1);
    shared.server.drain(Duration::ZERO);
    client.assert_closed();
    assert!(shared.server.wait_idle(common::PATIENCE));
}

#[test]
fn tls_is_ended_by_whom_the_connection_is_for() {
    let authority = Authority::new("test");
    let certificate = authority.issue(&["a.test", "b.test", "c.test"]);
    let tls = Tls::new(&TlsMaterial { certificates: vec![certificate], ..TlsMaterial::default() }).unwrap();
    let limits = Limits { handshake_timeout: Duration::from_millis(300), ..Limits::default() };
    let shared = share_out(limits, Some(tls));
    let config = ClientSettings::trusting(&authority).shared();
    for (name, status) in [("a.test", 201), ("b.test", 202)] {
        let mut client = TlsClient::connect(shared.address, &config, name).unwrap();
        client.get("/");
        assert_eq!(client.response().status, status);
    }
    assert_eq!(shared.names.servers[0].stats().handshakes, 1);
    // Plain HTTP is told so, and a client that begins a handshake only is given up.
    let mut plain = shared.connect();
    plain.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let response = plain.response();
    assert!(response.status == 400 && response.text().contains("https://"), "{response:?}");
    let mut slow = shared.connect();
    slow.send([22, 3, 1, 2, 0, 1]);
    slow.assert_closed();
    assert_eq!(shared.server.stats().handshake_timeouts, 1);
}
