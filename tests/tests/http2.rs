//! HTTP/2 to real apps: over TLS as curl speaks it, and frame by frame without TLS. Most of it is in-process; an app with a
//! process of its own is spoken to over HTTP/1.1, whatever the client speaks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../crates/server/tests/common/http2.rs"]
mod http2;

use e2e::{Model, PATIENCE, SharedHost, TestHost, pattern, wait};
use http2::*;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::process::Command;
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

fn with_http2(app: &str, model: Model) -> TestHost {
    TestHost::app(app).model(model).flag("--http2").flag("always").start()
}

static SITE: SharedHost = SharedHost::new(|| with_http2("InProcessSite", Model::InProcess));
static IN_PROCESS: SharedHost = SharedHost::new(|| with_http2("Minimal", Model::InProcess));
static OUT_OF_PROCESS: SharedHost = SharedHost::new(|| with_http2("Minimal", Model::OutOfProcess));

fn connect(host: &TestHost) -> Client {
    Client::connect((Ipv4Addr::LOCALHOST, host.port()).into())
}

/// Sends one request to the site, on a connection of its own.
fn site(method: &str, path: &str, fields: &[(&str, &str)], body: Option<&[u8]>) -> Response {
    let host = SITE.get();
    let mut client = connect(&host);
    let mut all = request(method, path);
    all.extend_from_slice(fields);
    let stream = client.begin(&all, body.is_none());
    if let Some(body) = body {
        client.data(stream, body, true);
    }
    client.response(stream)
}

fn assert_hello(response: &Response, trailers: &[(&str, &str)]) {
    assert_eq!((response.status, response.text(), response.reset), (200, "Hello World", None));
    let sent: Vec<(&str, &str)> =
        response.trailers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(sent, trailers);
}

#[test]
fn requests_with_and_without_bodies() {
    assert_eq!(site("GET", "/CheckProtocol", &[], None).text(), "HTTP/2");
    for method in ["GET", "HEAD", "PATCH", "DELETE", "CUSTOM"] {
        let response = site(method, "/Http2_MethodsRequestWithoutData_Success", &[], None);
        assert_eq!((response.status, response.text()), (200, ""), "{method}");
    }
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "CUSTOM"] {
        let length = [("content-length", "11")];
        let path = "/Http2_RequestWithDataAndContentLength_Success";
        assert_hello(&site(method, path, &length, Some(b"Hello World")), &[]);
        let path = "/Http2_RequestWithDataAndNoContentLength_Success";
        assert_hello(&site(method, path, &[], Some(b"Hello World")), &[]);
    }
    assert_hello(&site("GET", "/Http2_ResponseWithData_Success", &[], None), &[]);
    assert_eq!(site("GET", "/AppException_BeforeResponseHeaders_500", &[], None).status, 500);
    let cookies = [("cookie", "a=1"), ("cookie", "b=2; c=3")];
    assert_eq!(site("GET", "/CheckProtocol", &cookies, None).text(), "HTTP/2");
}

#[test]
fn trailers_end_responses() {
    let name = "trailername";
    for (path, body, trailers) in [
        ("HTTP2_TrailersAvailable", "", vec![]),
        ("ProhibitedTrailers_Blocked", "", vec![]),
        ("NoBody_TrailersSent", "", vec![(name, "TrailerValue")]),
        ("WithBody_TrailersSent", "Hello World", vec![(name, "TrailerValue")]),
        ("WithContentLengthBody_TrailersSent", "Hello World", vec![(name, "TrailerValue")]),
        (
            "WithTrailersBeforeContentLengthBody_TrailersSent",
            "Hello WorldHello World",
            vec![(name, "TrailerValue")],
        ),
        ("WithContentLengthBodyAndDeclared_TrailersSent", "Hello World", vec![(name, "TrailerValue")]),
        ("WithContentLengthBodyAndDeclaredButMissingTrailers_Completes", "Hello World", vec![]),
        ("MultipleValues_SentAsSeparateHeaders", "", vec![(name, "TrailerValue0"), (name, "TrailerValue1")]),
    ] {
        let response = site("GET", &format!("/ResponseTrailers_{path}"), &[], None);
        assert_eq!((response.status, response.text(), response.reset), (200, body, None), "{path}");
        let sent: Vec<(&str, String)> = response
            .trailers
            .iter()
            .map(|(name, value)| (name.as_str(), value.replace("Trailer Value", "TrailerValue")))
            .collect();
        let trailers: Vec<(&str, String)> =
            trailers.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        assert_eq!(sent, trailers, "{path}");
    }
    let large = site("GET", "/ResponseTrailers_LargeTrailers_Success", &[], None);
    let sizes: Vec<usize> = large.trailers.iter().map(|(_, value)| value.len()).collect();
    assert_eq!(sizes, [1024, 4 * 1024, 8 * 1024, 16 * 1024, 32 * 1024, 64 * 1024 - 1]);
}

