//! What becomes of request bodies that the app leaves, limits, asks for or reads synchronously.

use crate::MODEL;

use e2e::{Request, SharedHost, TestHost, pattern};
use std::time::{Duration, Instant};

static MINIMAL: SharedHost = SharedHost::new(|| TestHost::app("Minimal").model(MODEL).start());

#[test]
fn a_body_that_the_app_leaves_is_skipped() {
    let host = MINIMAL.get();
    let mut client = host.client();
    let first = client.get("/request/0").unwrap().json()["connectionId"].clone();
    let response = client.request(&Request::post("/nowhere", vec![b'x'; 20_000])).unwrap();
    assert_eq!(response.status, 404);
    // Its bytes look like a request on purpose.
    let response =
        client.request(&Request::post("/nowhere", "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
    assert_eq!(response.status, 404);
    let last = client.get("/request/1").unwrap().json();
    // Which of its connections an app with a process of its own sees depends on who asks at the same time.
    assert!(MODEL.is_out_of_process() || last["connectionId"] == first, "{last}");
}

#[test]
fn a_large_body_that_the_app_leaves_costs_the_connection() {
    let host = MINIMAL.get();
    let mut client = host.client();
    client.send(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    let response = client.response("POST").unwrap();
    assert_eq!(response.status, 404);
    // Whether the client stops or goes on sending, the answer has come and the server takes no 100 MB for nothing.
    let began = Instant::now();
    let mut piece = b"10000\r\n".to_vec();
    piece.resize(piece.len() + 0x10000, 0);
    piece.extend_from_slice(b"\r\n");
    let mut sent = 0;
    while sent < 100_000_000 && client.send(&piece).is_ok() {
        sent += piece.len();
    }
    assert!(sent < 100_000_000, "the server took all of the body");
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[test]
fn the_apps_own_body_limit_is_kept() {
    let host = MINIMAL.get();
    let limited = host.send(&Request::post("/max-body?set=100", vec![0; 101]));
    assert_eq!(limited.status, 413, "{limited:?}");
    let fits = host.send(&Request::post("/max-body?set=100", vec![0; 100])).json();
    assert_eq!(fits["length"], 100);
    // Behind a host that has a limit of its own, the app's server is relieved of it.
    let before = if MODEL.is_out_of_process() { serde_json::Value::Null } else { 30_000_000.into() };
    assert_eq!(fits["before"], before);
    assert_eq!(fits["limit"], 100);
    assert_eq!(fits["readOnlyAfterRead"], true);
    // Chunked bodies are counted as they come.
    let chunked = Request::new("POST", "/max-body?set=100").header("Transfer-Encoding", "chunked");
    let body = format!("65\r\n{}\r\n0\r\n\r\n", "x".repeat(101));
    assert_eq!(host.send(&chunked.body(body)).status, 413);
    // An app may lift its own limit, not the host's.
    let lifted = host.send(&Request::post("/max-body?set=-1", vec![0; 50_000])).json();
    assert_eq!((lifted["length"].as_u64(), lifted["limit"].is_null()), (Some(50_000), true));
}

#[test]
fn synchronous_reads_and_writes_are_refused_unless_allowed() {
    let host = MINIMAL.get();
    assert!(host.send(&Request::post("/sync-read", "hello")).text().starts_with("refused: "));
    assert_eq!(host.send(&Request::post("/sync-read?allow=true", vec![0; 100_000])).text(), "read 100000");
    assert!(host.text("/sync-write").starts_with("refused: "));
    assert_eq!(host.get("/sync-write?allow=true&bytes=300000").body, pattern(0, 300_000));
}

#[test]
fn continue_is_sent_when_the_app_reads_and_only_then() {
    let host = MINIMAL.get();
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        .into_bytes()
    };
    let mut client = host.client();
    client.send(&head("/upload-hash")).unwrap();
    // The interim response comes before any byte of the body has been sent.
    let mut interim = [0; 25];
    std::io::Read::read_exact(&mut client.writer(), &mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send(b"hello").unwrap();
    let response = client.response("POST").unwrap();
    assert_eq!((response.status, response.interim.len()), (200, 0));
    assert_eq!(response.json()["length"], 5);

    // An app that does not read gets no body and says no more than its answer.
    let mut client = host.client();
    client.send(&head("/nowhere")).unwrap();
    let response = client.response("POST").unwrap();
    assert_eq!((response.status, response.interim.len()), (404, 0));

    // Nor is a body asked for that has come already.
    let mut client = host.client();
    let mut bytes = head("/upload-hash");
    bytes.extend(b"hello");
    client.send(&bytes).unwrap();
    assert_eq!(client.response("POST").unwrap().json()["length"], 5);
    assert_eq!(client.get("/").unwrap().status, 200);
}
