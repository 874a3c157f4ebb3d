//! Decoding header blocks.

use std::collections::VecDeque;

use super::fields::Fields;
use super::{Malformed, OVERHEAD, TABLE_SIZE, huffman, integer, static_table};
use crate::headers::known;

#[derive(Debug)]
struct Entry {
    bytes: Box<[u8]>,
    name_len: usize,
    known: u8,
}

impl Entry {
    fn size(&self) -> usize {
        self.bytes.len() + OVERHEAD
    }
}

/// One direction's decoder, with the table that the client fills.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// The newest first.
    entries: VecDeque<Entry>,
    size: usize,
    /// What the client uses of [`TABLE_SIZE`].
    max: usize,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { entries: VecDeque::new(), size: 0, max: TABLE_SIZE, name: Vec::new(), value: Vec::new() }
    }
}

impl Decoder {
    /// Decodes a whole block into `fields`.
    pub(crate) fn decode(&mut self, mut block: &[u8], fields: &mut Fields) -> Result<(), Malformed> {
        let mut updates = 0;
        let mut begun = false;
        while let Some(&first) = block.first() {
            if first & 0xe0 == 0x20 {
                // At most two are of use: down to the smallest size there was, and up to the last.
                updates += 1;
                if begun || updates > 2 {
                    return Err(Malformed("a table size update is not at the beginning of its block"));
                }
                let (size, rest) = integer::read(block, 5)?;
                if size > TABLE_SIZE {
                    return Err(Malformed("a table size update exceeds what was allowed"));
                }
                self.max = size;
                self.evict(0);
                block = rest;
                continue;
            }
            begun = true;
            block =
                if first & 0x80 != 0 { self.indexed(block, fields)? } else { self.literal(block, fields)? };
        }
        Ok(())
    }

    fn indexed<'a>(&self, block: &'a [u8], fields: &mut Fields) -> Result<&'a [u8], Malformed> {
        let (index, rest) = integer::read(block, 7)?;
        let (name, value, number) = self.get(index)?;
        fields.push(name, value, Some(number));
        Ok(rest)
    }

    fn literal<'a>(&mut self, block: &'a [u8], fields: &mut Fields) -> Result<&'a [u8], Malformed> {
        let remember = block[0] & 0x40 != 0;
        let (index, rest) = integer::read(block, if remember { 6 } else { 4 })?;
        let mut name = std::mem::take(&mut self.name);
        let mut value = std::mem::take(&mut self.value);
        name.clear();
        value.clear();
        let (number, rest) = if index == 0 {
            let rest = string(rest, &mut name)?;
            (known::number(&name), rest)
        } else {
            let (found, _, number) = self.get(index)?;
            name.extend_from_slice(found);
            (number, rest)
        };
        let rest = string(rest, &mut value)?;
        fields.push(&name, &value, Some(number));
        if remember {
            self.insert(&name, &value, number);
        }
        self.name = name;
        self.value = value;
        Ok(rest)
    }

    fn get(&self, index: usize) -> Result<(&[u8], &[u8], u8), Malformed> {
        if let Some(found) = static_table::get(index) {
            return Ok(found);
        }
        let entry = index
            .checked_sub(static_table::ENTRIES.len() + 1)
            .and_then(|at| self.entries.get(at))
            .ok_or(Malformed("a header block names an entry that does not exist"))?;
        let (name, value) = entry.bytes.split_at(entry.name_len);
        Ok((name, value, entry.known))
    }

    fn insert(&mut self, name: &[u8], value: &[u8], number: u8) {
        let entry = Entry { bytes: [name, value].concat().into(), name_len: name.len(), known: number };
        let size = entry.size();
        self.evict(size);
        if size <= self.max {
            self.size += size;
            self.entries.push_front(entry);
        }
    }

    /// Makes room for an entry of `size`.
    fn evict(&mut self, size: usize) {
        while self.size + size > self.max {
            let Some(oldest) = self.entries.pop_back() else { return };
            self.size -= oldest.size();
        }
    }

    /// Gives memory back that the table does not need.
    pub(in crate::http2) fn free(&mut self) {
        self.name = Vec::new();
        self.value = Vec::new();
    }
}

