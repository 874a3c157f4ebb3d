//! Request targets: taking them apart, decoding and encoding paths.

use std::borrow::Cow;

use crate::percent::escape;

/// A request target in its parts, as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// The path, beginning with `/`.
    pub(crate) path: &'a str,
    /// The query without its `?`, if there is a `?`.
    pub(crate) query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Takes the origin-form or absolute-form apart; `None` for `*` and for authorities.
    pub(crate) fn parse(target: &'a str) -> Option<Self> {
        let local = if target.starts_with('/') {
            target
        } else {
            let (scheme, rest) = target.split_once("://")?;
            if !is_scheme(scheme) {
                return None;
            }
            match rest.find(['/', '?']) {
                Some(at) => rest.get(at..)?,
                None => "/",
            }
        };
        let (path, query) = match local.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (local, None),
        };
        Some(Self { path: if path.is_empty() { "/" } else { path }, query })
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Whether `text` begins with a scheme and `://`.
pub(super) fn is_absolute(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme))
}

/// Replaces every `%XX` by its byte, once. Bytes that are no UTF-8 become U+FFFD.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match escape(bytes, at) {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(
        String::from_utf8(out).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned()),
    )
}

/// A path as patterns and lists see it: decoded once, `\` as `/`, without `.` and `..` segments. `..` never
/// leads above the root. Repeated slashes stay.
pub(crate) fn canonical(path: &str) -> Cow<'_, str> {
    let decoded = decode(path);
    if !decoded.contains('\\') && !has_dot_segment(&decoded) {
        return decoded;
    }
    let slashed = decoded.replace('\\', "/");
    let absolute = slashed.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    let body = slashed.strip_prefix('/').unwrap_or(&slashed);
    let mut segments = body.split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    let joined = kept.join("/");
    Cow::Owned(if absolute { format!("/{joined}") } else { joined })
}

fn has_dot_segment(path: &str) -> bool {
    path.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// Which bytes stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Those of a decoded path: `%`, `?` and `#` are data.
    Path,
    /// Those of text that is a URL already: escapes and separators keep their meaning.
    Url,
    /// Only letters, digits and `-_.~`: what the `UrlEncode` function does.
    Unreserved,
}

/// Appends `text` with everything percent-encoded that `keep` does not name. What comes out is printable
/// ASCII, so that it can stand in a head.
pub(super) fn encode(out: &mut String, text: &str, keep: Keep) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let bytes = text.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.' | b'~')
            || match keep {
                Keep::Unreserved => false,
                Keep::Path => matches!(
                    byte,
                    b'/' | b':'
                        | b'@'
                        | b'!'
                        | b'$'
                        | b'&'
                        | b'\''
                        | b'('
                        | b')'
                        | b'*'
                        | b'+'
                        | b','
                        | b';'
                        | b'='
                ),
                Keep::Url if byte == b'%' => escape(bytes, at).is_some(),
                Keep::Url => {
                    byte.is_ascii_graphic()
                        && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
                }
            };
        if plain {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_taken_apart() {
        let parts = |target| Target::parse(target).map(|parts| (parts.path, parts.query));
        assert_eq!(parts("/a/b?c=d?e"), Some(("/a/b", Some("c=d?e"))));
        assert_eq!(parts("/"), Some(("/", None)));
        assert_eq!(parts("/?"), Some(("/", Some(""))));
        assert_eq!(parts("http://host:80/a?b"), Some(("/a", Some("b"))));
        assert_eq!(parts("http://host"), Some(("/", None)));
        assert_eq!(parts("http://host?q"), Some(("/", Some("q"))));
        assert_eq!(parts("*"), None);
        assert_eq!(parts("host:443"), None);
        assert_eq!(parts(""), None);
        assert_eq!(parts("1x://h/"), None);
    }

    #[test]
    fn decoding_happens_once() {
        assert_eq!(decode("/a%20b%2Fc%252F"), "/a b/c%2F");
        assert_eq!(decode("%zz%4"), "%zz%4");
        assert_eq!(decode("%C3%A9"), "é");
        assert_eq!(decode("%FF"), "\u{fffd}");
        assert_eq!(decode("%+1"), "%+1");
    }

    #[test]
    fn canonical_paths_have_no_dots() {
        for (given, expected) in [
            ("/a/b", "/a/b"),
            ("/a/../b", "/b"),
            ("/../../etc", "/etc"),
            ("/a/./b/.", "/a/b/"),
            ("/a/b/..", "/a/"),
            ("/a\\..\\b", "/b"),
            ("/%2e%2e/x", "/x"),
            ("/a/%2e%2e%2fweb.config", "/web.config"),
            ("/a//b", "/a//b"),
            ("/..a/...", "/..a/..."),
        ] {
            assert_eq!(canonical(given), expected, "{given}");
        }
    }

    #[test]
    fn encoding_keeps_what_is_asked() {
        let encoded = |text, keep| {
            let mut out = String::new();
            encode(&mut out, text, keep);
            out
        };
        assert_eq!(encoded("/a b/é?#%", Keep::Path), "/a%20b/%C3%A9%3F%23%25");
        assert_eq!(encoded("/a%20b?c=d#e%", Keep::Url), "/a%20b?c=d#e%25");
        assert_eq!(encoded("a\r\nSet-Cookie: x\"", Keep::Url), "a%0D%0ASet-Cookie:%20x%22");
        assert_eq!(encoded("a/b c&d", Keep::Unreserved), "a%2Fb%20c%26d");
    }
}