#[test]
fn a_response_can_be_complete_before_its_handler() {
    let host = SITE.get();
    for path in [
        "/ResponseTrailers_CompleteAsyncNoBody_TrailersSent",
        "/ResponseTrailers_CompleteAsyncWithBody_TrailersSent",
        "/CompleteAsync",
    ] {
        let mut client = connect(&host);
        let response = client.fetch(path);
        assert_eq!((response.status, response.reset), (200, None), "{path}");
        assert_eq!(response.trailers.len(), usize::from(path != "/CompleteAsync"), "{path}");
        assert_eq!(client.fetch(&format!("{path}_Completed")).status, 200, "{path}");
    }
}

#[test]
fn the_app_resets_streams() {
    let host = SITE.get();
    let mut client = connect(&host);
    for (path, code, partner) in [
        ("Reset_BeforeResponse_Resets", 1111, "Reset_BeforeResponse_Resets_Complete"),
        ("Reset_BeforeResponse_Zero_Resets", 0, "Reset_BeforeResponse_Resets_Zero_Complete"),
        ("Reset_AfterResponseHeaders_Resets", 1111, "Reset_AfterResponseHeaders_Resets_Complete"),
        ("Reset_DuringResponseBody_Resets", 1111, "Reset_DuringResponseBody_Resets_Complete"),
    ] {
        let response = client.fetch(&format!("/{path}"));
        assert_eq!(response.reset, Some(code), "{path}");
        assert_eq!(response.status != 0, !path.contains("BeforeResponse"), "{path}");
        assert_eq!(client.fetch(&format!("/{partner}")).status, 200, "{path}");
    }
    let response = client.fetch("/AppException_AfterHeaders_ResetInternalError");
    assert_eq!((response.status, response.reset), (200, Some(INTERNAL_ERROR)));
    for (path, sent) in [("Reset_BeforeRequestBody_Resets", 0), ("Reset_DuringRequestBody_Resets", 10)] {
        let stream = client.post(&format!("/{path}"));
        if sent > 0 {
            client.data(stream, &vec![b'x'; sent], false);
        }
        assert_eq!(client.on(stream).code(), 1111, "{path}");
        assert_eq!(client.fetch(&format!("/{path}_Complete")).status, 200, "{path}");
    }
    assert_hello(&client.fetch("/Reset_AfterCompleteAsync_NoReset"), &[]);
    // The pattern of gRPC: the answer is whole, and the rest of the request is not wanted.
    let stream = client.post("/Reset_CompleteAsyncDuringRequestBody_Resets");
    client.data(stream, &[b'x'; 10], false);
    let response = client.response(stream);
    assert_eq!((response.status, response.reset), (200, None));
    assert_eq!(client.on(stream).code(), NO_ERROR);
}

#[test]
fn the_app_asks_for_the_connections_end() {
    let host = SITE.get();
    let mut client = connect(&host);
    let stream = client.get("/ConnectionRequestClose");
    let goodbye = client.find(|frame| frame.kind == GOAWAY);
    assert_eq!((goodbye.code(), &goodbye.payload[..4]), (NO_ERROR, &[0x7f, 0xff, 0xff, 0xff][..]));
    let response = client.response(stream);
    assert_eq!((response.status, response.header("connection")), (200, None));
    assert!(client.go_away().is_some());
}

