//! HTTP/1.1 over TLS: handshakes, the choice of a certificate, resumption, bodies under back-pressure, and how
//! connections end.
#![allow(clippy::unwrap_used, reason = "this is test code")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use common::tls::{Authority, ClientSettings, TlsClient, tls_fixture};
use common::{Client, Event, Fixture, PATIENCE, eventually, pattern};
use mews_server::tls::{ClientCertificates, Tls, TlsMaterial};
use mews_server::{BodyError, Limits};
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion};

struct Site {
    authority: Authority,
    fixture: Fixture,
    tls: Tls,
    material: TlsMaterial,
}

impl Site {
    fn new() -> Self {
        Self::with(&["test.example"], Limits::default(), |_, _| {})
    }

    fn with(names: &[&str], limits: Limits, change: impl FnOnce(&mut TlsMaterial, &Authority)) -> Self {
        let authority = Authority::new("Test authority");
        let mut material =
            TlsMaterial { certificates: vec![authority.issue(names)], ..TlsMaterial::default() };
        change(&mut material, &authority);
        let (fixture, tls) = tls_fixture(&material, limits);
        Self { authority, fixture, tls, material }
    }

    fn config(&self) -> Arc<ClientConfig> {
        ClientSettings::trusting(&self.authority).shared()
    }

    fn connect(&self) -> TlsClient {
        TlsClient::connect(self.fixture.address, &self.config(), "test.example").unwrap()
    }

    fn stats(&self) -> mews_server::Stats {
        self.fixture.server().stats()
    }
}

#[test]
fn both_versions_serve_several_requests_on_a_connection() {
    let site = Site::new();
    for (version, expected) in [
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let config = ClientSettings::version(&site.authority, version).alpn(&["http/1.1"]).shared();
        let mut client = TlsClient::connect(site.fixture.address, &config, "test.example").unwrap();
        assert_eq!(client.connection.protocol_version(), Some(expected));
        assert_eq!(client.connection.alpn_protocol(), Some(&b"http/1.1"[..]));
        for target in ["/hello", "/pieces", "/later?ms=5", "/later-pieces"] {
            client.get(target);
            assert_eq!(client.response().status, 200, "{target}");
        }
        // Pipelined: both may lie decrypted in the session after one read.
        client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!((client.response().text(), client.response().text()), ("hello", "hello"));
    }
    assert_eq!(site.stats().handshakes, 2);
}

#[test]
fn a_protocol_that_is_not_spoken_is_refused_in_the_handshake() {
    let site = Site::new();
    let config = ClientSettings::trusting(&site.authority).alpn(&["h3"]).shared();
    let error = TlsClient::connect(site.fixture.address, &config, "test.example").err().unwrap();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    eventually("the failure is counted", || site.stats().handshake_failures == 1);
    eventually("the connection is gone", || site.fixture.server().connections() == 0);
}

#[test]
fn large_bodies_go_both_ways_under_back_pressure() {
    let site = Site::new();
    let mut client = site.connect();
    for path in ["/stream", "/sync-stream", "/file", "/file-chunked"] {
        let target = match path {
            "/file-chunked" => "/file?chunked&n=3000000".to_owned(),
            path => format!("{path}?n=3000000"),
        };
        client.get(&target);
        let body = client.response().body;
        if path.starts_with("/file") {
            assert_eq!((&body[..1], &body[body.len() - 8..]), (&b"<"[..], &b"trailing"[..]), "{path}");
            assert!(body[1..body.len() - 8] == pattern(3_000_000), "{path}");
        } else {
            assert!(body == pattern(3_000_000), "{path}");
        }
        if path == "/stream" {
            assert_eq!(site.fixture.app.event(), Event::Wrote(Ok(3_000_000)));
        }
    }
    let sent = pattern(2_000_000);
    client.send(format!("POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", sent.len()));
    client.send(&sent);
    assert_eq!(client.response().text(), "Ok(2000000)");
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(format!("{:x}\r\n", sent.len()));
    client.send(&sent[..1_000_000]);
    client.send(&sent[1_000_000..]);
    client.send("\r\n0\r\nX-A: 1\r\n\r\n");
    let echoed = client.response();
    assert!(echoed.body == sent && echoed.header("X-Trailers") == Some("1"));
}

