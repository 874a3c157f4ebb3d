//! Takes an upstream's answer apart, however it is cut into pieces: interim responses, the head, the body without its
//! framing, trailers. Moves no bytes itself: what it finds goes to a [`Sink`].
//!
//! Whatever two parsers could read differently is refused, because the connection is used again.

use std::mem::MaybeUninit;

use super::request::{is_reserved, tokens};
use crate::error::Gone;
use crate::exchange::ResponseHead;
use crate::headers::{HeaderBlock, HeaderBlockRef, known};
use crate::http1::{Decoder, Malformed, Status};

/// Largest head, interim ones counted each for itself.
pub(super) const HEAD_MAX: usize = 64 * 1024;
/// Most fields in a head.
const FIELDS_MAX: usize = 256;
/// Most interim responses before the answer.
const INTERIM_MAX: u32 = 32;
/// A head shorter than this is tried whenever bytes come, so that garbage is recognized at once.
const EAGER: usize = 1024;

/// Where an answer goes.
pub(super) trait Sink {
    /// 100, or 102 to 199.
    fn interim(&mut self, status: u16, headers: HeaderBlockRef<'_>) -> Result<(), Gone>;
    /// Body bytes. The first call brings the head, the last one the trailers; both may be the same.
    fn part(
        &mut self,
        head: Option<&ResponseHead<'_>>,
        bytes: &[u8],
        end: Option<HeaderBlockRef<'_>>,
    ) -> Result<(), Gone>;
    /// 101: what follows is no HTTP.
    fn switch(&mut self, head: &ResponseHead<'_>) -> Result<(), Gone>;
}

/// Why an answer cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The sink takes nothing more.
    Gone,
    Malformed(&'static str),
    HeadTooLarge,
    TooManyFields,
    /// It ended before its first byte.
    Nothing,
    /// It ended within its body.
    Short,
}

impl From<Gone> for Fault {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

impl From<Malformed> for Fault {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed("its chunks are not framed correctly")
    }
}

/// How far an answer is after some of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fed {
    /// More bytes are needed.
    More,
    /// It is complete. `excess`: bytes follow that nobody asked for.
    Complete { excess: bool },
    /// It was 101, and so many of the bytes just fed follow its head.
    Switched { rest: usize },
}

/// What the request asked for, as far as it shapes the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) is_head: bool,
    pub(super) upgrade: bool,
    /// The client accepts trailers.
    pub(super) trailers: bool,
    /// `Connection` is passed on.
    pub(super) connection: bool,
}

#[derive(Debug)]
enum Stage {
    Head,
    Length(u64),
    Chunked(Box<Decoder>),
    UntilClose,
    Over,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Reply {
    asked: Asked,
    stage: Stage,
    /// The beginning of a head whose end has not come.
    rest: Vec<u8>,
    interims: u32,
    keep_alive: bool,
}

/// A head that is complete.
struct Head<'a> {
    used: usize,
    status: u16,
    reason: &'a [u8],
    content_length: Option<u64>,
    stage: Stage,
    close: bool,
}

impl Reply {
    pub(super) fn new(asked: Asked) -> Self {
        Self { asked, stage: Stage::Head, rest: Vec::new(), interims: 0, keep_alive: false }
    }

    /// Whether the final head has not come.
    pub(super) fn awaits_head(&self) -> bool {
        matches!(self.stage, Stage::Head)
    }

    /// Whether the connection may be used again after the answer.
    pub(super) fn keeps_alive(&self) -> bool {
        self.keep_alive
    }

    /// Takes the next bytes. `decoded` is memory to work in, `block` likewise; `input` is not empty.
    pub(super) fn feed(
        &mut self,
        input: &[u8],
        decoded: &mut [u8],
        block: &mut HeaderBlock,
        sink: &mut impl Sink,
    ) -> Result<Fed, Fault> {
        if !self.awaits_head() {
            return self.body(None, input, decoded, sink);
        }
        let mut whole = std::mem::take(&mut self.rest);
        let known = whole.len();
        if known > 0 {
            whole.extend_from_slice(input);
        }
        let mut data: &[u8] = if known > 0 { &whole } else { input };
        // Nothing new can be found before the last line's end.
        if data.len() > EAGER && data.len() < HEAD_MAX && memchr::memchr(b'\n', input).is_none() {
            self.keep(data.len(), whole, input);
            return Ok(Fed::More);
        }
        loop {
            let Some(head) = self.head(data, block)? else {
                self.keep(data.len(), whole, input);
                return Ok(Fed::More);
            };
            let rest = &data[head.used..];
            if head.status < 200 && head.status != 101 {
                self.interims += 1;
                if self.interims > INTERIM_MAX {
                    return Err(Fault::Malformed("it has more than 32 interim responses"));
                }
                sink.interim(head.status, block.as_ref())?;
                data = rest;
                if data.is_empty() {
                    return Ok(Fed::More);
                }
                continue;
            }
            let response = ResponseHead {
                status: head.status,
                reason: head.reason,
                headers: block.as_ref(),
                content_length: head.content_length,
                close: head.close,
            };
            self.stage = head.stage;
            if head.status == 101 {
                self.keep_alive = false;
                sink.switch(&response)?;
                return Ok(Fed::Switched { rest: rest.len() });
            }
            return self.body(Some(&response), rest, decoded, sink);
        }
    }

