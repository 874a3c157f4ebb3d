//! Body bytes and file ranges of one stream that wait for the client's window.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;

/// Bytes appended to one piece before another one is begun.
const PIECE: usize = 16 * 1024;

#[derive(Debug)]
enum Piece {
    Bytes(Vec<u8>),
    File { file: OwnedFd, offset: u64, left: u64 },
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pieces: VecDeque<Piece>,
    /// Bytes of the front piece that have left.
    start: usize,
    bytes: usize,
    files: usize,
}

impl Pending {
    /// Bytes in memory; files are not counted.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn has_file(&self) -> bool {
        self.files > 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.bytes += bytes.len();
        match self.pieces.back_mut() {
            Some(Piece::Bytes(last)) if last.len() + bytes.len() <= PIECE => last.extend_from_slice(bytes),
            _ => {
                let mut piece = Vec::with_capacity(bytes.len().max(PIECE / 4));
                piece.extend_from_slice(bytes);
                self.pieces.push_back(Piece::Bytes(piece));
            }
        }
    }

    pub(super) fn push_file(&mut self, file: OwnedFd, offset: u64, count: u64) {
        if count > 0 {
            self.files += 1;
            self.pieces.push_back(Piece::File { file, offset, left: count });
        }
    }

    /// Moves up to `most` bytes of the front piece to the end of `out`. Answers how many; a file that has ended early is
    /// an error.
    pub(super) fn take(&mut self, out: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        let (count, over) = match self.pieces.front_mut() {
            _ if most == 0 => return Ok(0),
            None => return Ok(0),
            Some(Piece::Bytes(bytes)) => {
                let rest = &bytes[self.start..];
                let count = rest.len().min(most);
                out.extend_from_slice(&rest[..count]);
                self.start += count;
                self.bytes -= count;
                (count, self.start == bytes.len())
            }
            Some(Piece::File { file, offset, left }) => {
                let count = read(file, *offset, out, usize::try_from(*left).unwrap_or(usize::MAX).min(most))?;
                *offset += count as u64;
                *left -= count as u64;
                self.files -= usize::from(*left == 0);
                (count, *left == 0)
            }
        };
        if over {
            self.pieces.pop_front();
            self.start = 0;
        }
        Ok(count)
    }
}

/// Reads from a file to the end of `out`.
fn read(file: &OwnedFd, offset: u64, out: &mut Vec<u8>, most: usize) -> io::Result<usize> {
    let mut bytes = [0; super::frame::MAX_PAYLOAD];
    let most = most.min(bytes.len());
    let count = loop {
        match rustix::io::pread(file, &mut bytes[..most], offset) {
            Err(Errno::INTR) => {}
            done => break done?,
        }
    };
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    out.extend_from_slice(&bytes[..count]);
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_out_in_order() {
        let mut pending = Pending::default();
        let mut expected = Vec::new();
        let mut out = Vec::new();
        for round in 0..200_usize {
            let bytes: Vec<u8> = (0..round * 37 % 5000).map(|at| (at + round) as u8).collect();
            pending.push(&bytes);
            expected.extend_from_slice(&bytes);
            if round % 10 == 0 {
                let file = std::fs::File::open("/dev/zero").unwrap();
                pending.push_file(file.into(), 0, 1000);
                expected.extend_from_slice(&[0; 1000]);
                assert!(pending.has_file());
            }
            pending.take(&mut out, round * 91 % 6000).unwrap();
        }
        while !pending.is_empty() {
            pending.take(&mut out, 16_384).unwrap();
        }
        assert!(out == expected && pending.bytes() == 0 && !pending.has_file());
    }

    #[test]
    fn a_file_that_is_too_short_is_an_error() {
        let mut pending = Pending::default();
        pending.push_file(std::fs::File::open("/dev/null").unwrap().into(), 0, 1);
        let error = pending.take(&mut Vec::new(), 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
