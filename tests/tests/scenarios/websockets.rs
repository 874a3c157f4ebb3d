//! WebSockets through the app's own middleware and through the server's upgrade feature, with an independent client.

use crate::MODEL;

use e2e::{Request, SharedHost, TestHost, is_cut, pattern, wait};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;
use tungstenite::handshake::client::Response;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Message, WebSocket};

const PATIENCE: Duration = Duration::from_secs(20);

static MINIMAL: SharedHost = SharedHost::new(|| TestHost::app("Minimal").model(MODEL).start());
static SITE: SharedHost = SharedHost::new(|| TestHost::app("InProcessSite").model(MODEL).start());

type Socket = WebSocket<TcpStream>;

fn open(host: &TestHost, path: &str) -> (Socket, Response) {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, host.port())).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let config = WebSocketConfig::default().max_message_size(Some(64 << 20)).max_frame_size(Some(64 << 20));
    let url = format!("ws://localhost:{}{path}", host.port());
    tungstenite::client::client_with_config(url, stream, Some(config))
        .unwrap_or_else(|error| panic!("{path}: {error}\n{}", host.story()))
}

fn echo(socket: &mut Socket, message: Message) {
    socket.send(message.clone()).unwrap();
    // The app echoes in pieces of its buffer; the client joins them.
    let answer = socket.read().unwrap();
    assert!(answer == message, "{} bytes came back for {}", answer.len(), message.len());
}

/// Reads the server's closing frame and the end of the stream.
fn read_close(socket: &mut Socket) -> Option<CloseFrame> {
    let frame = match socket.read().unwrap() {
        Message::Close(frame) => frame,
        other => panic!("a closing frame is due, not {other:?}"),
    };
    loop {
        match socket.read() {
            Err(tungstenite::Error::ConnectionClosed) => return frame,
            Err(other) => panic!("the connection ended by {other}"),
            Ok(_) => {}
        }
    }
}

#[test]
fn messages_of_every_size_come_back() {
    let host = MINIMAL.get();
    let (mut socket, response) = open(&host, "/ws");
    assert_eq!(response.status(), 101);
    echo(&mut socket, Message::text("hello"));
    echo(&mut socket, Message::text(""));
    echo(&mut socket, Message::text("π ≠ 3·14"));
    for length in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
        echo(&mut socket, Message::binary(pattern(0, length)));
    }
    for i in 0..500 {
        echo(&mut socket, Message::text(format!("message {i}")));
    }
}

#[test]
fn the_first_message_may_come_with_the_handshake() {
    let host = MINIMAL.get();
    let mut client = host.client();
    let handshake = Request::get("/ws")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let mut bytes = handshake.bytes();
    // A masked text frame "hi" with a mask of zeros.
    bytes.extend([0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
    client.send(&bytes).unwrap();
    let response = client.head("GET").unwrap();
    assert_eq!(response.status, 101);
    assert_eq!(response.header("Sec-WebSocket-Accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(response.header("Upgrade").map(str::to_ascii_lowercase).as_deref(), Some("websocket"));
    assert_eq!(response.header("Content-Length"), None);
    assert_eq!(response.header("Transfer-Encoding"), None);
    let mut frame = [0; 4];
    let already = client.buffered();
    frame[..already.len()].copy_from_slice(&already);
    std::io::Read::read_exact(&mut client.writer(), &mut frame[already.len()..]).unwrap();
    assert_eq!(frame, [0x81, 2, b'h', b'i']);
}

#[test]
fn closing_codes_pass_both_ways() {
    let host = MINIMAL.get();
    let (mut socket, _) = open(&host, "/ws");
    let frame = CloseFrame { code: CloseCode::Library(4321), reason: "goodbye".into() };
    socket.close(Some(frame.clone())).unwrap();
    assert_eq!(read_close(&mut socket), Some(frame));

    let (mut socket, _) = open(&host, "/ws");
    socket.send(Message::text("close")).unwrap();
    let frame = read_close(&mut socket).unwrap();
    assert_eq!((frame.code, frame.reason.as_str()), (CloseCode::Normal, "asked to close"));
}

#[test]
fn a_server_that_aborts_cuts_the_connection() {
    let host = MINIMAL.get();
    let (mut socket, _) = open(&host, "/ws");
    socket.send(Message::text("abort")).unwrap();
    let error = socket.read().unwrap_err();
    assert!(!matches!(error, tungstenite::Error::ConnectionClosed), "a clean close: {error}");
    assert_eq!(host.text("/"), "Hello World!");
}

#[test]
fn clients_that_vanish_are_noticed() {
    // A host of its own: its worker's sockets are counted.
    let host = TestHost::app("Minimal").model(MODEL).start();
    let worker = host.workers()[0];
    let sockets_of_worker =
        || e2e::proc::descriptors(worker).iter().filter(|name| name.starts_with("socket:")).count();
    assert_eq!(host.text("/"), "Hello World!");
    let before = sockets_of_worker();
    let sockets: Vec<_> = (0..20)
        .map(|_| {
            let (mut socket, _) = open(&host, "/ws");
            echo(&mut socket, Message::text("here"));
            socket
        })
        .collect();
    assert!(sockets_of_worker() >= before + 20 - 1);
    for socket in sockets {
        // No closing frame, and a reset instead of an end.
        socket2::SockRef::from(socket.get_ref()).set_linger(Some(Duration::ZERO)).unwrap();
    }
    wait::until_true("the sockets' end", PATIENCE, || sockets_of_worker() <= before);
    host.stop();
}

#[test]
fn fifty_at_once() {
    let host = MINIMAL.get();
    let mut sockets: Vec<Socket> = (0..50).map(|_| open(&host, "/ws").0).collect();
    for round in 0..5 {
        for (i, socket) in sockets.iter_mut().enumerate() {
            socket.send(Message::text(format!("socket {i} round {round}"))).unwrap();
        }
        for (i, socket) in sockets.iter_mut().enumerate() {
            assert_eq!(socket.read().unwrap(), Message::text(format!("socket {i} round {round}")));
        }
    }
    // Requests are served beside them.
    assert_eq!(host.text("/"), "Hello World!");
    for socket in &mut sockets {
        socket.close(None).unwrap();
        read_close(socket);
    }
}

#[test]
fn both_sides_may_talk_at_once() {
    let host = MINIMAL.get();
    let (mut socket, _) = open(&host, "/ws");
    let count: usize = 300;
    // More than both windows hold, so that neither side may wait for the other to finish.
    let mut sender = WebSocket::from_raw_socket(
        socket.get_ref().try_clone().unwrap(),
        tungstenite::protocol::Role::Client,
        None,
    );
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for i in 0..count {
                sender.send(Message::binary(pattern(i as u64, 60_000))).unwrap();
            }
        });
        for i in 0..count {
            assert!(socket.read().unwrap().into_data() == pattern(i as u64, 60_000), "message {i}");
        }
    });
}