    /// Remembers the last `count` bytes.
    fn keep(&mut self, count: usize, mut whole: Vec<u8>, input: &[u8]) {
        if whole.is_empty() {
            self.rest = input[input.len() - count..].to_vec();
        } else {
            whole.drain(..whole.len() - count);
            self.rest = whole;
        }
    }

    /// The upstream sends nothing more.
    pub(super) fn end(&mut self, sink: &mut impl Sink) -> Result<Fed, Fault> {
        match self.stage {
            Stage::Head if self.rest.is_empty() => Err(Fault::Nothing),
            Stage::Head => {
                let rest = std::mem::take(&mut self.rest);
                self.head(&rest, &mut HeaderBlock::new())?;
                Err(Fault::Malformed("it ends within its head"))
            }
            Stage::UntilClose => {
                self.stage = Stage::Over;
                sink.part(None, &[], Some(HeaderBlockRef::EMPTY))?;
                Ok(Fed::Complete { excess: false })
            }
            Stage::Length(_) | Stage::Chunked(_) => Err(Fault::Short),
            Stage::Over => Ok(Fed::Complete { excess: false }),
        }
    }

    fn body(
        &mut self,
        mut head: Option<&ResponseHead<'_>>,
        mut data: &[u8],
        decoded: &mut [u8],
        sink: &mut impl Sink,
    ) -> Result<Fed, Fault> {
        match &mut self.stage {
            Stage::Length(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
                *left -= count as u64;
                let (bytes, excess) = data.split_at(count);
                if *left > 0 {
                    sink.part(head, bytes, None)?;
                    return Ok(Fed::More);
                }
                self.stage = Stage::Over;
                sink.part(head, bytes, Some(HeaderBlockRef::EMPTY))?;
                Ok(Fed::Complete { excess: !excess.is_empty() })
            }
            Stage::Chunked(decoder) => loop {
                let step = decoder.step(data, decoded)?;
                data = &data[step.used..];
                let bytes = &decoded[..step.made];
                match step.status {
                    Status::End => {
                        let trailers = decoder.take_trailers();
                        self.stage = Stage::Over;
                        sink.part(head, bytes, Some(trailers.as_ref()))?;
                        return Ok(Fed::Complete { excess: !data.is_empty() });
                    }
                    Status::Input | Status::Output => {
                        if head.is_some() || !bytes.is_empty() {
                            sink.part(head.take(), bytes, None)?;
                        }
                        if step.status == Status::Input {
                            return Ok(Fed::More);
                        }
                    }
                }
            },
            Stage::UntilClose => {
                if head.is_some() || !data.is_empty() {
                    sink.part(head, data, None)?;
                }
                Ok(Fed::More)
            }
            Stage::Head | Stage::Over => Ok(Fed::Complete { excess: !data.is_empty() }),
        }
    }

    /// Reads a head at the front of `data`; `None` = it is not complete. Its fields go to `block`.
    fn head<'a>(&mut self, data: &'a [u8], block: &mut HeaderBlock) -> Result<Option<Head<'a>>, Fault> {
        let mut fields = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; FIELDS_MAX];
        let mut response = httparse::Response::new(&mut []);
        let seen = &data[..data.len().min(HEAD_MAX)];
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            seen,
            &mut fields,
        );
        let used = match parsed {
            Ok(httparse::Status::Complete(used)) => used,
            Ok(httparse::Status::Partial) if data.len() >= HEAD_MAX => return Err(Fault::HeadTooLarge),
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(refuse(error)),
        };
        let (Some(version), Some(status)) = (response.version, response.code) else {
            return Err(Fault::Malformed("the status line cannot be read"));
        };
        if status < 100 || (status == 101 && !self.asked.upgrade) {
            return Err(Fault::Malformed("its status is none that was to be expected"));
        }
        let framing = Framing::of(response.headers, version)?;
        self.keep_alive = framing.keep_alive;
        let (stage, content_length) = framing.stage(status, self.asked.is_head);
        if matches!(stage, Stage::UntilClose) {
            self.keep_alive = false;
        }
        self.fields(status, response.headers, &framing, block);
        // For 200 the server's own phrase; a phrase that cannot be read is replaced too.
        let reason = if status == 200 { b"" } else { response.reason.unwrap_or_default().as_bytes() };
        let close = self.asked.connection && framing.close;
        Ok(Some(Head { used, status, reason, content_length, stage, close }))
    }

    /// Copies what the client may see.
    fn fields(
        &self,
        status: u16,
        headers: &[httparse::Header<'_>],
        framing: &Framing,
        block: &mut HeaderBlock,
    ) {
        block.clear();
        let mut dated = false;
        for header in headers {
            let name = header.name.as_bytes();
            let number = known::number(name);
            let goes_on = match number {
                known::KEEP_ALIVE | known::TRANSFER_ENCODING | known::CONTENT_LENGTH => false,
                known::CONNECTION => status == 101 || (self.asked.connection && status >= 200),
                known::UPGRADE => status == 101,
                known::TRAILER => self.asked.trailers,
                known::DATE => !std::mem::replace(&mut dated, true),
                0 if is_reserved(name) || header.name.eq_ignore_ascii_case("Proxy-Connection") => false,
                _ => true,
            };
            let named = framing.names_fields
                && !matches!(number, known::CONNECTION | known::UPGRADE)
                && options(headers).any(|option| option.eq_ignore_ascii_case(name));
            if goes_on && !named {
                match number {
                    0 => block.push(name, header.value),
                    number => block.push_known(number, header.value),
                };
            }
        }
    }
}

