//! Requests that HTTP/1.1 forbids, or that are over a limit: each is answered with its status and the connection is closed,
//! so that bytes which a proxy might have read as another request are never run.

use crate::MODEL;

use e2e::{Closed, SharedHost, TestHost};

static MINIMAL: SharedHost = SharedHost::new(|| TestHost::app("Minimal").model(MODEL).start());

/// Follows every bad request; must never be answered.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Sends each request, followed by one that must not be run, and checks status, closing and that there is one answer.
fn assert_rejected(host: &TestHost, cases: &[(&str, u16, Vec<u8>)]) {
    let mut wrong = Vec::new();
    for (name, status, request) in cases {
        let mut bytes = request.clone();
        bytes.extend(SMUGGLED.as_bytes());
        let answer = host.raw(&bytes);
        if answer.statuses() != [*status] {
            wrong.push(format!("{name}: {status} is due, not {:?}: {:?}", answer.statuses(), answer.text()));
        } else if answer.closed != Closed::Finished {
            wrong.push(format!("{name}: the connection ended as {:?}", answer.closed));
        } else if !answer.text().to_ascii_lowercase().contains("\r\nconnection: close\r\n") {
            wrong.push(format!("{name}: no Connection: close in {:?}", answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// A `GET` with these header lines after `Host`.
fn get(lines: &str) -> Vec<u8> {
    format!("GET /json HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").into_bytes()
}

/// A `POST` with these header lines and this body.
fn post(lines: &str, body: &str) -> Vec<u8> {
    format!("POST /upload-hash HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n{body}").into_bytes()
}

fn line(request_line: &str) -> Vec<u8> {
    format!("{request_line}\r\nHost: localhost\r\n\r\n").into_bytes()
}

#[test]
fn two_framings_or_a_bad_one() {
    let chunked = "5\r\nhello\r\n0\r\n\r\n";
    assert_rejected(
        &MINIMAL.get(),
        &[
            ("length and chunked", 400, post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", chunked)),
            ("chunked and length", 400, post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", chunked)),
            ("length twice, equal", 400, post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")),
            ("length twice, different", 400, post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello")),
            ("length list", 400, post("Content-Length: 5, 5\r\n", "hello")),
            ("length with a plus", 400, post("Content-Length: +5\r\n", "hello")),
            ("negative length", 400, post("Content-Length: -5\r\n", "hello")),
            ("length with a letter", 400, post("Content-Length: 5a\r\n", "hello")),
            ("hexadecimal length", 400, post("Content-Length: 0x5\r\n", "hello")),
            ("empty length", 400, post("Content-Length:\r\n", "hello")),
            ("length with an inner blank", 400, post("Content-Length: 5 5\r\n", "hello")),
            ("length over 64 bits", 400, post("Content-Length: 99999999999999999999\r\n", "hello")),
            ("coding identity", 400, post("Transfer-Encoding: identity\r\n", "")),
            ("chunked not last", 400, post("Transfer-Encoding: chunked, gzip\r\n", chunked)),
            ("chunked twice", 400, post("Transfer-Encoding: chunked, chunked\r\n", chunked)),
            (
                "chunked twice, two lines",
                400,
                post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunked),
            ),
            ("unknown coding", 400, post("Transfer-Encoding: xchunked\r\n", chunked)),
            ("chunked with a vertical tab", 400, post("Transfer-Encoding: \x0bchunked\r\n", chunked)),
            (
                "chunked with HTTP/1.0",
                400,
                format!("POST /upload-hash HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}")
                    .into_bytes(),
            ),
        ],
    );
}

#[test]
fn malformed_heads() {
    assert_rejected(
        &MINIMAL.get(),
        &[
            ("bare LF after the request line", 400, b"GET /json HTTP/1.1\nHost: localhost\r\n\r\n".to_vec()),
            ("bare LF after a header", 400, get("X-A: 1\nX-B: 2\r\n")),
            ("bare LF at the end", 400, b"GET /json HTTP/1.1\r\nHost: localhost\n\n".to_vec()),
            ("bare CR in a value", 400, get("X-A: 1\rX-B: 2\r\n")),
            ("folded line, blank", 400, get("X-A: 1\r\n 2\r\n")),
            ("folded line, tab", 400, get("X-A: 1\r\n\t2\r\n")),
            (
                "blank before the first header",
                400,
                b"GET /json HTTP/1.1\r\n Host: localhost\r\n\r\n".to_vec(),
            ),
            ("blank before the colon", 400, get("X-A : 1\r\n")),
            ("no colon", 400, get("X-A\r\n")),
            ("empty name", 400, get(": 1\r\n")),
            ("parenthesis in a name", 400, get("X(A: 1\r\n")),
            ("letter outside ASCII in a name", 400, get("X-Ä: 1\r\n")),
            ("NUL in a name", 400, get("X-\0A: 1\r\n")),
            ("NUL in a value", 400, get("X-A: 1\x002\r\n")),
            ("control character in a value", 400, get("X-A: 1\x012\r\n")),
            ("DEL in a value", 400, get("X-A: 1\x7f2\r\n")),
        ],
    );
}

#[test]
fn tls_where_none_is_spoken_gets_an_alert() {
    let answer = MINIMAL.get().raw(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n");
    // Fatal, protocol_version: what such a client understands.
    assert_eq!((answer.bytes.as_slice(), answer.closed), (&[0x15, 3, 1, 0, 2, 2, 70][..], Closed::Finished));
}

#[test]
fn bad_request_lines() {
    assert_rejected(
        &MINIMAL.get(),
        &[
            ("control character in the target", 400, line("GET /js\x01on HTTP/1.1")),
            ("letter outside ASCII in the target", 400, line("GET /jsön HTTP/1.1")),
            ("blank in the target", 400, line("GET /js on HTTP/1.1")),
            ("two blanks", 400, line("GET  /json HTTP/1.1")),
            ("tab for a blank", 400, line("GET\t/json HTTP/1.1")),
            ("blank after the version", 400, line("GET /json HTTP/1.1 ")),
            ("no target", 400, line("GET HTTP/1.1")),
            ("no version", 400, line("GET /json")),
            ("version in lower case", 400, line("GET /json http/1.1")),
            ("another protocol", 400, line("GET /json XTTP/1.1")),
            ("method with a parenthesis", 400, line("G(T /json HTTP/1.1")),
            ("target without a slash", 400, line("GET json HTTP/1.1")),
            ("authority for a target", 400, line("GET localhost:80 HTTP/1.1")),
            ("star for a target", 400, line("GET * HTTP/1.1")),
            ("HTTP/1.2", 505, line("GET /json HTTP/1.2")),
            ("HTTP/2.0", 505, line("GET /json HTTP/2.0")),
            ("HTTP/0.9", 505, line("GET /json HTTP/0.9")),
            ("CONNECT", 501, line("CONNECT localhost:80 HTTP/1.1")),
        ],
    );
}

#[test]
fn control_characters_in_the_path() {
    let cases: Vec<(String, Vec<u8>)> = (0..0x20_u8)
        .filter(|byte| !matches!(byte, b'\t' | b'\n'))
        .map(|byte| {
            let mut request = b"GET /".to_vec();
            request.push(byte);
            request.extend(b" HTTP/1.1\r\nHost: localhost\r\n\r\n");
            (format!("byte {byte:#04x}"), request)
        })
        .collect();
    let cases: Vec<(&str, u16, Vec<u8>)> =
        cases.iter().map(|(name, request)| (name.as_str(), 400, request.clone())).collect();
    assert_rejected(&MINIMAL.get(), &cases);
}

#[test]
fn host_must_be_there_once_and_valid() {
    let with = |lines: &str| format!("GET /json HTTP/1.1\r\n{lines}\r\n").into_bytes();
    assert_rejected(
        &MINIMAL.get(),
        &[
            ("no Host", 400, with("")),
            ("two Hosts", 400, with("Host: localhost\r\nHost: localhost\r\n")),
            ("two Hosts, different", 400, with("Host: a\r\nHost: b\r\n")),
            ("blank in Host", 400, with("Host: local host\r\n")),
            ("slash in Host", 400, with("Host: localhost/x\r\n")),
            ("user in Host", 400, with("Host: user@localhost\r\n")),
            ("list in Host", 400, with("Host: a, b\r\n")),
            ("letters for a port", 400, with("Host: localhost:http\r\n")),
            ("absolute target, no Host", 400, b"GET http://localhost/json HTTP/1.1\r\n\r\n".to_vec()),
        ],
    );
}

#[test]
fn limits_of_a_head() {
    let many: String = (0..101).map(|i| format!("X-{i}: v\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "v".repeat(40_000));
    let several: String = (0..10).map(|i| format!("X-{i}: {}\r\n", "v".repeat(4_000))).collect();
    assert_rejected(
        &MINIMAL.get(),
        &[
            ("long target", 414, line(&format!("GET /{} HTTP/1.1", "a".repeat(9_000)))),
            ("endless target", 414, format!("GET /{}", "a".repeat(40_000)).into_bytes()),
            ("more than 100 headers", 431, get(&many)),
            ("a header over 32 KiB", 431, get(&long)),
            ("headers over 32 KiB together", 431, get(&several)),
            ("endless header name", 431, get(&"a".repeat(40_000))),
        ],
    );
}

#[test]
fn a_body_over_the_hosts_limit() {
    assert_rejected(
        &MINIMAL.get(),
        &[("30,000,001 bytes announced", 404, post("Content-Length: 30000001\r\n", "x"))],
    );
}

#[test]
fn malformed_chunks() {
    let chunked = |body: &str| post("Transfer-Encoding: chunked\r\n", body);
    let extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "e".repeat(9_000));
    let trailers = format!("0\r\nX-Long: {}\r\n\r\n", "v".repeat(40_000));
    // The app reads the body: it gets BadHttpRequestException, which the server turns into its status.
    assert_rejected(
        &MINIMAL.get(),
        &[
            ("no digit", 400, chunked("g\r\nhello\r\n0\r\n\r\n")),
            ("empty size", 400, chunked("\r\nhello\r\n0\r\n\r\n")),
            ("prefix 0x", 400, chunked("0x5\r\nhello\r\n0\r\n\r\n")),
            ("plus", 400, chunked("+5\r\nhello\r\n0\r\n\r\n")),
            ("minus", 400, chunked("-5\r\nhello\r\n0\r\n\r\n")),
            ("blank before the size", 400, chunked(" 5\r\nhello\r\n0\r\n\r\n")),
            ("17 digits", 400, chunked("10000000000000005\r\nhello\r\n0\r\n\r\n")),
            ("bare LF after the size", 400, chunked("5\nhello\r\n0\r\n\r\n")),
            ("bare LF after the data", 400, chunked("5\r\nhello\n0\r\n\r\n")),
            ("data longer than its size", 400, chunked("5\r\nhello!\r\n0\r\n\r\n")),
            ("long extension", 400, chunked(&extension)),
            ("bare LF in an extension", 400, chunked("5;a\nb\r\nhello\r\n0\r\n\r\n")),
            ("bare LF at the end", 400, chunked("5\r\nhello\r\n0\r\n\n")),
        ],
    );
    let answer = MINIMAL.get().raw(chunked(&trailers));
    assert!(matches!(answer.status(), 400 | 431), "{}", answer.text());
    assert_eq!(answer.closed, Closed::Finished);
}
