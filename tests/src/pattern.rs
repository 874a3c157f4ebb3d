//! The byte sequence that the test apps send, so that neither side has to hold or hash what it checks: byte `i` is `i` modulo 251.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// The period of the sequence: prime, so that a lost or doubled buffer shows at any buffer size.
pub const PATTERN_PERIOD: u64 = 251;

/// `length` bytes of the sequence from its byte `offset`.
pub fn pattern(offset: u64, length: usize) -> Vec<u8> {
    (offset..).take(length).map(|i| (i % PATTERN_PERIOD) as u8).collect()
}

/// Checks a stream of pieces against the sequence.
pub struct Pattern {
    position: u64,
    /// A stretch of the sequence, so that pieces are compared and not computed.
    table: Vec<u8>,
}

impl Default for Pattern {
    fn default() -> Self {
        Self { position: 0, table: pattern(0, PATTERN_PERIOD as usize * 261) }
    }
}

impl Pattern {
    /// How many bytes have been checked.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Checks the next bytes.
    ///
    /// # Panics
    /// A byte is not the sequence's.
    pub fn check(&mut self, piece: &[u8]) {
        for part in piece.chunks(self.table.len() - PATTERN_PERIOD as usize) {
            let from = (self.position % PATTERN_PERIOD) as usize;
            let due = &self.table[from..from + part.len()];
            if part != due {
                let wrong = part.iter().zip(due).position(|(byte, due)| byte != due).unwrap_or(0);
                panic!("byte {} of the body is wrong", self.position + wrong as u64);
            }
            self.position += part.len() as u64;
        }
    }
}

/// SHA-256 of `bytes` in lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_goes_on_across_pieces() {
        let mut checked = Pattern::default();
        checked.check(&pattern(0, 300));
        checked.check(&pattern(300, 10));
        assert_eq!(checked.position(), 310);
        assert_eq!(pattern(250, 3), [250, 0, 1]);
        let mut checked = Pattern::default();
        checked.check(&pattern(0, 1_000_000));
        checked.check(&pattern(1_000_000, 7));
        assert_eq!(checked.position(), 1_000_007);
    }

    #[test]
    #[should_panic(expected = "byte 1 of the body is wrong")]
    fn a_wrong_byte_is_found() {
        Pattern::default().check(&[0, 0]);
    }
}
