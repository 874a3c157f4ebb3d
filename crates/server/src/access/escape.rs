//! How the words of clients are written so that they cannot pass for other fields or other lines.

/// As IIS writes a field of its W3C log: blanks become `+`, what is no printable ASCII `%XX`, nothing `-`.
pub(super) fn w3c(out: &mut Vec<u8>, value: &[u8]) {
    if value.is_empty() {
        out.push(b'-');
    }
    for &byte in value {
        match byte {
            b' ' => out.push(b'+'),
            // Not needed here, but a word of the other formats must not end a quoted one.
            byte if byte.is_ascii_graphic() && byte != b'"' => out.push(byte),
            byte => hex(out, b"%", byte),
        }
    }
}

/// As Apache writes a field within quotes.
pub(super) fn quoted(out: &mut Vec<u8>, value: &[u8]) {
    for &byte in value {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b' ' => out.push(byte),
            byte if byte.is_ascii_graphic() => out.push(byte),
            byte => hex(out, b"\\x", byte),
        }
    }
}

/// A JSON string. What is no UTF-8 becomes U+FFFD.
pub(super) fn json(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    for chunk in value.utf8_chunks() {
        for &byte in chunk.valid().as_bytes() {
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                0..=0x1f | 0x7f => hex(out, b"\\u00", byte),
                byte => out.push(byte),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

fn hex(out: &mut Vec<u8>, prefix: &[u8], byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(prefix);
    out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}
