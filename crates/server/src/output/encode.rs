//! Writes response heads. Framing headers are ours alone: what the application says about them is left out.

use crate::clock;
use crate::exchange::ResponseHead;
use crate::headers::{HeaderBlockRef, is_sendable_value, is_token, known};

/// A head that cannot be sent, and why. Names are shown escaped, values never.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadHead {
    #[error("the status code {0} cannot be sent; use 200 to 599")]
    Status(u16),
    #[error("the reason phrase holds CR, LF or NUL")]
    Reason,
    #[error("{0}")]
    Record(#[from] crate::headers::BadRecord),
    #[error("the header name {0:?} is not a token")]
    Name(String),
    #[error("the value of the header {0:?} holds CR, LF or NUL")]
    Value(String),
}

/// What the header fields asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// `Connection: close` was among the fields.
    pub(crate) close: bool,
    /// A `Connection` field that is sent as it is.
    pub(crate) connection: bool,
}

/// Appends status line, header fields and `Date`, without framing, `Connection: close` and the empty
/// line. On an error `out` is as before.
pub(crate) fn head(out: &mut Vec<u8>, head: &ResponseHead<'_>) -> Result<Asked, BadHead> {
    let before = out.len();
    let result = status_line(out, head).and_then(|()| fields(out, head.headers));
    if result.is_err() {
        out.truncate(before);
    }
    result
}

/// Appends a whole interim response. On an error `out` is as before.
pub(crate) fn interim(out: &mut Vec<u8>, status: u16, headers: HeaderBlockRef<'_>) -> Result<(), BadHead> {
    let before = out.len();
    let head = ResponseHead { status, reason: b"", headers, content_length: None, close: false };
    let result = status_line(out, &head).and_then(|()| plain_fields(out, headers));
    if result.is_err() {
        out.truncate(before);
    } else {
        out.extend_from_slice(b"\r\n");
    }
    result
}

fn plain_fields(out: &mut Vec<u8>, headers: HeaderBlockRef<'_>) -> Result<(), BadHead> {
    for item in headers {
        let item = item?;
        let number = if item.known == 0 { check_name(item.name)? } else { item.known };
        if !is_sendable_value(item.value) {
            return Err(BadHead::Value(shown(item.name)));
        }
        if !matches!(number, known::CONTENT_LENGTH | known::TRANSFER_ENCODING | known::CONNECTION) {
            field(out, item.name, item.value);
        }
    }
    Ok(())
}

fn status_line(out: &mut Vec<u8>, head: &ResponseHead<'_>) -> Result<(), BadHead> {
    if !(100..=999).contains(&head.status) {
        return Err(BadHead::Status(head.status));
    }
    if head.status == 200 && head.reason.is_empty() {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return Ok(());
    }
    if !is_sendable_value(head.reason) {
        return Err(BadHead::Reason);
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(head.status).as_bytes());
    out.push(b' ');
    out.extend_from_slice(if head.reason.is_empty() { reason(head.status).as_bytes() } else { head.reason });
    out.extend_from_slice(b"\r\n");
    Ok(())
}

fn fields(out: &mut Vec<u8>, headers: HeaderBlockRef<'_>) -> Result<Asked, BadHead> {
    let mut asked = Asked::default();
    let mut dated = false;
    for item in headers {
        let item = item?;
        let number = if item.known == 0 { check_name(item.name)? } else { item.known };
        if !is_sendable_value(item.value) {
            return Err(BadHead::Value(shown(item.name)));
        }
        match number {
            known::CONTENT_LENGTH | known::TRANSFER_ENCODING => continue,
            known::CONNECTION if item.value.eq_ignore_ascii_case(b"close") => {
                asked.close = true;
                continue;
            }
            known::CONNECTION if item.value.eq_ignore_ascii_case(b"keep-alive") => continue,
            known::CONNECTION => asked.connection = true,
            known::DATE => dated = true,
            _ => {}
        }
        field(out, item.name, item.value);
    }
    if !dated {
        out.extend_from_slice(b"Date: ");
        clock::append_date(out);
        out.extend_from_slice(b"\r\n");
    }
    Ok(asked)
}

/// Checks fields that are not encoded here.
pub(crate) fn check_fields(headers: HeaderBlockRef<'_>) -> Result<(), BadHead> {
    for item in headers {
        let item = item?;
        if item.known == 0 {
            check_name(item.name)?;
        }
        if !is_sendable_value(item.value) {
            return Err(BadHead::Value(shown(item.name)));
        }
    }
    Ok(())
}

fn check_name(name: &[u8]) -> Result<u8, BadHead> {
    if is_token(name) { Ok(known::number(name)) } else { Err(BadHead::Name(shown(name))) }
}

