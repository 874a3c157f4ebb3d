//! The head of a forwarded request: what of the client's head goes on, and what is added.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::ForwardOptions;
use mews_model::authentication::Identity;

use crate::handler::{ConnectionInfo, HeaderRef, RequestHead};
use crate::headers::known;

/// Names that begin like this speak of pairing and identity: only the server may say them.
const RESERVED: &[u8] = b"MS-ASPNETCORE";

/// `X-Forwarded-For` as a well-known name.
const FORWARDED_FOR: u8 = 40;
/// `X-Forwarded-Proto` as a well-known name.
const FORWARDED_PROTO: u8 = 41;

/// What of a request shapes how it is forwarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) is_head: bool,
    pub(super) has_body: bool,
    pub(super) chunked: bool,
    /// Asks to leave HTTP, and may.
    pub(super) upgrade: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(super) expect: bool,
    /// The client accepts response trailers.
    pub(super) trailers: bool,
}

/// Whether a field of this name is the server's alone, in whatever spelling an application may take for it.
pub(super) fn is_reserved(name: &[u8]) -> bool {
    name.get(..RESERVED.len()).is_some_and(|start| {
        start
            .iter()
            .zip(RESERVED)
            .all(|(&byte, &wanted)| byte.to_ascii_uppercase() == wanted || (byte == b'_' && wanted == b'-'))
    })
}

/// Whether a request trailer may go on.
pub(super) fn is_forwardable_trailer(name: &[u8]) -> bool {
    let number = known::number(name);
    !is_reserved(name)
        && !matches!(number, FORWARDED_FOR | FORWARDED_PROTO)
        && !name.eq_ignore_ascii_case(b"Proxy-Connection")
        && !crate::output::is_forbidden_trailer(number)
}

/// The elements of a comma-separated list, without empty ones.
pub(super) fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// The client's `Connection` fields.
struct Options<'a, 'h> {
    headers: &'a [HeaderRef<'h>],
    /// Names of other fields are among them.
    names_fields: bool,
    upgrade: bool,
}

impl<'a, 'h> Options<'a, 'h> {
    fn of(headers: &'a [HeaderRef<'h>]) -> Self {
        let mut options = Self { headers, names_fields: false, upgrade: false };
        for token in options.tokens() {
            if token.eq_ignore_ascii_case(b"upgrade") {
                options.upgrade = true;
            } else if !token.eq_ignore_ascii_case(b"close") && !token.eq_ignore_ascii_case(b"keep-alive") {
                options.names_fields = true;
            }
        }
        options
    }

    fn tokens(&self) -> impl Iterator<Item = &'h [u8]> + use<'a, 'h> {
        self.headers
            .iter()
            .filter(|header| header.known == known::CONNECTION)
            .flat_map(|header| tokens(header.value))
    }

    /// Whether the client says that the field is for this connection only. It cannot say so of what frames or
    /// routes the request.
    fn names(&self, header: &HeaderRef<'_>) -> bool {
        self.names_fields
            && !matches!(header.known, known::HOST | known::CONTENT_LENGTH | known::EXPECT)
            && self.tokens().any(|token| token.eq_ignore_ascii_case(header.name))
    }
}

/// Appends the head without its end, which is the upstream's: its token and the empty line.
pub(super) fn write(
    out: &mut Vec<u8>,
    head: &RequestHead<'_>,
    info: &ConnectionInfo,
    to: &ForwardOptions,
) -> Shape {
    let options = Options::of(head.headers);
    // The lengths of HTTP/2 bodies need not be announced.
    let chunked = head.chunked || (head.has_body && head.content_length.is_none());
    let asks = head.headers.iter().any(|header| header.known == known::UPGRADE && !header.value.is_empty());
    let shape = Shape {
        is_head: head.method == b"HEAD",
        has_body: head.has_body,
        chunked,
        upgrade: to.web_sockets && (head.extended_connect || (head.upgradable && options.upgrade && asks)),
        expect: head.expect_continue,
        trailers: head.trailers_allowed,
    };
    // In HTTP/1.1 a WebSocket begins with GET.
    out.extend_from_slice(if head.extended_connect { b"GET" } else { head.method });
    out.push(b' ');
    let authority = if to.as_proxy {
        target(out, head.method, head.target)
    } else {
        out.extend_from_slice(head.target);
        None
    };
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let has_host = head.headers.iter().any(|header| header.known == known::HOST);
    // An HTTP/1.1 request needs the field, if only an empty one.
    if authority.is_some() || !has_host {
        field(out, b"Host", authority.unwrap_or_default());
    }
    for header in head.headers {
        let goes_on = match header.known {
            known::CONNECTION | known::KEEP_ALIVE | known::TE | known::TRANSFER_ENCODING => false,
            known::CONTENT_LENGTH => false,
            FORWARDED_FOR | FORWARDED_PROTO => !to.as_proxy,
            known::UPGRADE => shape.upgrade,
            known::HOST => authority.is_none(),
            known::EXPECT => head.expect_continue || !header.value.eq_ignore_ascii_case(b"100-continue"),
            known::TRAILER => chunked && !options.names(header),
            _ if !to.as_proxy => true,
            0 => {
                !is_reserved(header.name)
                    && !header.name.eq_ignore_ascii_case(b"Proxy-Connection")
                    && !options.names(header)
            }
            _ => !options.names(header),
        };
        if goes_on {
            field(out, header.name, header.value);
        }
    }
    if shape.upgrade {
        field(out, b"Connection", b"Upgrade");
        if head.extended_connect {
            field(out, b"Upgrade", b"websocket");
            field(out, b"Sec-WebSocket-Key", STANDARD.encode(any_bytes()).as_bytes());
        }
    }
    if head.trailers_allowed && !to.as_proxy {
        field(out, b"TE", b"trailers");
    }
    if chunked {
        transfer_encoding(out, head.headers);
    } else if let Some(length) = head.content_length {
        field(out, b"Content-Length", itoa::Buffer::new().format(length).as_bytes());
    }
    if to.as_proxy {
        forwarded(out, head.headers, info);
    }
    shape
}

