//! Takes a complete request head apart and checks everything that `httparse` leaves lenient.

use std::mem::MaybeUninit;

use super::framing::{self, Framing};
use super::rejection::Rejection;
use crate::handler::HeaderRef;
use crate::headers::known;

/// Hard bound of header fields in one head, whatever the configured limit.
pub(crate) const MAX_FIELDS: usize = 256;

/// A checked request head.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    pub(crate) method: &'a [u8],
    pub(crate) target: &'a [u8],
    pub(crate) version: u8,
    pub(crate) headers: Vec<HeaderRef<'a>>,
    pub(crate) framing: Framing,
}

/// Parses `bytes`, which are exactly one head as found by `Scan` with `fields` header lines.
pub(crate) fn parse(bytes: &[u8], fields: usize) -> Result<Head<'_>, Rejection> {
    let mut raw = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; MAX_FIELDS];
    let raw = raw.get_mut(..fields).ok_or(Rejection::FIELDS)?;
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, raw) {
        Ok(httparse::Status::Complete(used)) if used == bytes.len() => {}
        Ok(_) => return Err(Rejection::malformed("the head ends unexpectedly")),
        Err(error) => return Err(refuse(error, bytes)),
    }
    let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
        return Err(Rejection::malformed("the request line is incomplete"));
    };
    let (method, target) = (method.as_bytes(), target.as_bytes());
    let mut headers = Vec::with_capacity(fields);
    for header in request.headers.iter() {
        let name = header.name.as_bytes();
        headers.push(HeaderRef { name, value: header.value, known: known::number(name) });
    }
    check_target(method, target)?;
    let version = 10 + version;
    let framing = framing::decide(version, &headers)?;
    Ok(Head { method, target, version, headers, framing })
}

fn refuse(error: httparse::Error, bytes: &[u8]) -> Rejection {
    match error {
        httparse::Error::Version if looks_like_version(bytes) => Rejection::VERSION,
        httparse::Error::Version => Rejection::malformed("the request line has no valid version"),
        httparse::Error::HeaderName => Rejection::malformed("a header name is not a token"),
        httparse::Error::HeaderValue => Rejection::malformed("a header value holds a forbidden byte"),
        httparse::Error::TooManyHeaders => Rejection::FIELDS,
        _ => Rejection::malformed("the request line is malformed"),
    }
}

/// Whether the request line ends with `HTTP/x.y`: a version we do not serve rather than garbage.
fn looks_like_version(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    let line = memchr::memchr(b'\r', bytes).map_or(bytes, |end| &bytes[..end]);
    let mut parts = line.split(|&byte| byte == b' ');
    let (method, target, version) = (parts.next(), parts.next(), parts.next());
    let named = |part: Option<&[u8]>| part.is_some_and(|part| !part.is_empty());
    let digits = |version: &[u8]| matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit());
    named(method) && named(target) && version.is_some_and(digits) && parts.next().is_none()
}

