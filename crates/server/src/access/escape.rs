//! How the words of clients are written so that they cannot pass for other fields or other lines.

/// As IIS writes a field of its W3C log: blanks become `+`, what is no printable ASCII `%XX`, nothing `-`.
pub(super) fn w3c(out: &mut Vec<u8>, value: &[u8]) {
    if value.is_empty() {
        out.push(b'-');
    }
    // Quotes need not be escaped here, but a word of the other formats must not end a quoted one.
    replace(
        out,
        value,
        |byte| byte.is_ascii_graphic() && byte != b'"',
        |out, byte| match byte {
            b' ' => out.push(b'+'),
            byte => hex(out, b"%", byte),
        },
    );
}

/// As Apache writes a field within quotes.
pub(super) fn quoted(out: &mut Vec<u8>, value: &[u8]) {
    let plain = |byte: u8| byte == b' ' || (byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
    replace(out, value, plain, |out, byte| match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        byte => hex(out, b"\\x", byte),
    });
}

/// A JSON string. What is no UTF-8 becomes U+FFFD.
pub(super) fn json(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    for chunk in value.utf8_chunks() {
        let plain = |byte: u8| !matches!(byte, b'"' | b'\\' | 0..=0x1f | 0x7f);
        replace(out, chunk.valid().as_bytes(), plain, |out, byte| match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            byte => hex(out, b"\\u00", byte),
        });
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

/// Appends what is plain as it is, a run at a time, and lets `write` append the rest.
fn replace(
    out: &mut Vec<u8>,
    mut value: &[u8],
    plain: impl Fn(u8) -> bool,
    write: impl Fn(&mut Vec<u8>, u8),
) {
    while let Some(at) = value.iter().position(|&byte| !plain(byte)) {
        out.extend_from_slice(&value[..at]);
        write(out, value[at]);
        value = &value[at + 1..];
    }
    out.extend_from_slice(value);
}

fn hex(out: &mut Vec<u8>, prefix: &[u8], byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(prefix);
    out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}
