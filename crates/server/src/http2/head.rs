//! Makes a request of a decoded block, and checks it: pseudo-header fields, names and values, and whatever the next
//! hop could read differently.

use super::hpack::{Field, Fields, Over};
use crate::config::Limits;
use crate::handler::HeaderRef;
use crate::headers::{HeaderBlock, is_token, known};
use crate::http1::{Rejection, check_target, content_length, is_forbidden_trailer, is_valid_host};

/// A checked request.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    /// With `Host`, and with one `Cookie` at most.
    pub(super) headers: Vec<HeaderRef<'a>>,
    pub(super) content_length: Option<u64>,
    pub(super) expect_continue: bool,
    /// `CONNECT` with `:protocol` (RFC 8441).
    pub(super) extended_connect: bool,
}

/// Why there is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The stream is reset: it is no HTTP/2 request.
    Malformed(&'static str),
    /// It is one, and is answered by the server.
    Answer(Rejection),
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self::Answer(rejection)
    }
}

#[derive(Default)]
struct Pseudo<'a> {
    method: Option<&'a [u8]>,
    scheme: Option<&'a [u8]>,
    authority: Option<&'a [u8]>,
    path: Option<&'a [u8]>,
    protocol: Option<&'a [u8]>,
}

impl<'a> Pseudo<'a> {
    fn take(&mut self, field: Field<'a>) -> Result<(), Refused> {
        let place = match field.name {
            b":method" => &mut self.method,
            b":scheme" => &mut self.scheme,
            b":authority" => &mut self.authority,
            b":path" => &mut self.path,
            b":protocol" => &mut self.protocol,
            _ => return Err(Refused::Malformed("an unknown pseudo-header field")),
        };
        if place.replace(field.value).is_some() {
            return Err(Refused::Malformed("a pseudo-header field is there twice"));
        }
        Ok(())
    }
}

/// Checks the fields of a block that begins a stream. `cookies` is memory for joining fields. `ended`: nothing follows.
pub(super) fn request<'a>(
    fields: &'a Fields,
    cookies: &'a mut Vec<u8>,
    ended: bool,
    limits: &Limits,
) -> Result<Head<'a>, Refused> {
    match fields.over() {
        Some(Over::Size) => return Err(Rejection::HEAD.into()),
        Some(Over::Count) => return Err(Rejection::FIELDS.into()),
        None => {}
    }
    join_cookies(fields, cookies);
    let cookies: &'a [u8] = cookies;
    let mut pseudo = Pseudo::default();
    let mut headers: Vec<HeaderRef<'a>> = Vec::with_capacity(fields.len());
    let (mut host, mut length, mut expect, mut cookie) = (None, None, false, false);
    let mut regular = false;
    for field in fields.iter() {
        check_value(field.value)?;
        if field.name.starts_with(b":") {
            if regular {
                return Err(Refused::Malformed("a pseudo-header field comes after the others"));
            }
            pseudo.take(field)?;
            continue;
        }
        regular = true;
        check_name(field)?;
        let mut value = field.value;
        match field.known {
            known::HOST if host.replace(value).is_some() => {
                return Err(Rejection::malformed("more than one Host field").into());
            }
            known::CONTENT_LENGTH => {
                if length.is_some() {
                    return Err(Refused::Malformed("more than one Content-Length field"));
                }
                length = Some(content_length(value)?);
            }
            known::EXPECT => expect |= value.eq_ignore_ascii_case(b"100-continue"),
            known::COOKIE if std::mem::replace(&mut cookie, true) => continue,
            known::COOKIE if !cookies.is_empty() => value = cookies,
            _ => {}
        }
        headers.push(HeaderRef { name: field.name, value, known: field.known });
    }
    let method =
        pseudo.method.filter(|method| is_token(method)).ok_or(Refused::Malformed("no valid :method"))?;
    if let (Some(authority), Some(host)) = (pseudo.authority, host)
        && !authority.eq_ignore_ascii_case(host)
    {
        return Err(Refused::Malformed(":authority and Host differ"));
    }
    let authority = pseudo.authority.or(host).unwrap_or_default();
    let extended_connect = method == b"CONNECT" && pseudo.protocol.is_some();
    if method == b"CONNECT" && !extended_connect {
        return Err(match (pseudo.scheme, pseudo.path, authority) {
            (None, None, [_, ..]) => Rejection::CONNECT.into(),
            _ => Refused::Malformed("CONNECT with :scheme or :path, or without :authority"),
        });
    }
    if pseudo.protocol.is_some() && !extended_connect {
        return Err(Refused::Malformed(":protocol without CONNECT"));
    }
    if !matches!(pseudo.scheme, Some(b"http" | b"https")) {
        return Err(Refused::Malformed("no :scheme, or one that is not served"));
    }
    let target = pseudo.path.filter(|path| !path.is_empty()).ok_or(Refused::Malformed("no :path"))?;
    if ended && length.is_some_and(|length| length > 0) {
        return Err(Refused::Malformed("a Content-Length and no body"));
    }
    if pseudo.protocol.is_some_and(|protocol| protocol != b"websocket") {
        return Err(Rejection::PROTOCOL.into());
    }
    if target.len() > limits.request_line {
        return Err(Rejection::LINE.into());
    }
    if !(target.starts_with(b"/") || target == b"*") {
        return Err(Rejection::malformed("the request target has no form this server knows").into());
    }
    check_target(if extended_connect { b"GET" } else { method }, target)?;
    if authority.is_empty() || !is_valid_host(authority) {
        return Err(Rejection::malformed("the request has no valid :authority or Host").into());
    }
    if host.is_none() {
        headers.insert(0, HeaderRef { name: b"host", value: authority, known: known::HOST });
    }
    if limits.refuse_announced_body
        && limits.max_request_body.is_some_and(|most| length.is_some_and(|length| length > most))
    {
        return Err(Rejection::BODY.into());
    }
    let expect_continue = expect && !ended && !extended_connect;
    Ok(Head { method, target, headers, content_length: length, expect_continue, extended_connect })
}

