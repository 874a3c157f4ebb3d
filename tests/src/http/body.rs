//! How a body is delimited, and taking it out of the bytes that have come.

use super::message;
use anyhow::{Context as _, Result, bail, ensure};

/// What is left of a body.
#[derive(Debug)]
pub enum Body {
    /// Nothing.
    Ended,
    /// So many bytes are still to come.
    Length(u64),
    /// The next thing is a chunk's size line.
    ChunkSize,
    /// So many bytes of the current chunk are still to come, then its line end.
    Chunk(u64),
    /// The server's end of stream is the end.
    UntilClose,
}

/// What a step found in the received bytes.
pub enum Step {
    /// Bytes of the body.
    Piece(Vec<u8>),
    /// More bytes are needed.
    NeedMore,
    /// The body's end, with its trailers.
    End(Vec<(String, String)>),
}

impl Body {
    /// Chooses the framing by the rules of RFC 9112, section 6.3, and refuses a response that has two.
    pub(crate) fn of(method: &str, response: &message::Response) -> Result<Self> {
        let length = response.headers_named("Content-Length");
        let encoding = response.headers_named("Transfer-Encoding");
        ensure!(length.len() + encoding.len() < 2, "two framings: {:?}", response.headers);
        if method == "HEAD" || matches!(response.status, 100..=199 | 204 | 304) {
            ensure!(
                encoding.is_empty() || method == "HEAD",
                "Transfer-Encoding with status {}",
                response.status
            );
            return Ok(Self::Ended);
        }
        if let Some(length) = length.first() {
            let length = length.parse().with_context(|| format!("bad Content-Length {length:?}"))?;
            return Ok(if length == 0 { Self::Ended } else { Self::Length(length) });
        }
        match encoding.first() {
            Some(&"chunked") => Ok(Self::ChunkSize),
            Some(other) => bail!("unexpected Transfer-Encoding {other:?}"),
            None => Ok(Self::UntilClose),
        }
    }

    /// Takes what can be taken from `received`; never answers an empty piece.
    ///
    /// # Errors
    /// The framing is broken.
    pub fn step(&mut self, received: &mut Vec<u8>) -> Result<Step> {
        loop {
            match self {
                Self::Ended => return Ok(Step::End(Vec::new())),
                Self::UntilClose | Self::Length(_) | Self::Chunk(1..) if received.is_empty() => {
                    return Ok(Step::NeedMore);
                }
                Self::UntilClose => return Ok(Step::Piece(std::mem::take(received))),
                Self::Length(left) => {
                    let piece = take(received, *left);
                    *left -= piece.len() as u64;
                    if *left == 0 {
                        *self = Self::Ended;
                    }
                    return Ok(Step::Piece(piece));
                }
                Self::Chunk(0) => {
                    if received.len() < 2 {
                        return Ok(Step::NeedMore);
                    }
                    ensure!(received.starts_with(b"\r\n"), "no line end after a chunk");
                    received.drain(..2);
                    *self = Self::ChunkSize;
                }
                Self::Chunk(left) => {
                    let piece = take(received, *left);
                    *left -= piece.len() as u64;
                    return Ok(Step::Piece(piece));
                }
                Self::ChunkSize => {
                    let Some(end) = find(received, b"\r\n") else { return Ok(Step::NeedMore) };
                    let line = String::from_utf8_lossy(&received[..end]).into_owned();
                    let size =
                        u64::from_str_radix(&line, 16).with_context(|| format!("bad chunk size {line:?}"))?;
                    if size > 0 {
                        received.drain(..end + 2);
                        *self = Self::Chunk(size);
                        continue;
                    }
                    // Looks from the size's line end on, so that an empty trailer section is found too.
                    let Some(length) = find(&received[end..], b"\r\n\r\n") else { return Ok(Step::NeedMore) };
                    let text = String::from_utf8_lossy(&received[end..end + length]).into_owned();
                    received.drain(..end + length + 4);
                    *self = Self::Ended;
                    return Ok(Step::End(message::field_lines(text.split("\r\n"))?));
                }
            }
        }
    }
}

fn take(received: &mut Vec<u8>, most: u64) -> Vec<u8> {
    let count = usize::try_from(most).unwrap_or(usize::MAX).min(received.len());
    let rest = received.split_off(count);
    std::mem::replace(received, rest)
}

/// Where `wanted` begins in `bytes`.
pub(crate) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Whole = (Vec<u8>, Vec<(String, String)>);

    fn read(mut body: Body, bytes: &[u8]) -> Result<Whole> {
        let (mut received, mut whole) = (Vec::new(), Vec::new());
        for byte in bytes {
            received.push(*byte);
            loop {
                match body.step(&mut received)? {
                    Step::Piece(piece) => whole.extend(piece),
                    Step::NeedMore => break,
                    Step::End(trailers) => return Ok((whole, trailers)),
                }
            }
        }
        bail!("not complete: {body:?}")
    }

    #[test]
    fn chunks_are_joined_byte_by_byte() {
        let (body, trailers) =
            read(Body::ChunkSize, b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: 1\r\n\r\n").unwrap();
        assert_eq!(body, b"abc0123456789");
        assert_eq!(trailers, [("X".to_owned(), "1".to_owned())]);
        assert!(read(Body::ChunkSize, b"0\r\n\r\n").unwrap().1.is_empty());
    }

    #[test]
    fn broken_chunks_are_refused() {
        assert!(read(Body::ChunkSize, b"x\r\nabc\r\n").is_err());
        assert!(read(Body::ChunkSize, b"3\r\nabcd\r\n").is_err());
        assert!(read(Body::ChunkSize, b"3\r\nabc\r\n0\r\n").is_err());
    }

    #[test]
    fn a_length_ends_the_body() {
        assert_eq!(read(Body::Length(2), b"abc").unwrap().0, b"ab");
    }
}
