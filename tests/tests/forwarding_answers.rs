//! Out-of-process hosting, what becomes of the app's answer: statuses, dates, bodies of every framing, interim answers, trailers, and whether a body is sent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Request, SharedHost, TestHost};
use serde_json::json;
use std::io::Read as _;

static ECHO: SharedHost = SharedHost::new(|| TestHost::unruly("echo").start());

#[test]
fn one_date_leaves_and_the_server_that_the_app_names() {
    let host = ECHO.get();
    let mut client = host.client();
    let response = client.get("/").unwrap();
    assert_eq!(response.headers_named("Date").len(), 1);
    assert_eq!(response.header("Server"), Some("unruly"));
    let response = client.get("/?no-date&no-server").unwrap();
    assert_eq!(response.headers_named("Date").len(), 1);
    assert_eq!(response.header("Server"), None);
    let response = client.get("/?header=Date:Fri,%2002%20Jan%201970%2000:00:00%20GMT").unwrap();
    assert_eq!(response.headers_named("Date").len(), 1);
}

#[test]
fn statuses_and_reasons() {
    let host = ECHO.get();
    let mut client = host.client();
    for (target, status, reason) in [
        ("/status?code=200&reason=Fine", 200, "OK"),
        ("/status?code=201&reason=Made", 201, "Made"),
        ("/status?code=404&reason=Gone%20Fishing", 404, "Gone Fishing"),
        ("/status?code=503&reason=", 503, ""),
        ("/status?code=599&reason=x", 599, "x"),
        ("/status?code=999&reason=y", 999, "y"),
    ] {
        let response = client.get(target).unwrap();
        let got = (response.status, response.reason.as_str());
        // An empty phrase may be filled in.
        assert!(got == (status, reason) || (reason.is_empty() && got.0 == status), "{target}: {got:?}");
    }
    for target in ["/status?code=204", "/status?code=304"] {
        let response = client.get(target).unwrap();
        assert_eq!(response.header("Transfer-Encoding"), None, "{target}");
        assert_eq!((response.header("Content-Length"), response.body.len()), (None, 0), "{target}");
    }
    // An answer without a body may tell of one.
    let head = client.request(&Request::new("HEAD", "/bytes?n=12345")).unwrap();
    assert_eq!((head.header("Content-Length"), head.body.len()), (Some("12345"), 0));
    let head = client.request(&Request::new("HEAD", "/chunked?n=12345")).unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(client.get("/").unwrap().status, 200);
}

#[test]
fn bodies_of_every_framing() {
    let host = ECHO.get();
    let mut client = host.client();
    for length in [0, 1, 16_384, 1_000_003] {
        for page in ["bytes", "chunked", "close-delimited"] {
            let response = client.get(&format!("/{page}?n={length}&piece=7001")).unwrap();
            assert!(
                response.body == e2e::pattern(0, length),
                "/{page}: {} of {length} bytes",
                response.body.len()
            );
        }
        let body = e2e::pattern(3, length);
        let response = client.request(&Request::post("/body", body.clone())).unwrap();
        assert!(response.body == body, "{} of {length} bytes came back", response.body.len());
    }
}

#[test]
fn early_hints_reach_the_client() {
    let host = ECHO.get();
    let mut client = host.client();
    let response = client.get("/early-hints?n=3").unwrap();
    assert_eq!((response.status, response.interim.as_slice()), (200, &[103, 103, 103][..]));
    // Before the answer, and with their fields.
    let mut client = host.client();
    client.send(&Request::get("/early-hints").bytes()).unwrap();
    let text = "HTTP/1.1 103 Early Hints\r\nLink: </0.css>; rel=preload\r\n\r\n";
    let mut hints = vec![0; text.len()];
    client.writer().read_exact(&mut hints).unwrap();
    assert_eq!(String::from_utf8_lossy(&hints), text);
    assert_eq!(client.response("GET").unwrap().status, 200);
}

#[test]
fn trailers_go_both_ways() {
    let host = ECHO.get();
    let mut client = host.client();
    let request = Request::new("POST", "/")
        .header("Transfer-Encoding", "chunked")
        .header("Trailer", "X-Sum")
        .body("5\r\nhello\r\n0\r\nX-Sum: 42\r\nX-More: yes\r\n\r\n");
    let seen = client.request(&request).unwrap().json();
    assert_eq!(seen["trailers"], json!([["X-Sum", "42"], ["X-More", "yes"]]));
    assert_eq!(seen["body"], "hello");
    assert!(seen["headers"].as_array().unwrap().contains(&json!(["Trailer", "X-Sum"])), "{seen}");
    let response = client.request(&Request::get("/trailers").header("TE", "trailers")).unwrap();
    assert_eq!(response.text(), "with trailers");
    assert_eq!(
        (response.trailers_named("X-Length"), response.trailers_named("X-Last")),
        (vec!["0"], vec!["yes"])
    );
    assert_eq!(response.header("Trailer"), Some("X-Length, X-Last"));
    let response = client.get("/trailers").unwrap();
    assert_eq!(
        (response.text(), response.trailers.len(), response.header("Trailer")),
        ("with trailers", 0, None)
    );
}

fn expecting(path: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        .into_bytes()
}

#[test]
fn the_app_decides_whether_the_body_is_sent() {
    let host = ECHO.get();
    let mut client = host.client();
    client.send(&expecting("/x")).unwrap();
    let mut interim = [0; 25];
    client.writer().read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send(b"hello").unwrap();
    let seen = client.response("POST").unwrap().json();
    assert_eq!(seen["body"], "hello");
    assert!(seen["headers"].as_array().unwrap().contains(&json!(["Expect", "100-continue"])), "{seen}");

    let mut client = host.client();
    client.send(&expecting("/refuse-expect")).unwrap();
    let refused = client.response("POST").unwrap();
    assert_eq!((refused.status, refused.interim.len()), (417, 0));

    // An answer before the body, without a word about the body.
    let mut client = host.client();
    client.send(&expecting("/early-answer")).unwrap();
    let early = client.response("POST").unwrap();
    assert_eq!((early.text(), early.interim.len()), ("early", 0));

    // A server that knows nothing of it gets the body all the same.
    let mut client = host.client();
    client.send(&expecting("/never-continue")).unwrap();
    client.send(b"hello").unwrap();
    assert_eq!(client.response("POST").unwrap().json()["body"], "hello");
    let mut client = host.client();
    client.send(&expecting("/never-continue")).unwrap();
    client.writer().read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send(b"hello").unwrap();
    assert_eq!(client.response("POST").unwrap().json()["body"], "hello");
}