/// Checks the form of a request target.
pub(crate) fn check_target(method: &[u8], target: &[u8]) -> Result<(), Rejection> {
    if !target.iter().all(u8::is_ascii_graphic) {
        return Err(Rejection::malformed("the request target holds a forbidden byte"));
    }
    let path = target.split(|&byte| byte == b'?').next().unwrap_or(target);
    if path.windows(3).any(|escape| escape == b"%00") {
        return Err(Rejection::malformed("the request path holds an escaped NUL"));
    }
    match method {
        b"CONNECT" => return Err(Rejection::CONNECT),
        b"OPTIONS" if target == b"*" => return Ok(()),
        _ => {}
    }
    if target.starts_with(b"/") {
        return Ok(());
    }
    let scheme =
        |prefix: &[u8]| target.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let rest = match (scheme(b"http://"), scheme(b"https://")) {
        (true, _) => &target[7..],
        (_, true) => &target[8..],
        _ => return Err(Rejection::malformed("the request target has no form this server knows")),
    };
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    if end == 0 || !super::host::is_valid(&rest[..end]) {
        return Err(Rejection::malformed("the request target's authority is not a host"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;
    use crate::http1::scan::{Scan, Scanned};

    fn status(text: &[u8]) -> u16 {
        match Scan::default().step(text, &Limits::default()) {
            Err(rejection) => rejection.status,
            Ok(Scanned::Partial) => 0,
            Ok(Scanned::Head { len, fields }) => match parse(&text[..len], fields) {
                Ok(_) => 200,
                Err(rejection) => rejection.status,
            },
        }
    }

    /// One row per framing rule: status 200 = accepted, 0 = more bytes wanted.
    #[test]
    fn framing_table() {
        let table: &[(u16, &str)] = &[
            (200, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            (200, "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            (200, "GET / HTTP/1.0\r\n\r\n"),
            (200, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"),
            (400, "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: x y\r\n\r\n"),
            (505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
            (505, "PRI * HTTP/2.0\r\n\r\n"),
            (505, "GET / HTTP/1.2\r\nHost: x\r\n\r\n"),
            (400, "GET / HTTP/1\r\nHost: x\r\n\r\n"),
            (400, "GET / http/1.1\r\nHost: x\r\n\r\n"),
            (400, "GET /\r\nHost: x\r\n\r\n"),
            (400, "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, "GET /  HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, "GET / HTTP/1.1 \r\nHost: x\r\n\r\n"),
            (400, " GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, "G(T / HTTP/1.1\r\nHost: x\r\n\r\n"),
            (501, "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"),
            (400, "GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"),
            (400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
            (200, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
            (200, "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n"),
            (200, "GET HTTPS://a?b HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "GET http://a/b HTTP/1.1\r\n\r\n"),
            (400, "GET http:///b HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "GET http://u@a/b HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "GET ftp://a/b HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "GET /\u{e9} HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, "GET /\u{1} HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, "GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, "GET http://x/%00 HTTP/1.1\r\nHost: x\r\n\r\n"),
            (200, "GET /%2500?%00 HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, "GET /\u{7f} HTTP/1.1\r\nHost: x\r\n\r\n"),
            (400, "GET / HTTP/1.1\nHost: x\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: x\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: x\r\n\n"),
            (400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\n Host: x\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost : x\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: x\r\nA\u{e9}: y\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: x\r\nA: a\u{0}b\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: x\r\nA: a\u{1b}b\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: x\r\nA: a\u{7f}b\r\n\r\n"),
            (200, "GET / HTTP/1.1\r\nHost: x\r\nA: a\tb\r\n\r\n"),
            (200, "GET / HTTP/1.1\r\nHost: x\r\nA: \u{e9}\r\n\r\n"),
            (200, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"),
            (200, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
            (200, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551616\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5 5\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: x\r\ncontent-length: 5\r\nCONTENT-LENGTH: 6\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
            (200, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"),
            (200, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"),
            (200, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
            (
                200,
                "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"),
            (
                400,
                "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked;q=1\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n"),
            (400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n"),
            (400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            (0, "GET / HTTP/1.1\r\nHost: x\r\n"),
        ];
        for (expected, text) in table {
            assert_eq!(status(text.as_bytes()), *expected, "{text:?}");
        }
    }

    #[test]
    fn a_head_is_taken_apart() {
        let text = b"POST /a?b HTTP/1.1\r\nhost: x\r\nX:  y z \t\r\nTE: trailers\r\nConnection: Close\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n";
        let head = parse(text, 6).unwrap();
        assert_eq!((head.method, head.target, head.version), (&b"POST"[..], &b"/a?b"[..], 11));
        assert_eq!(head.headers[0].known, known::HOST);
        assert_eq!(head.headers[1], HeaderRef { name: b"X", value: b"y z", known: 0 });
        let expected = Framing {
            content_length: Some(3),
            chunked: false,
            close: true,
            expect_continue: true,
            te_trailers: true,
        };
        assert_eq!(head.framing, expected);
    }

    #[test]
    fn http_1_0_closes_unless_asked_to_stay() {
        let close = |text: &[u8], fields| parse(text, fields).unwrap().framing.close;
        assert!(close(b"GET / HTTP/1.0\r\n\r\n", 0));
        assert!(!close(b"GET / HTTP/1.0\r\nConnection: foo, Keep-Alive\r\n\r\n", 1));
        assert!(close(b"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", 1));
    }

    #[test]
    fn random_bytes_never_panic() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let pieces: [&[u8]; 12] = [
            b"GET ",
            b"/",
            b" HTTP/1.1",
            b"\r\n",
            b"\r",
            b"\n",
            b"Host: x",
            b"Content-Length: ",
            b"\x00",
            b"9",
            b":",
            b"Transfer-Encoding: chunked",
        ];
        for _ in 0..20_000 {
            let mut text = Vec::new();
            for _ in 0..12 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                text.extend_from_slice(pieces[(state % 12) as usize]);
            }
            let _ = status(&text);
        }
    }
}