#[test]
fn both_directions_stream_at_the_same_time() {
    for host in [&IN_PROCESS, &OUT_OF_PROCESS] {
        let host = host.get();
        let mut client = connect(&host);
        // Several conversations, a message in each in turn: nobody waits for the end of anything.
        let streams: Vec<u32> = (0..5).map(|_| client.post("/echo")).collect();
        for round in 0..20 {
            for &stream in &streams {
                let message = format!("message {round} on {stream}");
                client.data(stream, message.as_bytes(), false);
                let mut back = Vec::new();
                while back.len() < message.len() {
                    let frame = client.on(stream);
                    if frame.kind == DATA {
                        back.extend_from_slice(&frame.payload);
                    }
                }
                assert_eq!(back, message.as_bytes());
            }
        }
        for &stream in &streams {
            client.data(stream, b"", true);
            while !client.on(stream).ends_stream() {}
        }
    }
}

#[test]
fn large_bodies_come_whole_in_both_models() {
    for host in [&IN_PROCESS, &OUT_OF_PROCESS] {
        let host = host.get();
        let mut client = connect(&host);
        let expected = pattern(0, 3_000_000);
        for path in ["/large?bytes=3000000", "/large?bytes=3000000&length=true"] {
            let stream = client.get(path);
            assert!(client.response(stream).body == expected, "{path}");
        }
        let stream = client.post("/upload-hash");
        // Within the windows that every stream begins with.
        for piece in expected[..200_000].chunks(10_000) {
            client.data(stream, piece, false);
        }
        client.put(HEADERS, END_HEADERS | END_STREAM, stream, &block(&[("x-sum", "42")]));
        let response = client.response(stream);
        let told: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(told["sha256"], e2e::sha256_hex(&expected[..200_000]), "{told}");
        assert_eq!(told["trailers"]["x-sum"], "42", "{told}");
    }
}

/// A stream that was accepted as a WebSocket.
struct Tunnel {
    client: Client,
    stream: u32,
    rest: Vec<u8>,
    over: bool,
}

impl Tunnel {
    fn open(host: &TestHost, path: &str) -> Result<WebSocket<Self>, Response> {
        let mut client = connect(host);
        let fields = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "localhost"),
            ("sec-websocket-version", "13"),
        ];
        let stream = client.begin(&fields, false);
        let answer = client.on(stream);
        let status =
            answer.fields.iter().find(|(name, _)| name == ":status").map(|(_, value)| value.as_str());
        if status != Some("200") {
            let status = status.unwrap().parse().unwrap();
            return Err(Response { status, headers: answer.fields, ..Response::default() });
        }
        for forbidden in ["connection", "upgrade", "sec-websocket-accept", "content-length"] {
            assert!(answer.fields.iter().all(|(name, _)| name != forbidden), "{:?}", answer.fields);
        }
        let tunnel = Self { client, stream, rest: Vec::new(), over: false };
        Ok(WebSocket::from_raw_socket(tunnel, Role::Client, None))
    }
}

impl Read for Tunnel {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() && !self.over {
            let frame = self.client.on(self.stream);
            match frame.kind {
                DATA => {
                    self.over = frame.ends_stream();
                    let count = frame.payload.len() as u32;
                    self.rest = frame.payload;
                    if count > 0 && !self.over {
                        self.client.window(self.stream, count);
                    }
                }
                RST_STREAM => return Err(io::Error::other(format!("reset with {}", frame.code()))),
                other => panic!("frame type {other} in a tunnel"),
            }
        }
        let count = into.len().min(self.rest.len());
        into[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}

impl Write for Tunnel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(16_000)];
        self.client.data(self.stream, piece, false);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn websockets_in_both_models() {
    for host in [&IN_PROCESS, &OUT_OF_PROCESS] {
        let host = host.get();
        let mut socket =
            Tunnel::open(&host, "/ws").unwrap_or_else(|refused| panic!("{refused:?}\n{}", host.story()));
        for message in [
            Message::text("hello"),
            Message::text(""),
            Message::binary(pattern(0, 150_000)),
            Message::text("π ≠ 3"),
        ] {
            socket.send(message.clone()).unwrap();
            let answer = socket.read().unwrap();
            assert!(answer == message, "{} bytes came back for {}", answer.len(), message.len());
        }
        socket.send(Message::text("close")).unwrap();
        let Message::Close(Some(frame)) = socket.read().unwrap() else { panic!("no closing frame") };
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1000, "asked to close"));
        // What is no WebSocket endpoint does not become one.
        let refused = Tunnel::open(&host, "/").err().expect("an ordinary page is no WebSocket");
        assert!(refused.status >= 400, "{refused:?}");
        let mut aborted = Tunnel::open(&host, "/ws").unwrap();
        aborted.send(Message::text("abort")).unwrap();
        assert!(aborted.read().is_err());
    }
}

