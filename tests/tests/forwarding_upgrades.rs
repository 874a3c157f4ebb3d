//! Out-of-process hosting, connections that leave HTTP: bytes both ways for any protocol, each direction ended by itself, WebSockets with compression, in
//! fragments and by the thousand, and both ways of losing the other side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Client, Closed, Request, SharedHost, TestHost, kill, pattern, proc, wait};
use rustix::process::Signal;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};
use tungstenite::{Message, WebSocket};

const PATIENCE: Duration = Duration::from_secs(20);

static ECHO: SharedHost = SharedHost::new(|| TestHost::unruly("echo").start());
static MINIMAL: SharedHost =
    SharedHost::new(|| TestHost::app("Minimal").model(e2e::Model::OutOfProcess).start());
static SITE: SharedHost =
    SharedHost::new(|| TestHost::app("InProcessSite").model(e2e::Model::OutOfProcess).start());

fn upgrade(target: &str, protocol: &str) -> Request {
    Request::get(target).header("Connection", "Upgrade").header("Upgrade", protocol)
}

/// Opens a tunnel and answers its socket after the head, with the first bytes when they have come.
fn tunnel(host: &TestHost, target: &str, protocol: &str) -> (TcpStream, Vec<u8>) {
    let mut client = host.client();
    client.send(&upgrade(target, protocol).bytes()).unwrap();
    let response = client.head("GET").unwrap();
    assert_eq!((response.status, response.header("Upgrade")), (101, Some(protocol)), "{response:?}");
    assert!(response.header("Connection").unwrap().eq_ignore_ascii_case("Upgrade"), "{response:?}");
    assert_eq!((response.header("Content-Length"), response.header("Transfer-Encoding")), (None, None));
    let first = client.buffered();
    (client.writer(), first)
}

fn read_to_end(mut stream: &TcpStream, mut seen: Vec<u8>) -> Vec<u8> {
    stream.read_to_end(&mut seen).unwrap();
    seen
}

type Socket = WebSocket<TcpStream>;

fn open(host: &TestHost, path: &str) -> Socket {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, host.port())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let config = WebSocketConfig::default().max_message_size(Some(64 << 20)).max_frame_size(Some(64 << 20));
    let url = format!("ws://localhost:{}{path}", host.port());
    tungstenite::client::client_with_config(url, stream, Some(config)).unwrap().0
}

#[test]
fn any_protocol_is_a_pair_of_byte_streams() {
    let host = ECHO.get();
    for protocol in ["websocket", "echo/1", "TLS/1.0"] {
        let (mut stream, first) = tunnel(&host, "/upgrade?greet=hello", protocol);
        let mut greeting = first;
        while greeting.len() < 5 {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            greeting.extend(byte);
        }
        assert_eq!(greeting, b"hello");
        for length in [1, 100, 70_000] {
            let bytes = pattern(7, length);
            stream.write_all(&bytes).unwrap();
            let mut back = vec![0; length];
            stream.read_exact(&mut back).unwrap();
            assert!(back == bytes, "{protocol}: {length} bytes");
        }
    }
}

#[test]
fn a_direction_may_end_by_itself() {
    let host = ECHO.get();
    // The app says its last words after the client's end.
    let (mut stream, first) = tunnel(&host, "/upgrade?say-goodbye=farewell", "echo/1");
    stream.write_all(b"last words;").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&stream, first), b"last words;farewell");
    // More than all buffers between hold is still on its way at the client's end.
    let (stream, first) = tunnel(&host, "/upgrade?say-goodbye=farewell", "echo/1");
    let mut bytes = pattern(0, 8 << 20);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (&stream).write_all(&bytes).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
        });
        let back = read_to_end(&stream, first);
        assert_eq!(back.len(), bytes.len() + 8);
        assert!(back.starts_with(&bytes) && back.ends_with(b"farewell"));
    });
    bytes.clear();
}

#[test]
fn bytes_behind_the_request_belong_to_the_tunnel() {
    let host = ECHO.get();
    let mut client = host.client();
    let mut bytes = upgrade("/upgrade", "echo/1").bytes();
    bytes.extend(b"GET / HTTP/1.1\r\nHost: not a request\r\n\r\n");
    client.send(&bytes).unwrap();
    assert_eq!(client.head("GET").unwrap().status, 101);
    client.shutdown_write();
    let back = read_to_end(&client.writer(), client.buffered());
    assert_eq!(String::from_utf8_lossy(&back), "GET / HTTP/1.1\r\nHost: not a request\r\n\r\n");
}