/// Checks the fields of a block that ends a stream.
pub(super) fn trailers(fields: &Fields) -> Result<HeaderBlock, &'static str> {
    let mut trailers = HeaderBlock::new();
    if fields.over().is_some() {
        return Err("the trailers are larger than the limit");
    }
    for field in fields.iter() {
        if field.name.starts_with(b":") {
            return Err("a pseudo-header field among the trailers");
        }
        let checked = check_value(field.value).and_then(|()| check_name(field));
        if checked.is_err() {
            return Err("a trailer that must not be sent");
        }
        if !is_forbidden_trailer(field.known) {
            trailers.push(field.name, field.value);
        }
    }
    Ok(trailers)
}

fn check_value(value: &[u8]) -> Result<(), Refused> {
    let white = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let forbidden = |&byte: &u8| (byte < b' ' && byte != b'\t') || byte == 0x7f;
    if white(value.first()) || white(value.last()) || value.iter().any(forbidden) {
        return Err(Refused::Malformed("a header value holds a forbidden byte"));
    }
    Ok(())
}

fn check_name(field: Field<'_>) -> Result<(), Refused> {
    if !is_token(field.name) || field.name.iter().any(u8::is_ascii_uppercase) {
        return Err(Refused::Malformed("a header name is not a token in lower case"));
    }
    let connection = match field.known {
        known::CONNECTION | known::KEEP_ALIVE | known::TRANSFER_ENCODING | known::UPGRADE => true,
        known::TE => !field.value.eq_ignore_ascii_case(b"trailers"),
        _ => field.name == b"proxy-connection",
    };
    if connection {
        return Err(Refused::Malformed("a header field that belongs to HTTP/1 connections"));
    }
    Ok(())
}

/// Clients may send each cookie as a field of its own; applications know one field (RFC 9113, 8.2.3).
fn join_cookies(fields: &Fields, joined: &mut Vec<u8>) {
    joined.clear();
    let cookies = || fields.iter().filter(|field| field.known == known::COOKIE);
    if cookies().nth(1).is_none() {
        return;
    }
    for cookie in cookies() {
        if !joined.is_empty() {
            joined.extend_from_slice(b"; ");
        }
        joined.extend_from_slice(cookie.value);
    }
}
