//! The fields of one decoded block, kept as far as the limits allow.

use super::OVERHEAD;
use crate::config::Limits;
use crate::headers::known;

/// Which limit a block has broken. Its fields are then not kept, though decoded: the tables must stay in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http2) enum Over {
    Size,
    Count,
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http2) struct Field<'a> {
    pub(in crate::http2) name: &'a [u8],
    pub(in crate::http2) value: &'a [u8],
    /// Well-known number of the name, 0 = none.
    pub(in crate::http2) known: u8,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    name: u32,
    value: u32,
    end: u32,
    known: u8,
}

/// See the module's documentation. The memory is used again for the next block.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    bytes: Vec<u8>,
    places: Vec<Place>,
    size: usize,
    count: usize,
    max_size: usize,
    max_count: usize,
    over: Option<Over>,
}

impl Fields {
    /// Forgets the last block; the next one is bounded by `limits`.
    pub(crate) fn begin(&mut self, limits: &Limits) {
        self.bytes.clear();
        self.places.clear();
        (self.size, self.count, self.over) = (0, 0, None);
        (self.max_size, self.max_count) = (limits.header_bytes, limits.header_count);
    }

    /// The limit that was broken.
    pub(in crate::http2) fn over(&self) -> Option<Over> {
        self.over
    }

    /// The size of all fields that were decoded, as the protocol counts it.
    pub(in crate::http2) fn size(&self) -> usize {
        self.size
    }

    /// Number of fields kept, pseudo-header fields included.
    pub(in crate::http2) fn len(&self) -> usize {
        self.places.len()
    }

    /// The fields in the order received.
    pub(in crate::http2) fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.places.iter().map(|place| {
            let part = |from: u32, to: u32| self.bytes.get(from as usize..to as usize).unwrap_or_default();
            let (name, value) = (part(place.name, place.value), part(place.value, place.end));
            Field { name, value, known: place.known }
        })
    }

    /// Gives memory back.
    pub(in crate::http2) fn free(&mut self) {
        *self = Self::default();
    }

    pub(super) fn push(&mut self, name: &[u8], value: &[u8], number: Option<u8>) {
        self.size += name.len() + value.len() + OVERHEAD;
        self.count += usize::from(!name.starts_with(b":"));
        if self.size > self.max_size {
            self.over.get_or_insert(Over::Size);
        } else if self.count > self.max_count {
            self.over.get_or_insert(Over::Count);
        }
        if self.over.is_some() {
            return;
        }
        let at = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        // The size is bounded far below 4 GiB.
        self.places.push(Place {
            name: at as u32,
            value: (at + name.len()) as u32,
            end: self.bytes.len() as u32,
            known: number.unwrap_or_else(|| known::number(name)),
        });
    }
}