#[test]
fn an_app_may_refuse_to_leave_http() {
    let host = ECHO.get();
    let mut client = host.client();
    let response = client.request(&upgrade("/upgrade?refuse", "websocket")).unwrap();
    assert_eq!(response.status, 200);
    let headers = response.json()["headers"].to_string();
    assert!(
        headers.contains("[\"Upgrade\",\"websocket\"]") && headers.contains("[\"Connection\",\"Upgrade\"]"),
        "{headers}"
    );
    assert_eq!(response.header("Upgrade"), None);
    assert_eq!(client.get("/").unwrap().status, 200, "the connection goes on");
}

#[test]
fn an_app_that_resets_its_tunnel_resets_the_client() {
    let host = ECHO.get();
    let mut client = host.client();
    client.send(&upgrade("/upgrade?drop", "echo/1").bytes()).unwrap();
    assert_eq!(client.head("GET").unwrap().status, 101);
    assert_eq!(client.closed().unwrap(), Closed::Reset);
}

#[test]
fn without_web_sockets_a_request_stays_in_http() {
    let switched_off =
        |text: &str| text.replace("<system.webServer>", "<system.webServer><webSocket enabled=\"false\" />");
    let host = TestHost::unruly("echo").edit("web.config", switched_off).start();
    let mut client = host.client();
    let response = client.request(&upgrade("/upgrade", "websocket")).unwrap();
    assert_eq!(
        (response.status, response.header("Connection"), response.header("Upgrade")),
        (200, None, None)
    );
    let headers = response.json()["headers"].to_string().to_ascii_lowercase();
    assert!(!headers.contains("\"upgrade\"") && !headers.contains("\"connection\""), "{headers}");
    let environment = client.get("/environment").unwrap().json();
    assert_eq!(environment["variables"]["ASPNETCORE_IIS_WEBSOCKETS_SUPPORTED"], "false");
    drop(client);
    host.stop();

    let host = TestHost::app("InProcessSite")
        .model(e2e::Model::OutOfProcess)
        .edit("web.config", switched_off)
        .start();
    assert_eq!(host.text("/UpgradeFeatureDetection"), "Disabled");
    assert_eq!(host.text("/HelloWorld"), "Hello World");
    host.stop();
}

#[test]
fn the_app_finds_what_an_upgrade_needs() {
    let host = SITE.get();
    let detect = upgrade("/UpgradeFeatureDetection", "websocket");
    assert_eq!(host.send(&detect).text(), "Enabled");
    // A request with a body cannot be one.
    assert_eq!(host.send(&Request::post("/WebSocketNotUpgradable", "Hello World")).status, 200);
    let mut socket = open(&host, "/WebSocketLifetimeEvents");
    assert_eq!(socket.read().unwrap(), Message::text("OnStarting"));
    assert_eq!(socket.read().unwrap(), Message::text("Upgraded"));
    let mut socket = open(&host, "/WebSocketReadBeforeUpgrade");
    assert_eq!(socket.read().unwrap(), Message::text("Yay"));
}

/// A masked frame; the mask is zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    frame.extend(payload);
    frame
}

fn read_frame(client: &mut impl Read) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    client.read_exact(&mut head).unwrap();
    assert!(head[1] < 126, "a short frame is due: {head:?}");
    let mut payload = vec![0; head[1].into()];
    client.read_exact(&mut payload).unwrap();
    (head[0], payload)
}

