//! Decodes a chunked request body, strictly: CR LF everywhere, at most 16 size digits, bounded
//! extensions and trailers. Works on any split of the input.

use crate::headers::{HeaderBlock, known};

/// Extension bytes allowed in one body.
const MAX_EXTENSIONS: usize = 8 * 1024;

/// The body's framing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What a step gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The output is full, or empty and there is data for it.
    Output,
    /// More input is needed.
    Input,
    /// The body and its trailers are complete.
    End,
}

/// Input used, output made, and why it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) used: usize,
    pub(crate) made: usize,
    pub(crate) status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a size line: digits so far.
    Size(u8),
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
    End,
}

/// The state of decoding one body.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    /// Bytes left of the current chunk, or the size being read.
    left: u64,
    extensions: usize,
    trailer_bytes: Vec<u8>,
    max_trailer_bytes: usize,
    max_trailers: usize,
    trailers: HeaderBlock,
}

impl Decoder {
    /// Trailers are bounded like a head.
    pub(crate) fn new(max_trailer_bytes: usize, max_trailers: usize) -> Self {
        Self {
            state: State::Size(0),
            left: 0,
            extensions: 0,
            trailer_bytes: Vec::new(),
            max_trailer_bytes,
            max_trailers,
            trailers: HeaderBlock::new(),
        }
    }

    /// The trailers, complete after `Status::End`.
    pub(crate) fn take_trailers(&mut self) -> HeaderBlock {
        std::mem::take(&mut self.trailers)
    }

    /// Decodes as much as fits.
    pub(crate) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Malformed> {
        let (mut used, mut made) = (0, 0);
        let stop = |used, made, status| Ok(Step { used, made, status });
        loop {
            if self.state == State::End {
                return stop(used, made, Status::End);
            }
            let Some(&byte) = input.get(used) else { return stop(used, made, Status::Input) };
            match self.state {
                State::Data => {
                    if made == output.len() {
                        return stop(used, made, Status::Output);
                    }
                    let left = usize::try_from(self.left).unwrap_or(usize::MAX);
                    let count = left.min(input.len() - used).min(output.len() - made);
                    output[made..made + count].copy_from_slice(&input[used..used + count]);
                    used += count;
                    made += count;
                    self.left -= count as u64;
                    if self.left == 0 {
                        self.state = State::DataCr;
                    }
                    continue;
                }
                State::Size(digits) => self.size_byte(byte, digits)?,
                State::Extension => self.extension_byte(byte)?,
                State::SizeLf => {
                    expect(byte, b'\n')?;
                    self.state = if self.left == 0 { State::Trailers } else { State::Data };
                }
                State::DataCr => {
                    expect(byte, b'\r')?;
                    self.state = State::DataLf;
                }
                State::DataLf => {
                    expect(byte, b'\n')?;
                    self.left = 0;
                    self.state = State::Size(0);
                }
                State::Trailers => {
                    used += self.trailer_input(&input[used..])?;
                    continue;
                }
                State::End => {}
            }
            used += 1;
        }
    }

    fn size_byte(&mut self, byte: u8, digits: u8) -> Result<(), Malformed> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ if digits == 0 => return Err(Malformed),
            b'\r' => {
                self.state = State::SizeLf;
                return Ok(());
            }
            b';' => {
                self.state = State::Extension;
                return self.extension_byte(byte);
            }
            _ => return Err(Malformed),
        };
        if digits == 16 {
            return Err(Malformed);
        }
        self.left = (self.left << 4) | u64::from(digit);
        self.state = State::Size(digits + 1);
        Ok(())
    }

    fn extension_byte(&mut self, byte: u8) -> Result<(), Malformed> {
        match byte {
            b'\r' => {
                self.state = State::SizeLf;
                return Ok(());
            }
            b'\t' => {}
            0..=0x1f | 0x7f => return Err(Malformed),
            _ => {}
        }
        self.extensions += 1;
        if self.extensions > MAX_EXTENSIONS { Err(Malformed) } else { Ok(()) }
    }

    /// Takes whole lines or what there is of one; answers how much was used.
    fn trailer_input(&mut self, input: &[u8]) -> Result<usize, Malformed> {
        let (line, ended) = match memchr::memchr(b'\n', input) {
            Some(end) => (&input[..=end], true),
            None => (input, false),
        };
        if self.trailer_bytes.len() + line.len() > self.max_trailer_bytes {
            return Err(Malformed);
        }
        let start = self.trailer_bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        self.trailer_bytes.extend_from_slice(line);
        if ended {
            let whole = &self.trailer_bytes[start..];
            if !whole.ends_with(b"\r\n") {
                return Err(Malformed);
            }
            if whole.len() == 2 {
                self.finish_trailers()?;
                self.state = State::End;
            }
        }
        Ok(line.len())
    }

    fn finish_trailers(&mut self) -> Result<(), Malformed> {
        let bytes = std::mem::take(&mut self.trailer_bytes);
        if bytes.len() == 2 {
            return Ok(());
        }
        let mut fields = vec![httparse::EMPTY_HEADER; self.max_trailers];
        match httparse::parse_headers(&bytes, &mut fields) {
            Ok(httparse::Status::Complete((used, found))) if used == bytes.len() => {
                for field in found {
                    let name = field.name.as_bytes();
                    if !is_forbidden(known::number(name)) {
                        self.trailers.push(name, field.value);
                    }
                }
                Ok(())
            }
            _ => Err(Malformed),
        }
    }
}