#[test]
fn a_request_that_is_no_websocket_is_answered_as_such() {
    let host = MINIMAL.get();
    let response = host.get("/ws");
    assert_eq!(response.status, 400);
    assert_eq!(response.text(), "This address speaks WebSocket only.\n");
    // A version that nobody speaks.
    let request = Request::get("/ws")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "99")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let answer = host.client().request(&request);
    assert!(answer.is_err_and(|error| is_cut(&error)) || host.send(&request).status != 101);
}

#[test]
fn the_upgrade_feature() {
    let host = SITE.get();
    // In-process every request without a body can be upgraded; Kestrel wants to be asked for it.
    let plain = if MODEL.is_out_of_process() { 500 } else { 200 };
    assert_eq!(host.get("/WebSocketUpgradable").status, plain);
    assert_eq!(host.send(&Request::post("/WebSocketNotUpgradable", "Hello World")).status, 200);
    let answer = host.raw("GET /WebSocketUpgradeFails HTTP/1.0\r\nHost: localhost\r\n\r\n");
    assert_eq!(answer.status(), 200, "{}", answer.text());

    let (mut socket, response) = open(&host, "/WebSocketLifetimeEvents");
    assert_eq!(response.headers().get("custom-header").unwrap(), "value");
    assert_eq!(socket.read().unwrap(), Message::text("OnStarting"));
    assert_eq!(socket.read().unwrap(), Message::text("Upgraded"));
    socket.close(None).unwrap();
    read_close(&mut socket);

    let (mut socket, _) = open(&host, "/WebSocketReadBeforeUpgrade");
    assert_eq!(socket.read().unwrap(), Message::text("Yay"));
    socket.close(None).unwrap();
    read_close(&mut socket);

    let (mut socket, _) = open(&host, "/WebSocketEcho");
    echo(&mut socket, Message::text("hello"));
    echo(&mut socket, Message::binary(pattern(0, 1 << 20)));
    socket.send(Message::text("CloseFromServer")).unwrap();
    let frame = read_close(&mut socket).unwrap();
    assert_eq!((frame.code, frame.reason.as_str()), (CloseCode::Normal, "CloseFromServer"));
}

#[test]
fn stopping_ends_open_sockets() {
    let host = TestHost::app("InProcessSite").model(MODEL).start();
    let (mut socket, _) = open(&host, "/WebSocketEcho");
    echo(&mut socket, Message::text("hello"));
    host.signal(rustix::process::Signal::TERM);
    // The app returns from its handler when it is told to stop, without a closing frame.
    assert!(socket.read().is_err());
    host.ended(0);
}