#[test]
fn compression_is_between_the_client_and_the_app() {
    let host = SITE.get();
    let mut client = host.client();
    let offer = "permessage-deflate; client_max_window_bits=15";
    let request = upgrade("/WebSocketAllowCompression", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Extensions", offer);
    client.send(&request.bytes()).unwrap();
    let response = client.head("GET").unwrap();
    assert_eq!(response.status, 101);
    assert!(
        response.header("Sec-WebSocket-Extensions").unwrap().starts_with("permessage-deflate"),
        "{response:?}"
    );
    // The app's first frame may have come with the head.
    let mut from_app = std::io::Cursor::new(client.buffered()).chain(client.writer());
    let mut stream = client.writer();
    const COMPRESSED_TEXT: u8 = 0xc1;
    // The app tells which extensions it was offered; its frames are compressed.
    assert_eq!(read_frame(&mut from_app).0, COMPRESSED_TEXT);
    // "Hello", compressed as in RFC 7692, section 7.2.3.1.
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    for round in 0..1_000 {
        stream.write_all(&frame(COMPRESSED_TEXT, &hello)).unwrap();
        let (first, payload) = read_frame(&mut from_app);
        assert_eq!(first, COMPRESSED_TEXT, "round {round}");
        // With the window kept, all but the first echo are shorter references to it.
        assert!(!payload.is_empty() && payload.len() <= hello.len(), "round {round}: {payload:?}");
    }
}

#[test]
fn fragments_and_control_frames_between_them() {
    let host = MINIMAL.get();
    let mut socket = open(&host, "/ws");
    let part = |opcode, last, text: &str| {
        let header = FrameHeader { opcode: OpCode::Data(opcode), is_final: last, ..FrameHeader::default() };
        Message::Frame(Frame::from_payload(header, text.to_owned().into()))
    };
    socket.send(part(Data::Text, false, "in ")).unwrap();
    socket.send(Message::Ping("between".into())).unwrap();
    socket.send(part(Data::Continue, false, "three ")).unwrap();
    socket.send(part(Data::Continue, true, "parts")).unwrap();
    let mut pong = false;
    loop {
        match socket.read().unwrap() {
            Message::Pong(bytes) => pong = bytes.as_ref() == b"between",
            Message::Text(text) => {
                assert_eq!(text.as_str(), "in three parts");
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(pong, "the app answers pings itself");
    let large = pattern(0, 20 << 20);
    let mut sender = WebSocket::from_raw_socket(
        socket.get_ref().try_clone().unwrap(),
        tungstenite::protocol::Role::Client,
        None,
    );
    std::thread::scope(|scope| {
        scope.spawn(|| sender.send(Message::binary(large.clone())).unwrap());
        assert!(socket.read().unwrap().into_data() == large);
    });
}

#[test]
fn a_thousand_web_sockets() {
    let host = MINIMAL.get();
    let mut sockets: Vec<Socket> = (0..1_000).map(|_| open(&host, "/ws")).collect();
    for round in 0..2 {
        for (i, socket) in sockets.iter_mut().enumerate() {
            socket.send(Message::text(format!("socket {i} round {round}"))).unwrap();
        }
        for (i, socket) in sockets.iter_mut().enumerate() {
            assert_eq!(socket.read().unwrap(), Message::text(format!("socket {i} round {round}")));
        }
    }
    assert_eq!(host.text("/"), "Hello World!");
    for socket in &mut sockets {
        socket.close(None).unwrap();
    }
    for socket in &mut sockets {
        assert!(matches!(socket.read().unwrap(), Message::Close(_)));
    }
}

#[test]
fn an_app_that_dies_ends_its_tunnels() {
    let host = TestHost::unruly("echo").any_log().start();
    let tunnels: Vec<TcpStream> = (0..10)
        .map(|_| {
            let (mut stream, _) = tunnel(&host, "/upgrade", "echo/1");
            stream.write_all(b"here").unwrap();
            let mut back = [0; 4];
            stream.read_exact(&mut back).unwrap();
            stream
        })
        .collect();
    let worker = host.workers()[0];
    let sockets = || proc::descriptors(worker).iter().filter(|name| name.starts_with("socket:")).count();
    let before = sockets();
    kill(host.programs()[0], Signal::KILL);
    for mut stream in &tunnels {
        // An end or a reset, and nothing before it.
        assert!(matches!(stream.read(&mut [0; 100]), Ok(0) | Err(_)));
    }
    // The clients hold on to their side; the worker does not.
    wait::until_true("the sockets' end", PATIENCE, || sockets() + 20 <= before);
    assert_eq!(host.get("/").status, 200);
    host.stop();
}

#[test]
fn an_app_is_told_of_clients_that_vanish() {
    let host = TestHost::unruly("echo").start();
    let open_connections = || host.json("/stats")["open"].as_u64().unwrap();
    let before = open_connections();
    for (how, resets) in [("end", false), ("reset", true)] {
        let tunnels: Vec<TcpStream> = (0..10).map(|_| tunnel(&host, "/upgrade", "echo/1").0).collect();
        assert!(open_connections() >= before + 10);
        for stream in &tunnels {
            let linger = resets.then_some(Duration::ZERO);
            socket2::SockRef::from(stream).set_linger(linger).unwrap();
        }
        drop(tunnels);
        wait::until_true(&format!("the {how} of ten tunnels"), PATIENCE, || open_connections() <= before + 1);
    }
    host.stop();
}

#[test]
fn stopping_ends_tunnels_of_clients_that_stay() {
    let host = TestHost::app("InProcessSite").model(e2e::Model::OutOfProcess).start();
    let mut sockets: Vec<Socket> = (0..5).map(|_| open(&host, "/WebSocketEcho")).collect();
    for socket in &mut sockets {
        socket.send(Message::text("hello")).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text("hello"));
    }
    let mut idle: Client = host.client();
    assert_eq!(idle.get("/HelloWorld").unwrap().status, 200);
    host.signal(Signal::TERM);
    for socket in &mut sockets {
        assert!(socket.read().is_err());
    }
    host.ended(0);
    drop(idle);
}