#[test]
fn a_slow_reader_holds_the_writer_back() {
    let site = Site::new();
    let mut client = site.connect();
    socket2::SockRef::from(&client.stream).set_recv_buffer_size(64 * 1024).unwrap();
    client.get("/stream?n=20000000");
    assert!(client.fill().unwrap() > 0);
    // The kernel's buffers hold a part of the body; the rest must wait in the application.
    site.fixture.app.no_event();
    assert!(client.response().body == pattern(20_000_000));
    assert_eq!(site.fixture.app.event(), Event::Wrote(Ok(20_000_000)));
    client.get("/hello");
    assert_eq!(client.response().text(), "hello");
}

#[test]
fn a_reader_that_stops_is_given_up() {
    let limits = Limits { write_timeout: Duration::from_millis(300), ..Limits::default() };
    let site = Site::with(&["test.example"], limits, |_, _| {});
    let mut client = site.connect();
    client.get("/stream?n=50000000");
    let mut events = [site.fixture.app.event(), site.fixture.app.event()];
    events.sort_by_key(|event| matches!(event, Event::Wrote(_)));
    assert_eq!(events[1], Event::Wrote(Err(mews_server::Gone)));
    assert_eq!(site.stats().write_timeouts, 1);
}

#[test]
fn the_certificate_follows_the_server_name() {
    let site = Site::with(&["first.example"], Limits::default(), |material, authority| {
        material.certificates.push(authority.issue(&["*.wild.example"]));
        material.certificates.push(authority.issue(&["exact.wild.example"]));
    });
    let config = site.config();
    for (name, expected) in [("first.example", 0), ("a.wild.example", 1), ("exact.wild.example", 2)] {
        let mut client = TlsClient::connect(site.fixture.address, &config, name).unwrap();
        let shown = client.connection.peer_certificates().unwrap()[0].to_vec();
        assert_eq!(shown, site.material.certificates[expected].chain[0], "{name}");
        client.get("/hello");
        assert_eq!(client.response().text(), "hello");
    }
    // Nobody's name: the first certificate, which the client then does not like.
    let error = TlsClient::connect(site.fixture.address, &config, "nobody.example").err().unwrap();
    assert!(error.to_string().contains("not valid for name"), "{error}");
}

#[test]
fn sessions_are_resumed_with_and_without_tickets() {
    let site = Site::new();
    for (settings, what) in [
        (ClientSettings::version(&site.authority, &rustls::version::TLS13), "1.3"),
        (ClientSettings::version(&site.authority, &rustls::version::TLS12), "1.2 with a ticket"),
        (
            ClientSettings::version(&site.authority, &rustls::version::TLS12).no_tickets(),
            "1.2 from the cache",
        ),
    ] {
        let config = settings.shared();
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut client = TlsClient::connect(site.fixture.address, &config, "test.example").unwrap();
            client.get("/hello");
            assert_eq!(client.response().text(), "hello");
            assert_eq!(client.connection.handshake_kind(), Some(expected), "{what}");
        }
    }
}

#[test]
fn certificates_are_replaced_without_losing_a_connection_or_a_handshake() {
    let site = Site::new();
    let mut before = site.connect();
    let next =
        TlsMaterial { certificates: vec![site.authority.issue(&["test.example"])], ..TlsMaterial::default() };
    site.tls.replace(&next).unwrap();
    let after = site.connect();
    assert_eq!(after.connection.peer_certificates().unwrap()[0].to_vec(), next.certificates[0].chain[0]);
    before.get("/hello");
    assert_eq!(before.response().text(), "hello");
    // Broken material changes nothing.
    let mut broken = next.clone();
    broken.certificates[0].key = site.authority.issue(&["test.example"]).key;
    site.tls.replace(&broken).unwrap_err();
    let still = site.connect();
    assert_eq!(still.connection.peer_certificates().unwrap()[0].to_vec(), next.certificates[0].chain[0]);
}

