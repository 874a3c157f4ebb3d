//! Decides from a head's fields how its body is delimited and what happens to the connection. Whatever
//! two parsers could read differently is refused.

use super::host;
use super::rejection::Rejection;
use crate::handler::HeaderRef;
use crate::headers::known;

/// What the header fields say about the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Framing {
    pub(crate) content_length: Option<u64>,
    pub(crate) chunked: bool,
    /// The connection ends after the response.
    pub(crate) close: bool,
    pub(crate) expect_continue: bool,
    pub(crate) te_trailers: bool,
}

impl Framing {
    pub(crate) fn has_body(&self) -> bool {
        self.chunked || self.content_length.is_some_and(|length| length > 0)
    }
}

/// Reads the framing. `version` is 10 or 11.
pub(crate) fn decide(version: u8, headers: &[HeaderRef<'_>]) -> Result<Framing, Rejection> {
    let mut framing = Framing::default();
    let mut hosts = 0;
    let mut codings = Codings::default();
    let (mut close, mut keep_alive) = (false, false);
    for header in headers {
        match header.known {
            known::HOST => {
                hosts += 1;
                if hosts > 1 {
                    return Err(Rejection::malformed("more than one Host field"));
                }
                if !host::is_valid(header.value) {
                    return Err(Rejection::malformed("the Host field is not a host"));
                }
            }
            known::CONTENT_LENGTH => {
                if framing.content_length.is_some() {
                    return Err(Rejection::malformed("more than one Content-Length field"));
                }
                framing.content_length = Some(length(header.value)?);
            }
            known::TRANSFER_ENCODING => codings.add(header.value)?,
            known::CONNECTION => {
                for token in tokens(header.value) {
                    close |= token.eq_ignore_ascii_case(b"close");
                    keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            known::EXPECT => framing.expect_continue |= header.value.eq_ignore_ascii_case(b"100-continue"),
            known::TE => {
                framing.te_trailers |=
                    tokens(header.value).any(|token| token.eq_ignore_ascii_case(b"trailers"))
            }
            _ => {}
        }
    }
    framing.chunked = codings.finish()?;
    if codings.seen {
        if version == 10 {
            return Err(Rejection::malformed("Transfer-Encoding in an HTTP/1.0 request"));
        }
        if framing.content_length.is_some() {
            return Err(Rejection::malformed("both Content-Length and Transfer-Encoding"));
        }
    }
    if version == 11 && hosts == 0 {
        return Err(Rejection::malformed("no Host field"));
    }
    framing.close = close || (version == 10 && !keep_alive);
    framing.expect_continue &= version == 11 && framing.has_body();
    framing.te_trailers &= version == 11;
    Ok(framing)
}

/// Reads a `Content-Length`.
pub(crate) fn length(value: &[u8]) -> Result<u64, Rejection> {
    const BAD: Rejection = Rejection::malformed("Content-Length is not one decimal number");
    if value.is_empty() {
        return Err(BAD);
    }
    value.iter().try_fold(0_u64, |sum, byte| {
        if !byte.is_ascii_digit() {
            return Err(BAD);
        }
        sum.checked_mul(10).and_then(|sum| sum.checked_add(u64::from(byte - b'0'))).ok_or(BAD)
    })
}

/// The elements of a comma-separated list, without empty ones.
fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// The transfer codings over all fields.
#[derive(Default)]
struct Codings {
    seen: bool,
    chunked: bool,
}

impl Codings {
    fn add(&mut self, value: &[u8]) -> Result<(), Rejection> {
        self.seen = true;
        let mut any = false;
        for coding in tokens(value) {
            any = true;
            if self.chunked {
                return Err(Rejection::malformed("chunked is not the last transfer coding"));
            }
            self.chunked = coding.eq_ignore_ascii_case(b"chunked");
        }
        if any { Ok(()) } else { Err(Rejection::malformed("an empty Transfer-Encoding field")) }
    }

    fn finish(&self) -> Result<bool, Rejection> {
        if self.seen && !self.chunked {
            return Err(Rejection::malformed("the last transfer coding is not chunked"));
        }
        Ok(self.chunked)
    }
}
