//! Encoding header blocks. Strings are sent as they are: the code would save a fifth of what is left after indexing,
//! at several times the cost.

use std::collections::VecDeque;

use super::{OVERHEAD, TABLE_SIZE, integer, static_table};

/// Values longer than this are not worth a place in the table.
const LONG: usize = 200;

/// Whether a field will come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http2) enum Remember {
    /// With this value, on most responses.
    Yes,
    No,
    /// A secret: no proxy on the way may remember it either.
    Never,
}

#[derive(Debug)]
struct Entry {
    /// Well-known number; the name is empty then.
    known: u8,
    name: Box<[u8]>,
    value: Box<[u8]>,
    size: usize,
}

/// One direction's encoder, with the table that the client remembers.
#[derive(Debug)]
pub(in crate::http2) struct Encoder {
    /// The newest first.
    entries: VecDeque<Entry>,
    size: usize,
    max: usize,
    /// The smallest size since the last block, when the client has changed it.
    changed: Option<usize>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { entries: VecDeque::new(), size: 0, max: TABLE_SIZE, changed: None }
    }
}

impl Encoder {
    /// The client remembers at most so much.
    pub(in crate::http2) fn set_max(&mut self, size: usize) {
        let size = size.min(TABLE_SIZE);
        if size != self.max {
            self.max = size;
            self.changed = Some(self.changed.map_or(size, |least| least.min(size)));
            self.evict(0);
        }
    }

    /// Begins a block.
    pub(in crate::http2) fn begin(&mut self, out: &mut Vec<u8>) {
        if let Some(least) = self.changed.take() {
            if least < self.max {
                integer::write(out, 0x20, 5, least);
            }
            integer::write(out, 0x20, 5, self.max);
        }
    }

    /// Appends `:status`.
    pub(in crate::http2) fn status(&self, out: &mut Vec<u8>, status: u16) {
        match static_table::status(status) {
            Some(index) => integer::write(out, 0x80, 7, index),
            None => {
                integer::write(out, 0, 4, 8);
                string(out, itoa::Buffer::new().format(status).as_bytes());
            }
        }
    }

    /// Appends a field with a well-known name.
    pub(in crate::http2) fn known(
        &mut self,
        out: &mut Vec<u8>,
        number: u8,
        value: &[u8],
        remember: Remember,
    ) {
        let Some((name, index)) = static_table::by_number(number) else { return };
        self.field(out, number, name, index, value, remember);
    }

    /// Appends a field with another name, which is sent in lower case.
    pub(in crate::http2) fn named(
        &mut self,
        out: &mut Vec<u8>,
        name: &[u8],
        value: &[u8],
        remember: Remember,
    ) {
        self.field(out, 0, name, 0, value, remember);
    }

    fn field(
        &mut self,
        out: &mut Vec<u8>,
        number: u8,
        name: &[u8],
        index: usize,
        value: &[u8],
        remember: Remember,
    ) {
        let remember = if value.len() > LONG && remember == Remember::Yes { Remember::No } else { remember };
        let (first, bits) = match remember {
            Remember::Yes => {
                if let Some(found) = self.find(number, name, value) {
                    integer::write(out, 0x80, 7, static_table::ENTRIES.len() + 1 + found);
                    return;
                }
                (0x40, 6)
            }
            Remember::No => (0, 4),
            Remember::Never => (0x10, 4),
        };
        integer::write(out, first, bits, index);
        if index == 0 {
            integer::write(out, 0, 7, name.len());
            out.extend(name.iter().map(u8::to_ascii_lowercase));
        }
        string(out, value);
        if remember == Remember::Yes {
            self.insert(number, name, value);
        }
    }

    fn find(&self, number: u8, name: &[u8], value: &[u8]) -> Option<usize> {
        self.entries.iter().position(|entry| {
            entry.known == number
                && *entry.value == *value
                && (number != 0 || entry.name.eq_ignore_ascii_case(name))
        })
    }

    fn insert(&mut self, number: u8, name: &[u8], value: &[u8]) {
        let size = name.len() + value.len() + OVERHEAD;
        self.evict(size);
        if size <= self.max {
            self.size += size;
            let name: &[u8] = if number == 0 { name } else { &[] };
            self.entries.push_front(Entry { known: number, name: name.into(), value: value.into(), size });
        }
    }

    fn evict(&mut self, size: usize) {
        while self.size + size > self.max {
            let Some(oldest) = self.entries.pop_back() else { return };
            self.size -= oldest.size;
        }
    }
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    integer::write(out, 0, 7, bytes.len());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::super::{Decoder, Fields};
    use super::*;
    use crate::config::Limits;
    use crate::headers::known;

    fn decoded(decoder: &mut Decoder, block: &[u8]) -> Vec<(String, String)> {
        let mut fields = Fields::default();
        fields.begin(&Limits::default());
        decoder.decode(block, &mut fields).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        fields.iter().map(|field| (text(field.name), text(field.value))).collect()
    }

    #[test]
    fn repeated_fields_shrink_to_a_byte_and_decode_to_the_same() {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        let mut sizes = Vec::new();
        for round in 0..40 {
            let mut block = Vec::new();
            encoder.begin(&mut block);
            encoder.status(&mut block, if round % 2 == 0 { 200 } else { 418 });
            encoder.known(&mut block, known::CONTENT_TYPE, b"text/html; charset=utf-8", Remember::Yes);
            encoder.named(&mut block, b"X-Own", b"1", Remember::Yes);
            encoder.known(&mut block, known::SET_COOKIE, b"secret", Remember::Never);
            encoder.known(&mut block, known::UPGRADE, round.to_string().as_bytes(), Remember::Yes);
            sizes.push(block.len());
            if round == 20 {
                encoder.set_max(100);
                encoder.set_max(0);
                encoder.set_max(1000);
            }
            let fields = decoded(&mut decoder, &block);
            let status = if round % 2 == 0 { "200" } else { "418" };
            let round = round.to_string();
            let expected = [
                (":status", status),
                ("content-type", "text/html; charset=utf-8"),
                ("x-own", "1"),
                ("set-cookie", "secret"),
                ("upgrade", &*round),
            ];
            let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            assert_eq!(fields, expected);
        }
        assert!(sizes[2] < sizes[0] - 30 && sizes[21] > sizes[19] + 30, "{sizes:?}");
    }
}