/// The elements of all `Connection` fields.
fn options<'a>(headers: &[httparse::Header<'a>]) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("Connection"))
        .flat_map(|header| tokens(header.value))
}

fn refuse(error: httparse::Error) -> Fault {
    match error {
        httparse::Error::TooManyHeaders => Fault::TooManyFields,
        httparse::Error::Version => Fault::Malformed("it does not begin with HTTP/1.1 or HTTP/1.0"),
        httparse::Error::Status => Fault::Malformed("the status line cannot be read"),
        httparse::Error::HeaderName => Fault::Malformed("a header name is not a token"),
        httparse::Error::HeaderValue => Fault::Malformed("a header value holds a forbidden byte"),
        _ => Fault::Malformed("a line does not end as it should"),
    }
}

/// What the fields say about the body and the connection.
#[derive(Default)]
struct Framing {
    content_length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    names_fields: bool,
}

impl Framing {
    fn of(headers: &[httparse::Header<'_>], version: u8) -> Result<Self, Fault> {
        let mut framing = Self::default();
        let mut stay = false;
        for header in headers {
            match known::number(header.name.as_bytes()) {
                known::CONTENT_LENGTH => framing.length(header.value)?,
                known::TRANSFER_ENCODING => {
                    // A second coding, also in a second field, is none that can be relayed.
                    if framing.chunked || !header.value.eq_ignore_ascii_case(b"chunked") {
                        return Err(Fault::Malformed("its transfer coding is not exactly chunked"));
                    }
                    framing.chunked = true;
                }
                known::CONNECTION => {
                    for option in tokens(header.value) {
                        if option.eq_ignore_ascii_case(b"close") {
                            framing.close = true;
                        } else if option.eq_ignore_ascii_case(b"keep-alive") {
                            stay = true;
                        } else {
                            framing.names_fields = true;
                        }
                    }
                }
                _ => {}
            }
        }
        if framing.chunked && framing.content_length.is_some() {
            return Err(Fault::Malformed("it has both Content-Length and Transfer-Encoding"));
        }
        if framing.chunked && version == 0 {
            return Err(Fault::Malformed("it is HTTP/1.0 and has Transfer-Encoding"));
        }
        framing.keep_alive = !framing.close && (version == 1 || stay);
        Ok(framing)
    }

    fn length(&mut self, value: &[u8]) -> Result<(), Fault> {
        const BAD: Fault = Fault::Malformed("its Content-Length is not one decimal number");
        let mut any = false;
        for text in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
                return Err(BAD);
            }
            let length = text
                .iter()
                .try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
                .ok_or(BAD)?;
            if self.content_length.is_some_and(|before| before != length) {
                return Err(Fault::Malformed("it has different Content-Lengths"));
            }
            self.content_length = Some(length);
            any = true;
        }
        if any { Ok(()) } else { Err(BAD) }
    }

    /// How the body is delimited, and the length to announce.
    fn stage(&self, status: u16, is_head: bool) -> (Stage, Option<u64>) {
        match status {
            100..=199 | 204 => (Stage::Length(0), None),
            304 => (Stage::Length(0), self.content_length),
            _ if is_head => (Stage::Length(0), self.content_length),
            _ if self.chunked => (Stage::Chunked(Box::new(Decoder::new(HEAD_MAX, FIELDS_MAX))), None),
            _ => match self.content_length {
                Some(length) => (Stage::Length(length), Some(length)),
                None => (Stage::UntilClose, None),
            },
        }
    }
}
