//! Integers with a prefix of some bits (RFC 7541, 5.1).

use super::Malformed;

/// Longer ones are refused: nothing in a block can be that large.
const MOST: u64 = 1 << 28;

/// Reads one whose first byte is at the front of `input`; answers the rest.
pub(super) fn read(input: &[u8], prefix_bits: u8) -> Result<(usize, &[u8]), Malformed> {
    let Some((&first, mut rest)) = input.split_first() else {
        return Err(Malformed("a header block ends within an integer"));
    };
    let mask = (1_u16 << prefix_bits) - 1;
    let mut value = u64::from(u16::from(first) & mask);
    if value < u64::from(mask) {
        return Ok((value as usize, rest));
    }
    let mut shift = 0;
    loop {
        let Some((&byte, after)) = rest.split_first() else {
            return Err(Malformed("a header block ends within an integer"));
        };
        rest = after;
        value += u64::from(byte & 0x7f) << shift;
        shift += 7;
        if value > MOST || shift > 35 {
            return Err(Malformed("an integer of a header block is too large"));
        }
        if byte & 0x80 == 0 {
            return Ok((value as usize, rest));
        }
    }
}

/// Appends `value` behind a byte whose upper bits are those of `first`.
pub(super) fn write(out: &mut Vec<u8>, first: u8, prefix_bits: u8, mut value: usize) {
    let mask = (1_usize << prefix_bits) - 1;
    if value < mask {
        out.push(first | value as u8);
        return;
    }
    out.push(first | mask as u8);
    value -= mask;
    while value >= 0x80 {
        out.push(value as u8 & 0x7f | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for bits in 1..=8 {
            for value in [0, 1, 9, 10, 30, 31, 126, 127, 128, 254, 255, 256, 1337, 16383, 16384, 1 << 27] {
                let mut out = Vec::new();
                write(&mut out, 0, bits, value);
                out.push(0xaa);
                assert_eq!(read(&out, bits), Ok((value, &[0xaa][..])), "{bits} {value}");
            }
        }
    }

    #[test]
    fn endless_and_huge_ones_are_refused() {
        assert!(read(&[], 5).is_err());
        assert!(read(&[31], 5).is_err());
        assert!(read(&[31, 0x80, 0x80], 5).is_err());
        assert!(read(&[31, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0], 5).is_err());
        assert!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 7).is_err());
    }
}