fn expect(byte: u8, wanted: u8) -> Result<(), Malformed> {
    if byte == wanted { Ok(()) } else { Err(Malformed) }
}

/// Fields that frame, route or authorize a message mean nothing after it and are dropped.
pub(crate) fn is_forbidden(number: u8) -> bool {
    matches!(
        number,
        known::CONTENT_LENGTH
            | known::TRANSFER_ENCODING
            | known::HOST
            | known::CONNECTION
            | known::TE
            | known::TRAILER
            | known::EXPECT
            | known::UPGRADE
            | known::KEEP_ALIVE
            | known::AUTHORIZATION
            | known::COOKIE
            | known::SET_COOKIE
            | known::CACHE_CONTROL
            | known::CONTENT_ENCODING
            | known::CONTENT_TYPE
            | known::CONTENT_RANGE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder() -> Decoder {
        Decoder::new(256, 4)
    }

    /// Feeds `input` in pieces and reads into pieces; answers the body, the trailers and the bytes used.
    fn decode(
        input: &[u8],
        cut: &mut dyn FnMut() -> (usize, usize),
    ) -> Result<(Vec<u8>, HeaderBlock, usize, bool), Malformed> {
        let mut decoder = decoder();
        let (mut body, mut at, mut have) = (Vec::new(), 0, 0);
        loop {
            let (feed, room) = cut();
            let mut out = vec![0; room];
            let step = decoder.step(&input[at..have], &mut out)?;
            at += step.used;
            body.extend_from_slice(&out[..step.made]);
            match step.status {
                Status::End => return Ok((body, decoder.take_trailers(), at, true)),
                Status::Input if have == input.len() => {
                    return Ok((body, decoder.take_trailers(), at, false));
                }
                Status::Input => have = (have + feed.max(1)).min(input.len()),
                Status::Output => {}
            }
        }
    }

    const GOOD: &[u8] = b"5\r\nhello\r\n1;ext=\"x\";y\r\n,\r\n00A\r\n chunked!!\r\n0\r\nX-Sum: 9\r\nContent-Length: 3\r\nY: z\r\n\r\nNEXT";

    fn assert_good(result: Result<(Vec<u8>, HeaderBlock, usize, bool), Malformed>) {
        let (body, trailers, used, ended) = result.unwrap();
        assert_eq!(body, b"hello, chunked!!");
        assert!(ended);
        assert_eq!(used, GOOD.len() - 4);
        let names: Vec<_> = trailers.as_ref().iter().map(|item| item.unwrap().name.to_vec()).collect();
        assert_eq!(names, [b"X-Sum".to_vec(), b"Y".to_vec()]);
    }

    #[test]
    fn whole_and_byte_by_byte() {
        assert_good(decode(GOOD, &mut || (usize::MAX / 2, 100)));
        assert_good(decode(GOOD, &mut || (1, 1)));
        assert_good(decode(GOOD, &mut || (1, 100)));
        assert_good(decode(GOOD, &mut || (100, 1)));
    }

    #[test]
    fn random_splits_give_the_same() {
        let mut state = 88_172_645_463_325_252_u64;
        for _ in 0..2000 {
            assert_good(decode(GOOD, &mut || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                ((state % 9) as usize, (state >> 32) as usize % 7)
            }));
        }
    }

    #[test]
    fn malformed_bodies_are_refused_at_any_split() {
        let long_extension =
            [b"1;".to_vec(), vec![b'x'; MAX_EXTENSIONS + 1], b"\r\na\r\n0\r\n\r\n".to_vec()].concat();
        let long_trailer = [b"0\r\nA: ".to_vec(), vec![b'x'; 300], b"\r\n\r\n".to_vec()].concat();
        let table: &[&[u8]] = &[
            b"\r\n",
            b";\r\n",
            b" 5\r\nhello\r\n0\r\n\r\n",
            b"5 \r\nhello\r\n0\r\n\r\n",
            b"+5\r\nhello\r\n0\r\n\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"5\r\nhelloo\r\n0\r\n\r\n",
            b"5\r\nhell\r\n0\r\n\r\n",
            b"5;a\nb\r\nhello\r\n0\r\n\r\n",
            b"5;a\x00\r\nhello\r\n0\r\n\r\n",
            b"00000000000000005\r\nhello\r\n0\r\n\r\n",
            b"0\r\n\n",
            b"0\r\nA: b\n\r\n",
            b"0\r\nA b\r\n\r\n",
            b"0\r\nA : b\r\n\r\n",
            b"0\r\n A: b\r\n\r\n",
            b"0\r\nA: b\r\n c\r\n\r\n",
            b"0\r\nA: \x01\r\n\r\n",
            b"0\r\na:1\r\nb:1\r\nc:1\r\nd:1\r\ne:1\r\n\r\n",
            &long_extension,
            &long_trailer,
        ];
        for body in table {
            assert_eq!(decode(body, &mut || (usize::MAX / 2, 64)).unwrap_err(), Malformed, "{body:?}");
            assert_eq!(decode(body, &mut || (1, 64)).unwrap_err(), Malformed, "{body:?}");
        }
    }

    #[test]
    fn an_empty_output_stops_at_data_only() {
        let mut decoder = decoder();
        let step = decoder.step(b"3\r\nabc", &mut []).unwrap();
        assert_eq!(step, Step { used: 3, made: 0, status: Status::Output });
        let step = decoder.step(b"abc\r\n0\r\n\r\n", &mut [0; 3]).unwrap();
        assert_eq!(step, Step { used: 10, made: 3, status: Status::End });
    }
}
