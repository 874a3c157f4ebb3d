//! The bytes read from a connection and not used yet.

/// A growable byte queue. Its memory is zeroed once, then reused.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// The unused bytes.
    pub(crate) fn data(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Room to read into, at least `at_least` bytes.
    pub(crate) fn room(&mut self, at_least: usize) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.bytes.len() - self.end < at_least {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            let wanted = self.end + at_least;
            if self.bytes.len() < wanted {
                self.bytes.resize(wanted.next_power_of_two(), 0);
            }
        }
        &mut self.bytes[self.end..]
    }

    /// `count` bytes have been read into the room.
    pub(crate) fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
    }

    /// The first `count` bytes have been used.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count.min(self.len());
    }

    /// Gives the memory back; only when nothing is held.
    pub(crate) fn free(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Drops what is held.
    pub(crate) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    #[cfg(test)]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.filled(bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_through_growth_and_reuse() {
        let mut buffer = Buffer::default();
        let mut expected = Vec::new();
        let mut out = Vec::new();
        for round in 0..200_usize {
            let piece: Vec<u8> = (0..round % 37).map(|at| (round * 7 + at) as u8).collect();
            buffer.put(&piece);
            expected.extend_from_slice(&piece);
            let take = buffer.len().min(round % 29);
            out.extend_from_slice(&buffer.data()[..take]);
            buffer.consume(take);
        }
        out.extend_from_slice(buffer.data());
        buffer.consume(usize::MAX);
        assert_eq!(out, expected);
        assert!(buffer.is_empty());
        buffer.free();
        assert_eq!(buffer.bytes.capacity(), 0);
    }
}