fn shown(name: &[u8]) -> String {
    name.escape_ascii().take(64).map(char::from).collect()
}

/// Appends one field, unchecked.
pub(crate) fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends `Content-Length`.
pub(crate) fn content_length(out: &mut Vec<u8>, length: u64) {
    field(out, b"Content-Length", itoa::Buffer::new().format(length).as_bytes());
}

/// Appends the trailer section's fields; those that cannot be sent are left out and logged.
pub(crate) fn trailers(out: &mut Vec<u8>, trailers: HeaderBlockRef<'_>) {
    for item in trailers {
        match item {
            Ok(item) if is_token(item.name) && is_sendable_value(item.value) => {
                if !crate::output::is_forbidden_trailer(known::number(item.name)) {
                    field(out, item.name, item.value);
                }
            }
            Ok(item) => {
                tracing::warn!(name = %shown(item.name), "a response trailer cannot be sent and is left out")
            }
            Err(error) => tracing::warn!(%error, "response trailers are left out"),
        }
    }
}

/// Appends the start of a chunk of `size` bytes.
pub(crate) fn chunk_size(out: &mut Vec<u8>, size: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = (64 - size.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        out.push(DIGITS[((size >> (digit * 4)) & 15) as usize]);
    }
    out.extend_from_slice(b"\r\n");
}

/// The standard reason phrase; empty for unknown codes.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Payload Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Entity",
        423 => "Locked",
        424 => "Failed Dependency",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::HeaderBlock;

    fn encode(status: u16, reason: &[u8], headers: &HeaderBlock) -> Result<(String, Asked), BadHead> {
        let mut out = b"kept".to_vec();
        let response =
            ResponseHead { status, reason, headers: headers.as_ref(), content_length: None, close: false };
        let asked = head(&mut out, &response);
        assert!(out.starts_with(b"kept"));
        asked
            .map(|asked| (String::from_utf8(out[4..].to_vec()).unwrap(), asked))
            .inspect_err(|_| assert_eq!(out, b"kept"))
    }

    #[test]
    fn framing_fields_are_left_out_and_a_date_is_added() {
        let mut headers = HeaderBlock::new();
        headers
            .push(b"content-length", b"9")
            .push(b"Transfer-Encoding", b"chunked")
            .push(b"A", b"b")
            .push(b"connection", b"close");
        let (text, asked) = encode(404, b"", &headers).unwrap();
        assert!(text.starts_with("HTTP/1.1 404 Not Found\r\nA: b\r\nDate: "), "{text}");
        assert_eq!(text.matches(": ").count(), 2);
        assert_eq!(asked, Asked { close: true, connection: false });
    }

    #[test]
    fn the_applications_date_and_reason_stay() {
        let mut headers = HeaderBlock::new();
        headers.push(b"Date", b"yesterday").push(b"Connection", b"Upgrade");
        let (text, asked) = encode(299, b"Fine", &headers).unwrap();
        assert_eq!(text, "HTTP/1.1 299 Fine\r\nDate: yesterday\r\nConnection: Upgrade\r\n");
        assert!(asked.connection);
        assert!(encode(299, b"", &headers).unwrap().0.starts_with("HTTP/1.1 299 \r\n"));
    }

    #[test]
    fn splitting_attempts_are_refused() {
        for (name, value) in [
            (&b"A"[..], &b"b\r\nSet-Cookie: x"[..]),
            (b"A", b"b\nc"),
            (b"A", b"b\0"),
            (b"A\r\nB", b"c"),
            (b"A:", b"c"),
            (b"A b", b"c"),
            (b"Location", b"/\r\n"),
        ] {
            let mut headers = HeaderBlock::new();
            headers.push(name, value);
            assert!(encode(200, b"", &headers).is_err(), "{name:?} {value:?}");
        }
        assert_eq!(encode(200, b"a\r\nb", &HeaderBlock::new()), Err(BadHead::Reason));
        assert_eq!(encode(99, b"", &HeaderBlock::new()), Err(BadHead::Status(99)));
        assert_eq!(encode(1000, b"", &HeaderBlock::new()), Err(BadHead::Status(1000)));
    }

    #[test]
    fn chunk_sizes() {
        for (size, text) in [
            (0, "0\r\n"),
            (1, "1\r\n"),
            (15, "f\r\n"),
            (16, "10\r\n"),
            (65_536, "10000\r\n"),
            (u64::MAX, "ffffffffffffffff\r\n"),
        ] {
            let mut out = Vec::new();
            chunk_size(&mut out, size);
            assert_eq!(out, text.as_bytes());
        }
    }
}