#[test]
fn plain_http_on_a_tls_port_is_told_so() {
    let site = Site::new();
    let mut client = site.fixture.connect();
    client.get("/hello");
    let response = client.response();
    assert_eq!(response.status, 400);
    assert!(response.text().contains("https://"), "{}", response.text());
    client.assert_closed();
}

#[test]
fn tls_on_a_plain_port_gets_an_alert() {
    let fixture = Fixture::new();
    let site = Site::new();
    let error = TlsClient::connect(fixture.address, &site.config(), "test.example").err().unwrap();
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    eventually("the connection is gone", || fixture.server().connections() == 0);
}

#[test]
fn garbage_gets_an_alert_and_is_closed() {
    let site = Site::new();
    let mut stream = TcpStream::connect(site.fixture.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&[22, 3, 1, 0xff, 0xff, 9, 9, 9, 9, 9]).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    // An alert record, fatal.
    assert_eq!((answer[0], answer[5]), (21, 2), "{answer:?}");
    eventually("the failure is counted", || site.stats().handshake_failures == 1);
}

#[test]
fn handshakes_are_bounded_in_time_and_number() {
    let limits =
        Limits { handshake_timeout: Duration::from_millis(500), max_handshakes: 2, ..Limits::default() };
    let site = Site::with(&["test.example"], limits, |_, _| {});
    let idle: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(site.fixture.address).unwrap()).collect();
    eventually("both are being shaken hands with", || site.fixture.server().connections() == 2);
    // Waits until one of the two is given up.
    let mut client = site.connect();
    client.get("/hello");
    assert_eq!(client.response().text(), "hello");
    let stats = site.stats();
    assert!(stats.handshake_timeouts >= 1 && stats.handshake_limit_hits >= 1, "{stats:?}");
    for mut stream in idle {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(stream.read(&mut [0; 10]).unwrap(), 0);
    }
}

