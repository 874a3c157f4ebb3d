//! From bytes to text: byte order marks, UTF-16, and the encoding that the XML declaration names.

use crate::diagnostic::{Diagnostic, Source};

/// The text, with a warning where the file is not as it says; or what is wrong with the bytes.
type Decoded = Result<(Source, Option<Diagnostic>), Box<(Source, Diagnostic)>>;

const CURE: &str = "save it as UTF-8, or as UTF-16 with a byte order mark";

/// The file as text, without a byte order mark.
pub(crate) fn decode(file: &str, bytes: &[u8]) -> Decoded {
    let text = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(file, rest)?,
        [0xff, 0xfe, rest @ ..] | rest @ [b'<', 0, ..] => utf16(file, rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] | rest @ [0, b'<', ..] => utf16(file, rest, u16::from_be_bytes)?,
        rest => return declared(file, rest),
    };
    Ok((Source::new(file, text), None))
}

/// Bytes without a mark: in the encoding that they declare, UTF-8 by default.
fn declared(file: &str, bytes: &[u8]) -> Decoded {
    let encoding = declaration(bytes);
    let named = encoding.as_deref().unwrap_or("utf-8");
    let place = |source: &Source| {
        let start = source.text.find("encoding").unwrap_or(0);
        let value = source.text[start..].find(named).map_or(start, |at| start + at);
        value..value + named.len()
    };
    match named {
        "utf-8" | "utf8" => utf8(file, bytes).map(|text| (Source::new(file, text), None)),
        // The same text in all of them.
        _ if bytes.is_ascii() && !named.starts_with("utf-") && !named.starts_with("ucs-") => {
            utf8(file, bytes).map(|text| (Source::new(file, text), None))
        }
        "iso-8859-1" | "latin1" | "windows-1252" | "cp1252" => {
            let text: String = bytes.iter().map(|byte| windows_1252(*byte)).collect();
            Ok((Source::new(file, text), None))
        }
        _ => {
            let text = match std::str::from_utf8(bytes) {
                Ok(text) if named.starts_with("utf-16") => text,
                _ => {
                    let source = Source::new(file, String::from_utf8_lossy(bytes));
                    let problem = source
                        .error(place(&source), format!("the encoding '{named}' is not read"))
                        .expected("expected utf-8, utf-16, iso-8859-1 or windows-1252")
                        .help("save it as UTF-8, and declare encoding=\"utf-8\"");
                    return Err(Box::new((source, problem)));
                }
            };
            let source = Source::new(file, text);
            let notice = source
                .warning(place(&source), format!("the file declares {named}, and is UTF-8"))
                .help("declare encoding=\"utf-8\": it is read as that");
            Ok((source, Some(notice)))
        }
    }
}

/// The encoding that an XML declaration names, in small letters.
fn declaration(bytes: &[u8]) -> Option<String> {
    let head = bytes.strip_prefix(b"<?xml")?;
    let end = head.windows(2).take(256).position(|pair| pair == b"?>")?;
    let head = std::str::from_utf8(head.get(..end)?).ok()?;
    let (_, value) = head.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value[1..].split_once(quote).map(|(name, _)| name.trim().to_lowercase())
}

/// ISO 8859-1 means Windows-1252 wherever text is exchanged. Five bytes of it stand for nothing.
fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '\u{20ac}', '\u{fffd}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}',
        '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{fffd}', '\u{17d}', '\u{fffd}',
        '\u{fffd}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}',
        '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{fffd}', '\u{17e}', '\u{178}',
    ];
    let high = usize::from(byte).checked_sub(0x80).and_then(|at| HIGH.get(at));
    high.copied().unwrap_or(char::from(byte))
}

fn utf8(file: &str, bytes: &[u8]) -> Result<String, Box<(Source, Diagnostic)>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let at = error.valid_up_to();
            let source = Source::new(file, String::from_utf8_lossy(bytes));
            let diagnostic = source.error(at..at + 1, "the file is not valid UTF-8 from here on").help(CURE);
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
            let diagnostic = source.error(at..at + 1, "the file is not valid UTF-16 from here on").help(CURE);
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
            assert_eq!(decode("f", &bytes).unwrap().0.text, text);
        }
        assert_eq!(decode("f", &[]).unwrap().0.text, "");
    }

    #[test]
    fn broken_bytes_are_placed() {
        let problem = decode("f", b"<a>\n  \xff</a>").unwrap_err().1;
        assert_eq!(problem.place(), "f:2:3");
        assert!(decode("f", &[0xff, 0xfe, b'<', 0, b'a']).is_err());
        assert!(decode("f", &[0xff, 0xfe, 0, 0xd8, b'a', 0]).is_err());
    }

    #[test]
    fn what_is_declared() {
        let with = |encoding: &str, rest: &[u8]| {
            let head = format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>");
            [head.as_bytes(), rest].concat()
        };
        for encoding in ["iso-8859-1", "Windows-1252"] {
            let (source, notice) = decode("f", &with(encoding, b"<a b='\xfc\x80'/>")).unwrap();
            assert!(source.text.ends_with("<a b='ü€'/>") && notice.is_none());
        }
        for encoding in ["us-ascii", "gb2312", "utf-8", "UTF-8"] {
            assert!(decode("f", &with(encoding, b"<a/>")).unwrap().1.is_none(), "{encoding}");
        }
        for bytes in [with("gb2312", "<a b='ü'/>".as_bytes()), with("koi8-r", b"<a b='\xfc'/>")] {
            let problem = decode("f", &bytes).unwrap_err().1;
            assert!(problem.message.contains("is not read"), "{problem:?}");
            assert_eq!(problem.place(), "f:1:31");
        }
        let (source, notice) = decode("f", &with("utf-16", "<a b='ü'/>".as_bytes())).unwrap();
        assert!(source.text.ends_with("<a b='ü'/>"));
        assert!(notice.unwrap().message.contains("declares utf-16, and is UTF-8"));
        assert!(decode("f", &with("utf-8", b"\xfc")).is_err());
    }
}
