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