#[test]
fn the_end_is_announced_and_a_cut_is_not() {
    let site = Site::new();
    let mut client = site.connect();
    client.get("/close");
    let response = client.response();
    assert_eq!((response.text(), response.header("Connection")), ("closing", Some("close")));
    assert_eq!(client.rest().unwrap(), b"");

    // Without a length the body ends with the connection, and its end is the `close_notify`.
    let mut client = site.connect();
    client.send("GET /later-pieces HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().text(), "one two three.");

    // An answer that breaks off must not look complete.
    let mut client = site.connect();
    client.send("GET /drop-started HTTP/1.0\r\nHost: a\r\n\r\n");
    assert!(client.rest().is_err());
}

#[test]
fn a_server_that_stops_announces_the_end_to_idle_clients() {
    let site = Site::new();
    let mut client = site.connect();
    client.get("/hello");
    client.response();
    site.fixture.server().drain(Duration::ZERO);
    assert_eq!(client.rest().unwrap(), b"");
    assert!(site.fixture.server().wait_idle(PATIENCE));
}

#[test]
fn a_client_that_leaves_aborts_the_exchange() {
    let site = Site::new();
    for says_so in [true, false] {
        let mut client = site.connect();
        client.get("/keep");
        eventually("the request is in flight", || site.fixture.app.kept() == 1);
        if says_so {
            client.close_notify();
        }
        client.cut();
        assert_eq!(site.fixture.app.event(), Event::Aborted("/keep".into()), "{says_so}");
        site.fixture.app.finish_kept(b"");
        drop(client);
    }
    eventually("the connections are gone", || site.fixture.server().connections() == 0);
}

#[test]
fn a_client_that_leaves_within_its_body_is_noticed() {
    let site = Site::new();
    let mut client = site.connect();
    client.send("POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome");
    client.close_notify();
    client.cut();
    // Whether the abort is told as well is a matter of who is first.
    let first = site.fixture.app.event();
    let read = if matches!(first, Event::Aborted(_)) { site.fixture.app.event() } else { first };
    assert_eq!(read, Event::Read(Err(BodyError::Gone)));
}

#[test]
fn an_upgraded_connection_ends_in_both_directions() {
    let site = Site::new();
    let mut client = site.connect();
    client.send("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    assert_eq!(client.response().status, 101);
    for size in [1, 1000, 100_000] {
        let sent = pattern(size);
        client.send(&sent);
        assert!(client.take(size) == sent, "{size}");
    }
    // A half-close that is only TLS's: the connection below stays open.
    client.close_notify();
    assert_eq!(client.rest().unwrap(), b"bye");
}

#[test]
fn client_certificates_are_judged_as_the_listener_says() {
    let authority = Authority::new("Clients");
    let own = authority.issue(&["client.example"]);
    let expired = authority.issue_with(&["client.example"], |params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    });
    let foreign = Authority::new("Others").issue(&["client.example"]);
    for (mode, anchored, expected) in [
        (ClientCertificates::None, true, [200, 200, 200, 200]),
        (ClientCertificates::Allow, true, [200, 200, 40316, 40317]),
        (ClientCertificates::Require, true, [40307, 200, 40316, 40317]),
        (ClientCertificates::Allow, false, [200, 200, 200, 200]),
        (ClientCertificates::Require, false, [40307, 200, 200, 200]),
    ] {
        let site = Site::with(&["test.example"], Limits::default(), |material, _| {
            material.client_certificates = mode;
            if anchored {
                material.client_ca = vec![authority.certificate.clone()];
            }
        });
        for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
            for (shown, expected) in
                [None, Some(&own), Some(&foreign), Some(&expired)].into_iter().zip(expected)
            {
                let settings = ClientSettings::build(&site.authority, &[version], shown);
                let config = settings.shared();
                // The second time the session is resumed, and judged all the same.
                for _ in 0..2 {
                    let mut client =
                        TlsClient::connect(site.fixture.address, &config, "test.example").unwrap();
                    client.get("/hello");
                    let response = client.response();
                    let text = response.text();
                    let sub = [7, 16, 17].into_iter().find(|sub| text.contains(&format!(">403.{sub} ")));
                    let code = match response.status {
                        403 => 40300 + sub.unwrap_or(0),
                        status => u32::from(status),
                    };
                    assert_eq!(code, expected, "{mode:?} {anchored} {version:?}: {text}");
                }
            }
        }
    }
}

#[test]
fn an_ocsp_response_goes_out_with_the_certificate() {
    let site = Site::with(&["test.example"], Limits::default(), |material, _| {
        material.certificates[0].ocsp = Some(b"not looked at by this client".to_vec());
    });
    let mut client = site.connect();
    client.get("/hello");
    assert_eq!(client.response().text(), "hello");
}

#[test]
fn many_clients_at_once() {
    let site = Site::new();
    let config = site.config();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for round in 0..20 {
                    let mut client =
                        TlsClient::connect(site.fixture.address, &config, "test.example").unwrap();
                    for _ in 0..round {
                        client.get("/pieces");
                        assert_eq!(client.response().text(), "one two three.");
                    }
                    if round % 2 == 0 {
                        client.close_notify();
                    }
                }
            });
        }
    });
    eventually("the connections are gone", || site.fixture.server().connections() == 0);
    assert_eq!(site.stats().handshakes, 320);
}

#[test]
fn a_request_that_breaks_off_is_not_answered() {
    let site = Site::new();
    let mut client = site.connect();
    client.send("GET /hello HT");
    client.cut();
    let end = client.fill().map_err(|error| error.kind());
    assert!(matches!(end, Ok(0) | Err(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset)), "{end:?}");
    assert_eq!(site.stats().requests, 0);
}

#[test]
fn an_ordinary_client_still_gets_plain_http() {
    let fixture = Fixture::new();
    let mut client = Client::connect(fixture.address);
    client.get("/hello");
    assert_eq!(client.response().text(), "hello");
}
