//! The compact list of header records that crosses the function table.
//!
//! A record is `u8 known · u8 0 · u16 name_len · u32 value_len · name · value`, little-endian, without
//! padding; the name is absent (length 0) when `known` is not 0.

use std::fmt;

use super::known;

const FIXED: usize = 8;

/// A record list that breaks the format: truncated, or an unknown number without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bad header record at byte {at}")]
pub struct BadRecord {
    /// Where the record starts in the block.
    pub at: usize,
}

/// One header field of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderItem<'a> {
    /// Name, never empty.
    pub name: &'a [u8],
    /// Value, unchecked.
    pub value: &'a [u8],
    /// Well-known number, 0 = none.
    pub known: u8,
}

impl HeaderItem<'_> {
    /// The number of the name, also where it was written out.
    pub(crate) fn known_number(&self) -> u8 {
        if self.known == 0 { known::number(self.name) } else { self.known }
    }
}

/// A borrowed record list; not validated until it is iterated.
#[derive(Clone, Copy, Default)]
pub struct HeaderBlockRef<'a>(pub &'a [u8]);

impl<'a> HeaderBlockRef<'a> {
    /// No headers.
    pub const EMPTY: HeaderBlockRef<'static> = HeaderBlockRef(&[]);

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Walks the records; ends after the first bad one.
    pub fn iter(&self) -> HeaderItems<'a> {
        HeaderItems { bytes: self.0, at: 0 }
    }
}

impl<'a> IntoIterator for HeaderBlockRef<'a> {
    type Item = Result<HeaderItem<'a>, BadRecord>;
    type IntoIter = HeaderItems<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for HeaderBlockRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        f.debug_map().entries(self.iter().flatten().map(|item| (text(item.name), text(item.value)))).finish()
    }
}

/// Iterator over the records of a block.
#[derive(Clone, Debug)]
pub struct HeaderItems<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> HeaderItems<'a> {
    fn record(&mut self) -> Option<HeaderItem<'a>> {
        let rest = self.bytes.get(self.at..)?;
        let (fixed, rest) = rest.split_at_checked(FIXED)?;
        let number = fixed[0];
        let name_len = usize::from(u16::from_le_bytes([fixed[2], fixed[3]]));
        let value_len = usize::try_from(u32::from_le_bytes([fixed[4], fixed[5], fixed[6], fixed[7]])).ok()?;
        let (sent_name, rest) = rest.split_at_checked(name_len)?;
        let (value, _) = rest.split_at_checked(value_len)?;
        let name = match (number, sent_name.is_empty()) {
            (0, false) => sent_name,
            (0, true) => return None,
            (_, true) => known::name(number)?.as_bytes(),
            (_, false) => return None,
        };
        self.at += FIXED + name_len + value_len;
        Some(HeaderItem { name, value, known: number })
    }
}

impl<'a> Iterator for HeaderItems<'a> {
    type Item = Result<HeaderItem<'a>, BadRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let at = self.at;
        Some(self.record().ok_or_else(|| {
            self.at = self.bytes.len();
            BadRecord { at }
        }))
    }
}

/// An owned record list under construction.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderBlock {
    bytes: Vec<u8>,
}

impl HeaderBlock {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of a list, as it is.
    pub fn copy(of: HeaderBlockRef<'_>) -> Self {
        Self { bytes: of.0.to_vec() }
    }

    /// Appends a field; a well-known name is stored as its number. A name longer than 65535 bytes, an
    /// empty name or a value longer than 4 GiB cannot be stored and is left out.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> &mut Self {
        match known::number(name) {
            0 => self.record(0, name, value),
            number => self.record(number, &[], value),
        }
        self
    }

    /// Appends a field by its well-known number; an unknown number is left out.
    pub fn push_known(&mut self, number: u8, value: &[u8]) -> &mut Self {
        if known::name(number).is_some() {
            self.record(number, &[], value);
        }
        self
    }

    /// The records.
    pub fn as_ref(&self) -> HeaderBlockRef<'_> {
        HeaderBlockRef(&self.bytes)
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Removes all records and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Number of well-formed records.
    pub fn count(&self) -> usize {
        self.as_ref().iter().flatten().count()
    }

    fn record(&mut self, number: u8, name: &[u8], value: &[u8]) {
        let (Ok(name_len), Ok(value_len)) = (u16::try_from(name.len()), u32::try_from(value.len())) else {
            return;
        };
        if number == 0 && name.is_empty() {
            return;
        }
        self.bytes.reserve(FIXED + name.len() + value.len());
        self.bytes.extend_from_slice(&[number, 0]);
        self.bytes.extend_from_slice(&name_len.to_le_bytes());
        self.bytes.extend_from_slice(&value_len.to_le_bytes());
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
    }
}

impl fmt::Debug for HeaderBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_is_read() {
        let mut block = HeaderBlock::new();
        block.push(b"content-type", b"text/plain").push(b"X-One", b"").push_known(29, b"Accept");
        let items: Vec<_> = block.as_ref().iter().map(Result::unwrap).collect();
        assert_eq!(items.len(), 3);
        assert_eq!(
            (items[0].name, items[0].value, items[0].known),
            (&b"Content-Type"[..], &b"text/plain"[..], 8)
        );
        assert_eq!((items[1].name, items[1].value, items[1].known), (&b"X-One"[..], &b""[..], 0));
        assert_eq!((items[2].name, items[2].known), (&b"Vary"[..], 29));
        assert_eq!(block.count(), 3);
    }

    #[test]
    fn the_layout_is_the_specified_one() {
        let mut block = HeaderBlock::new();
        block.push(b"AB", b"xyz");
        assert_eq!(block.as_ref().0, b"\x00\x00\x02\x00\x03\x00\x00\x00ABxyz");
    }

    #[test]
    fn every_truncation_is_an_error_and_never_a_panic() {
        let mut block = HeaderBlock::new();
        block.push(b"X-Long-Name", b"some value").push(b"Host", b"h");
        let whole = block.as_ref().0.to_vec();
        let boundary = 8 + 11 + 10;
        for cut in 1..whole.len() {
            let items: Vec<_> = HeaderBlockRef(&whole[..cut]).iter().collect();
            let good = items.iter().filter(|item| item.is_ok()).count();
            assert_eq!(good, usize::from(cut >= boundary), "cut at {cut}");
            assert_eq!(items.iter().any(Result::is_err), cut != boundary, "cut at {cut}");
        }
    }

    #[test]
    fn lying_records_are_refused() {
        for bytes in [
            &b"\xff\x00\x00\x00\x00\x00\x00\x00"[..],
            b"\x00\x00\x00\x00\x01\x00\x00\x00x",
            b"\x08\x00\x01\x00\x00\x00\x00\x00n",
            b"\x00\x00\x01\x00\xff\xff\xff\xffn",
        ] {
            let items: Vec<_> = HeaderBlockRef(bytes).iter().collect();
            assert_eq!(items, vec![Err(BadRecord { at: 0 })]);
        }
    }
}