#[test]
fn an_app_with_its_own_process_sees_http_1_and_the_clients_host() {
    let host = OUT_OF_PROCESS.get();
    let mut client = connect(&host);
    let response = client.fetch("/request/a%20b?c=d");
    let seen: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(seen["protocol"], "HTTP/1.1", "{seen}");
    assert_eq!((&seen["host"], &seen["rawTarget"]), (&"test".into(), &"/request/a%20b?c=d".into()), "{seen}");
    assert_eq!(seen["remoteAddress"], "127.0.0.1", "{seen}");
    let seen: serde_json::Value =
        serde_json::from_slice(&connect(&IN_PROCESS.get()).fetch("/request/a%20b?c=d").body).unwrap();
    assert_eq!(seen["protocol"], "HTTP/2", "{seen}");
    assert_eq!((&seen["host"], &seen["rawTarget"]), (&"test".into(), &"/request/a%20b?c=d".into()), "{seen}");
}

#[test]
fn requests_abandoned_by_the_client_end_in_the_app() {
    let host = SITE.get();
    let mut client = connect(&host);
    let stream = client.get("/WaitForAbort");
    wait::until_true("the request is in the app", PATIENCE, || {
        site("GET", "/WaitingRequestCount", &[], None).text() == "1"
    });
    client.reset(stream, CANCEL);
    wait::until_true("the app has noticed", PATIENCE, || {
        site("GET", "/WaitingRequestCount", &[], None).text() == "0"
    });
    let stream = client.get("/WaitForAbort");
    wait::until_true("the request is in the app", PATIENCE, || {
        site("GET", "/WaitingRequestCount", &[], None).text() == "1"
    });
    drop((client, stream));
    wait::until_true("the app has noticed", PATIENCE, || {
        site("GET", "/WaitingRequestCount", &[], None).text() == "0"
    });
}

fn run(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).output();
    let done = done.unwrap_or_else(|error| panic!("{program}: {error}"));
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{program} {arguments:?}: {text}");
    text
}

#[test]
fn other_peoples_clients() {
    for model in [Model::InProcess, Model::OutOfProcess] {
        let host = TestHost::app("Minimal")
            .model(model)
            .urls("https://localhost:0")
            .allow_log("SELF-SIGNED")
            .start();
        let url = |path: &str| format!("https://localhost:{}{path}", host.port());
        let curl = |more: &[&str], path: &str| {
            let url = url(path);
            run(
                "curl",
                &[&["-sS", "--insecure", "--max-time", "20", "-w", " %{http_version}"], more, &[&url]]
                    .concat(),
            )
        };
        assert_eq!(curl(&[], "/"), "Hello World! 2");
        assert_eq!(curl(&["--http1.1"], "/"), "Hello World! 1.1");
        let body = "x".repeat(100_000);
        assert_eq!(curl(&["--data", &body], "/echo"), format!("{body} 2"));
        let frames = run("nghttp", &["-v", "-n", "--timeout=20", "-m", "5", &url("/large?bytes=200000")]);
        assert!(!frames.contains("RST_STREAM") && frames.contains(":status: 200"), "{frames}");
        let load = run("h2load", &["-n", "3000", "-c", "4", "-m", "50", &url("/")]);
        assert!(load.contains("3000 succeeded, 0 failed, 0 errored"), "{load}");
        host.stop();
    }
}

#[test]
fn off_means_off() {
    let host = TestHost::app("Minimal")
        .urls("https://localhost:0")
        .flag("--http2")
        .flag("off")
        .allow_log("SELF-SIGNED")
        .start();
    let url = format!("https://localhost:{}/", host.port());
    let text = run("curl", &["-sS", "--insecure", "--http2", "-w", " %{http_version}", &url]);
    assert_eq!(text, "Hello World! 1.1");
    host.stop();
}
