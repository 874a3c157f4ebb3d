//! From bytes to text: byte order marks and UTF-16.

use crate::diagnostic::{Diagnostic, Source};

/// The bytes as text without a byte order mark, or what is wrong with them.
pub(super) fn decode(file: &str, bytes: &[u8]) -> Result<String, Box<(Source, Diagnostic)>> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(file, rest),
        [0xff, 0xfe, rest @ ..] | rest @ [b'<', 0, ..] => utf16(file, rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] | rest @ [0, b'<', ..] => utf16(file, rest, u16::from_be_bytes),
        rest => utf8(file, rest),
    }
}

fn utf8(file: &str, bytes: &[u8]) -> Result<String, Box<(Source, Diagnostic)>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let at = error.valid_up_to();
            let source = Source::new(file, String::from_utf8_lossy(bytes));
            let diagnostic = source
                .error(at..at + 1, "the file is not valid UTF-8 from here on")
                .help("save it as UTF-8, or as UTF-16 with a byte order mark");
            Err(Box::new((source, diagnostic)))
        }
    }
}

fn utf16(file: &str, bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Box<(Source, Diagnostic)>> {
    let pairs = bytes.chunks_exact(2);
    let whole = pairs.remainder().is_empty();
    let units: Vec<u16> = pairs.filter_map(|pair| Some(unit([*pair.first()?, *pair.get(1)?]))).collect();
    match String::from_utf16(&units) {
        Ok(text) if whole => Ok(text),
        _ => {
            let source = Source::new(file, String::from_utf16_lossy(&units));
            let at = source.text.find('\u{fffd}').unwrap_or(source.text.len());
            let diagnostic = source
                .error(at..at + 1, "the file is not valid UTF-16 from here on")
                .help("save it as UTF-8, or as UTF-16 with a byte order mark");
            Err(Box::new((source, diagnostic)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16_bytes(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    }

    #[test]
    fn every_encoding_gives_the_same_text() {
        let text = "<a b=\"ü€\u{1f980}\"/>";
        let mut forms = vec![text.as_bytes().to_vec(), [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat()];
        for big in [false, true] {
            let mark: &[u8] = if big { &[0xfe, 0xff] } else { &[0xff, 0xfe] };
            forms.push(utf16_bytes(text, big));
            forms.push([mark, &utf16_bytes(text, big)].concat());
        }
        for bytes in forms {
            assert_eq!(decode("f", &bytes).unwrap(), text);
        }
        assert_eq!(decode("f", &[]).unwrap(), "");
    }

    #[test]
    fn broken_bytes_are_placed() {
        let problem = decode("f", b"<a>\n  \xff</a>").unwrap_err().1;
        assert_eq!(problem.place(), "f:2:3");
        assert!(decode("f", &[0xff, 0xfe, b'<', 0, b'a']).is_err());
        assert!(decode("f", &[0xff, 0xfe, 0, 0xd8, b'a', 0]).is_err());
    }
}