/// Bytes that are others each time. They guard against caches that take a WebSocket for a page, and need not be secret.
fn any_bytes() -> [u8; 16] {
    let half = || RandomState::new().build_hasher().finish().to_le_bytes();
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&half());
    bytes[8..].copy_from_slice(&half());
    bytes
}

/// Appends who has signed in. The app believes it because of the token that follows.
pub(super) fn user(out: &mut Vec<u8>, user: &Identity) {
    field(out, b"MS-ASPNETCORE-USER", STANDARD.encode(user.encode()).as_bytes());
}

/// Appends the target in origin form; answers the authority of one that was in absolute form.
fn target<'a>(out: &mut Vec<u8>, method: &[u8], target: &'a [u8]) -> Option<&'a [u8]> {
    let start = if target.starts_with(b"/") || target == b"*" {
        None
    } else {
        memchr::memmem::find(target, b"://").map(|at| at + 3)
    };
    let Some(start) = start else {
        out.extend_from_slice(target);
        return None;
    };
    let rest = &target[start..];
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if rest.is_empty() && method == b"OPTIONS" {
        out.push(b'*');
    } else {
        if !rest.starts_with(b"/") {
            out.push(b'/');
        }
        out.extend_from_slice(rest);
    }
    Some(authority)
}

/// Appends the codings as they were: only the chunks are taken off and put on again.
fn transfer_encoding(out: &mut Vec<u8>, headers: &[HeaderRef<'_>]) {
    out.extend_from_slice(b"Transfer-Encoding: ");
    let fields = headers.iter().filter(|header| header.known == known::TRANSFER_ENCODING);
    for coding in fields.flat_map(|header| tokens(header.value)) {
        if !coding.eq_ignore_ascii_case(b"chunked") {
            out.extend_from_slice(coding);
            out.extend_from_slice(b", ");
        }
    }
    out.extend_from_slice(b"chunked\r\n");
}

fn forwarded(out: &mut Vec<u8>, headers: &[HeaderRef<'_>], info: &ConnectionInfo) {
    out.extend_from_slice(b"X-Forwarded-For: ");
    let any = joined(out, headers, FORWARDED_FOR);
    if let Some(remote) = info.remote {
        if any {
            out.extend_from_slice(b", ");
        }
        address(out, remote);
    }
    out.extend_from_slice(b"\r\nX-Forwarded-Proto: ");
    if joined(out, headers, FORWARDED_PROTO) {
        out.extend_from_slice(b", ");
    }
    out.extend_from_slice(if info.tls.is_some() { b"https\r\n" } else { b"http\r\n" });
    if let Some(certificate) = info.tls.as_ref().and_then(|tls| tls.client_certificate.as_deref()) {
        field(out, b"MS-ASPNETCORE-CLIENTCERT", STANDARD.encode(certificate).as_bytes());
    }
}

/// Appends the values of all fields of the name as one list; answers whether there were any.
fn joined(out: &mut Vec<u8>, headers: &[HeaderRef<'_>], number: u8) -> bool {
    let mut any = false;
    for header in headers.iter().filter(|header| header.known == number && !header.value.is_empty()) {
        if any {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(header.value);
        any = true;
    }
    any
}

fn address(out: &mut Vec<u8>, remote: SocketAddr) {
    match remote.ip().to_canonical() {
        IpAddr::V4(ip) => {
            for (at, octet) in ip.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                out.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
            }
        }
        IpAddr::V6(ip) => out.extend_from_slice(format!("[{ip}]").as_bytes()),
    }
    out.push(b':');
    out.extend_from_slice(itoa::Buffer::new().format(remote.port()).as_bytes());
}

fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::handler::Client;
    use crate::tls::TlsInfo;

    fn info(remote: Option<&str>, tls: Option<TlsInfo>) -> ConnectionInfo {
        let remote = remote.map(|remote| remote.parse().unwrap());
        ConnectionInfo::new(1, 0, Client { remote, tls: tls.map(Arc::new), ..Client::default() })
    }

    /// Writes the head of `text`, parsed as the server would.
    fn forward(text: &str, web_sockets: bool) -> (String, Shape) {
        let info = info(Some("10.1.2.3:456"), None);
        forward_from(text, web_sockets, &info)
    }

    fn forward_from(text: &str, web_sockets: bool, info: &ConnectionInfo) -> (String, Shape) {
        forward_to(text, info, &ForwardOptions { web_sockets, ..ForwardOptions::default() })
    }

    fn forward_to(text: &str, info: &ConnectionInfo, to: &ForwardOptions) -> (String, Shape) {
        let mut raw = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut raw);
        assert!(request.parse(text.as_bytes()).unwrap().is_complete());
        let headers: Vec<HeaderRef<'_>> = request
            .headers
            .iter()
            .map(|header| HeaderRef {
                name: header.name.as_bytes(),
                value: header.value,
                known: known::number(header.name.as_bytes()),
            })
            .collect();
        let value = |number| headers.iter().find(|header| header.known == number).map(|header| header.value);
        let length =
            value(known::CONTENT_LENGTH).map(|text| std::str::from_utf8(text).unwrap().parse().unwrap());
        let chunked = value(known::TRANSFER_ENCODING).is_some();
        let has_body = chunked || length.is_some_and(|length: u64| length > 0);
        let version = 10 + request.version.unwrap();
        let head = RequestHead {
            method: request.method.unwrap().as_bytes(),
            target: request.path.unwrap().as_bytes(),
            version,
            headers: &headers,
            content_length: length,
            has_body,
            chunked,
            expect_continue: version == 11 && has_body && value(known::EXPECT).is_some(),
            trailers_allowed: value(known::TE) == Some(b"trailers"),
            upgradable: version == 11 && !has_body,
            extended_connect: false,
            request_id: 1,
            parse_start_ns: 0,
            parse_end_ns: 0,
        };
        let mut out = Vec::new();
        let shape = write(&mut out, &head, info, to);
        (String::from_utf8(out).unwrap(), shape)
    }

    const ADDED: &str = "X-Forwarded-For: 10.1.2.3:456\r\nX-Forwarded-Proto: http\r\n";

    #[track_caller]
    fn assert_forwards(from: &str, to: &str) {
        assert_eq!(forward(from, false).0, format!("{to}{ADDED}"));
    }

    #[test]
    fn the_target_goes_on_as_sent() {
        for target in ["/", "/a%2Fb%3Fc//d?e=%20&f=%zz", "//x", "/..//./", "/?", "/#x"] {
            assert_forwards(
                &format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"),
                &format!("GET {target} HTTP/1.1\r\nHost: x\r\n"),
            );
        }
        assert_forwards("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n");
    }

    #[test]
    fn absolute_form_becomes_origin_form() {
        for (from, method, host, to) in [
            ("http://a:8/b?c", "GET", "a:8", "/b?c"),
            ("HTTPS://a?c", "GET", "a", "/?c"),
            ("http://[::1]:8", "GET", "[::1]:8", "/"),
            ("http://a", "OPTIONS", "a", "*"),
            ("http://a/", "OPTIONS", "a", "/"),
        ] {
            assert_forwards(
                &format!("{method} {from} HTTP/1.1\r\nA: 1\r\nHost: other\r\nB: 2\r\n\r\n"),
                &format!("{method} {to} HTTP/1.1\r\nHost: {host}\r\nA: 1\r\nB: 2\r\n"),
            );
        }
    }

    #[test]
    fn http_1_0_without_host_gets_an_empty_one() {
        assert_forwards("GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: \r\n");
    }

    #[test]
    fn what_belongs_to_the_connection_stays() {
        assert_forwards(
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: close, x-secret ,Host, Content-Length\r\nX-Secret: 1\r\nKeep-Alive: 5\r\n\
             Proxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: a\r\nUpgrade: h2c\r\nx-other: 2\r\nExpect: 100-continue\r\n\
             Connection: Cookie\r\nCookie: 1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nx-other: 2\r\n",
        );
    }

    #[test]
    fn pairing_fields_of_the_client_stay_in_any_spelling() {
        assert_forwards(
            "GET / HTTP/1.1\r\nHost: x\r\nMS-ASPNETCORE-TOKEN: a\r\nms-aspnetcore-clientcert: b\r\nMs_AspNetCore_WinAuthToken: c\r\n\
             MS-ASPNETCORE: d\r\nMS-ASPNETCOREX: e\r\nMS_ASPNETCORE-TOKEN: f\r\nMS-ASPNET: kept\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nMS-ASPNET: kept\r\n",
        );
        assert!(!is_forwardable_trailer(b"ms-aspnetcore_token"));
        assert!(!is_forwardable_trailer(b"X-Forwarded-For"));
        assert!(is_forwardable_trailer(b"X-Sum"));
    }

    #[test]
    fn forwarded_fields_are_continued() {
        let (head, _) = forward(
            "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\nx-forwarded-for: 2.2.2.2, 3.3.3.3\r\n\r\n",
            false,
        );
        assert_eq!(
            head,
            "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 10.1.2.3:456\r\nX-Forwarded-Proto: https, http\r\n"
        );
        for (remote, shown) in [
            ("[2001:db8::1]:9", "[2001:db8::1]:9"),
            ("[::ffff:192.0.2.255]:9", "192.0.2.255:9"),
            ("192.0.2.10:65535", "192.0.2.10:65535"),
        ] {
            let info = info(Some(remote), Some(TlsInfo::default()));
            let (head, _) =
                forward_from("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For:\r\n\r\n", false, &info);
            assert!(
                head.ends_with(&format!("X-Forwarded-For: {shown}\r\nX-Forwarded-Proto: https\r\n")),
                "{head}"
            );
        }
    }

    #[test]
    fn a_client_certificate_goes_on_in_base64_and_only_the_real_one() {
        let tls = TlsInfo {
            client_certificate: Some(Box::from(&[0xfb_u8, 0xff, 0xfe, 1][..])),
            ..TlsInfo::default()
        };
        let info = info(None, Some(tls));
        let request = "GET / HTTP/1.1\r\nHost: x\r\nMS-ASPNETCORE-CLIENTCERT: forged\r\n\r\n";
        let (head, _) = forward_from(request, false, &info);
        assert!(
            head.ends_with("X-Forwarded-Proto: https\r\nMS-ASPNETCORE-CLIENTCERT: +//+AQ==\r\n"),
            "{head}"
        );
        assert!(!head.contains("forged"), "{head}");
    }

    #[test]
    fn between_workers_a_request_goes_on_as_it_was_sent() {
        let private = ForwardOptions { as_proxy: false, ..ForwardOptions::default() };
        for (from, to) in [
            (
                "GET http://a:8/b?c HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1\r\nMS-ASPNETCORE-TOKEN: a\r\n\r\n",
                "GET http://a:8/b?c HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1\r\nMS-ASPNETCORE-TOKEN: a\r\n",
            ),
            (
                "POST / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: close, cookie\r\nCookie: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                "POST / HTTP/1.1\r\nHost: x\r\nCookie: 1\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n",
            ),
            (
                "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
            ),
        ] {
            assert_eq!(forward_to(from, &info(Some("10.1.2.3:456"), None), &private).0, to);
        }
    }

    #[test]
    fn bodies_keep_their_framing() {
        assert_forwards(
            "POST / HTTP/1.1\r\nContent-Length: 007\r\nHost: x\r\nExpect: 100-continue\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 7\r\n",
        );
        assert_forwards(
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, Chunked\r\nTrailer: X-Sum\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTrailer: X-Sum\r\nTransfer-Encoding: gzip, chunked\r\n",
        );
        assert_forwards(
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n",
        );
        assert_forwards(
            "POST / HTTP/1.0\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n",
        );
    }

    #[test]
    fn an_upgrade_goes_on_only_when_it_may() {
        let asks = "GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: y\r\n\r\n";
        let (head, shape) = forward(asks, true);
        assert!(shape.upgrade);
        assert_eq!(
            head,
            format!(
                "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: y\r\nConnection: Upgrade\r\n{ADDED}"
            )
        );
        let (head, shape) = forward(asks, false);
        assert!(!shape.upgrade && !head.contains("Upgrade"));
        for other in [
            "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\n",
        ] {
            let (head, shape) = forward(other, true);
            assert!(!shape.upgrade && !head.contains("Upgrade"), "{head}");
        }
    }
}
