//! The three codings under one form: bytes in, bytes out.
//!
//! Windows are kept small: a response that is slow to come holds its encoder's memory all the time.

use std::fmt;
use std::io::{self, Write};

use flate2::write::GzEncoder;
use mews_model::compression::Coding;

/// gzip's own scale, 1 to 9; its window always has 32 KiB.
const GZIP_LEVEL: u32 = 5;
/// Of 11; from 5 on it costs more than responses made at the time are worth.
const BROTLI_LEVEL: u32 = 4;
const ZSTD_LEVEL: i32 = 3;
/// 256 KiB.
const WINDOW_BITS: u32 = 18;
/// What brotli collects before it works.
const BROTLI_BUFFER: usize = 4096;

/// See the module's documentation.
pub(super) enum Encoder {
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Gzip(GzEncoder<Vec<u8>>),
}

impl Encoder {
    /// `length`: the body's, if it is known.
    pub(super) fn new(coding: Coding, length: Option<u64>) -> io::Result<Self> {
        Ok(match coding {
            Coding::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.window_log(WINDOW_BITS)?;
                Self::Zstd(encoder)
            }
            Coding::Brotli => {
                let size = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
                let parameters = brotli::enc::BrotliEncoderParams {
                    quality: BROTLI_LEVEL.try_into().unwrap_or(4),
                    lgwin: WINDOW_BITS.try_into().unwrap_or(18),
                    size_hint: size,
                    ..brotli::enc::BrotliEncoderParams::default()
                };
                Self::Brotli(Box::new(brotli::CompressorWriter::with_params(
                    Vec::new(),
                    BROTLI_BUFFER,
                    &parameters,
                )))
            }
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL))),
        })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Zstd(encoder) => encoder.write_all(bytes),
            Self::Brotli(encoder) => encoder.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
        }
    }

    /// Has everything given so far come out.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Zstd(encoder) => encoder.flush(),
            Self::Brotli(encoder) => encoder.flush(),
            Self::Gzip(encoder) => encoder.flush(),
        }
    }

    /// What has come out.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Self::Zstd(encoder) => encoder.get_mut(),
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Gzip(encoder) => encoder.get_mut(),
        })
    }

    /// Ends the body; answers what has come out since the last time.
    pub(super) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Zstd(encoder) => encoder.finish(),
            Self::Brotli(encoder) => Ok(encoder.into_inner()),
            Self::Gzip(encoder) => encoder.finish(),
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zstd(_) => "Zstd",
            Self::Brotli(_) => "Brotli",
            Self::Gzip(_) => "Gzip",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn decoded(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        // What is there so far is decoded, though the end is missing.
        let _ = match coding {
            Coding::Zstd => zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut text),
            Coding::Brotli => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut text),
            Coding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut text),
        };
        text
    }

    #[test]
    fn what_was_flushed_can_be_read() {
        for coding in [Coding::Zstd, Coding::Brotli, Coding::Gzip] {
            let mut encoder = Encoder::new(coding, None).unwrap();
            let (mut given, mut sent) = (Vec::new(), Vec::new());
            for round in 0..50_usize {
                let piece: Vec<u8> = (0..round * 331 % 9000).map(|at| (at * at % 61) as u8).collect();
                given.extend_from_slice(&piece);
                encoder.push(&piece).unwrap();
                if round % 3 == 0 {
                    encoder.flush().unwrap();
                    sent.extend_from_slice(&encoder.take());
                    assert!(decoded(coding, &sent) == given, "{coding:?}, round {round}");
                }
            }
            sent.extend_from_slice(&encoder.finish().unwrap());
            assert!(
                decoded(coding, &sent) == given && sent.len() * 4 < given.len(),
                "{coding:?}: {}",
                sent.len()
            );
        }
    }
}