/// Reads a string literal to the end of `out`.
fn string<'a>(block: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], Malformed> {
    let coded = block.first().is_some_and(|first| first & 0x80 != 0);
    let (length, rest) = integer::read(block, 7)?;
    let Some((bytes, rest)) = rest.split_at_checked(length) else {
        return Err(Malformed("a header block ends within a string"));
    };
    if coded {
        huffman::decode(bytes, out)?;
    } else {
        out.extend_from_slice(bytes);
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::super::fields::Over;
    use super::*;
    use crate::config::Limits;

    fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<(String, String)>, Malformed> {
        let mut fields = Fields::default();
        fields.begin(&Limits::default());
        decoder.decode(block, &mut fields)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(fields.iter().map(|field| (text(field.name), text(field.value))).collect())
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// RFC 7541, C.4: three requests on one connection.
    #[test]
    fn requests_build_on_each_other() {
        let mut decoder = Decoder::default();
        let first = [
            0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4,
            0xff,
        ];
        let common =
            [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")];
        assert_eq!(decode(&mut decoder, &first), Ok(pairs(&common)));
        let second = [0x82, 0x86, 0x84, 0xbe, 0x58, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf];
        let expected = pairs(&[&common[..], &[("cache-control", "no-cache")]].concat());
        assert_eq!(decode(&mut decoder, &second), Ok(expected));
        let third = [
            0x82, 0x87, 0x85, 0xbf, 0x40, 0x88, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f, 0x89, 0x25,
            0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf,
        ];
        let expected = pairs(&[
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/index.html"),
            (":authority", "www.example.com"),
            ("custom-key", "custom-value"),
        ]);
        assert_eq!(decode(&mut decoder, &third), Ok(expected));
        assert_eq!((decoder.entries.len(), decoder.size), (3, 164));
    }

    #[test]
    fn the_table_never_exceeds_its_size() {
        let mut decoder = Decoder::default();
        for round in 0..500_usize {
            let name = format!("x-{}", "n".repeat(round % 50));
            let mut block = vec![0x40, name.len() as u8];
            block.extend_from_slice(name.as_bytes());
            block.push(100);
            block.extend_from_slice(&[b'v'; 100]);
            decode(&mut decoder, &block).unwrap();
            assert!(decoder.size <= TABLE_SIZE);
            assert_eq!(decoder.size, decoder.entries.iter().map(Entry::size).sum::<usize>());
        }
        // An entry larger than the table empties it; so does a size of nothing.
        let mut block = vec![0x40, 1, b'x', 0x7f, 0xff - 0x7f, 0x3f];
        block.extend_from_slice(&vec![b'v'; 127 + 0x80 * 63]);
        block[4] = 0x80;
        decode(&mut decoder, &block).unwrap();
        assert_eq!((decoder.size, decoder.entries.len()), (0, 0));
        assert!(decode(&mut decoder, &[0xbe]).is_err());
        assert_eq!(decode(&mut decoder, &[0x20, 0x3f, 0xe1, 0x1f]), Ok(Vec::new()));
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        for block in [
            &[0x80][..],
            &[0xbe],
            &[0x82, 0x20],
            &[0x20, 0x20, 0x20],
            &[0x3f, 0xe2, 0x1f],
            &[0x40],
            &[0x40, 3, b'a'],
            &[0x40, 1, b'a', 5, b'b'],
            &[0x44],
            &[0x7f, 0xff, 0xff],
            &[0x40, 0x81, 0xff, 1, b'a'],
        ] {
            assert!(decode(&mut Decoder::default(), block).is_err(), "{block:?}");
        }
    }

    /// A small block that names one large entry over and over.
    #[test]
    fn a_bomb_is_decoded_but_not_kept() {
        let mut decoder = Decoder::default();
        let mut block = vec![0x40, 1, b'x', 0x7f, 0xa1, 0x1e];
        block.extend_from_slice(&[b'v'; 127 + 0x21 + 30 * 128]);
        block.extend_from_slice(&[0xbe; 30_000]);
        let mut fields = Fields::default();
        fields.begin(&Limits::default());
        decoder.decode(&block, &mut fields).unwrap();
        assert_eq!(fields.over(), Some(Over::Size));
        let kept: usize = fields.iter().map(|field| field.name.len() + field.value.len()).sum();
        assert!(kept <= 32 * 1024 && fields.len() < 9, "{kept}");
        // Empty fields count too: by their number.
        fields.begin(&Limits::default());
        decoder.decode(&[0xbf - 0x3e + 0x11; 101], &mut fields).unwrap();
        assert!(fields.over().is_some());
    }
}
