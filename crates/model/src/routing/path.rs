//! Paths as they are sent, taken apart without making new ones.

use crate::percent::escape;

/// A request target in its parts, as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The authority of the absolute form, which counts instead of the `Host` field.
    pub host: Option<&'a [u8]>,
    /// The path with its query.
    pub path: &'a [u8],
}

/// Takes the request target of a request head apart: `/path?query`, `http://host/path?query`. Others, such as `*`, are a
/// path that belongs to no application but `/`.
pub fn split_target(target: &[u8]) -> Target<'_> {
    let whole = Target { host: None, path: target };
    if target.first() == Some(&b'/') {
        return whole;
    }
    let Some(scheme) = target.windows(3).position(|three| three == b"://") else { return whole };
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let (Some(name), Some(rest)) = (target.get(..scheme), target.get(scheme + 3..)) else { return whole };
    if !name.first().is_some_and(u8::is_ascii_alphabetic) || !name.iter().all(is_scheme) {
        return whole;
    }
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    // A user name before the host does not count.
    let host = authority.rsplit(|byte| *byte == b'@').next();
    Target { host, path }
}

/// Longer segments are no part of an application's path.
const BUFFER: usize = 1024;
/// Stands for a segment that is too long to be looked at; no application's path has it.
const TOO_LONG: &[u8] = b"\xff";

/// Shows each segment of a path, decoded: `\`, `%2F` and `%5C` end segments as `/` does. The query is no part of it.
pub(super) fn segments(path: &[u8], mut show: impl FnMut(&[u8])) {
    let end = path.iter().position(|byte| *byte == b'?').unwrap_or(path.len());
    let path = path.get(..end).unwrap_or(path);
    // The first slash begins the path, and ends nothing.
    let is_slash = |byte: u8| matches!(byte, b'/' | b'\\');
    let Some(body) = path.split_first().filter(|(first, _)| is_slash(**first)).map(|(_, body)| body) else {
        return;
    };
    for piece in body.split(|byte| is_slash(*byte)) {
        if !piece.contains(&b'%') {
            show(piece);
            continue;
        }
        let mut buffer = [0; BUFFER];
        let mut length = 0;
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            let escaped = escape(piece, at);
            at += if escaped.is_some() { 3 } else { 1 };
            let byte = escaped.unwrap_or(byte);
            if is_slash(byte) {
                show(buffer.get(..length).unwrap_or(TOO_LONG));
                length = 0;
            } else {
                if let Some(place) = buffer.get_mut(length) {
                    *place = byte;
                }
                length += 1;
            }
        }
        show(buffer.get(..length).unwrap_or(TOO_LONG));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(path: &str) -> String {
        let mut all = Vec::new();
        segments(path.as_bytes(), |segment| all.push(String::from_utf8_lossy(segment).into_owned()));
        all.join(" ")
    }

    #[test]
    fn segments_are_decoded_once() {
        for (path, expected) in [
            ("/", ""),
            ("/a/b?c/d", "a b"),
            ("/a%2fb%5Cc\\d", "a b c d"),
            ("/%61/%2e%2E/%252e", "a .. %2e"),
            ("/%2f", " "),
            ("/a%", "a%"),
            ("/a%2", "a%2"),
            ("/a%zz", "a%zz"),
            ("*", ""),
            ("", ""),
            ("a/b", ""),
        ] {
            assert_eq!(shown(path), expected, "{path}");
        }
        assert_eq!(shown(&format!("/%61{}", "a".repeat(2000))), "\u{fffd}");
    }

    #[test]
    fn targets() {
        for (target, host, path) in [
            ("/a?b", None, "/a?b"),
            ("http://shop.example:80/a?b", Some("shop.example:80"), "/a?b"),
            ("HTTP://u:p@shop.example", Some("shop.example"), ""),
            ("http://shop.example?q=/", Some("shop.example"), "?q=/"),
            ("*", None, "*"),
            ("shop.example:443", None, "shop.example:443"),
            ("/x://y/z", None, "/x://y/z"),
            ("1x://y/z", None, "1x://y/z"),
            ("", None, ""),
        ] {
            let expected = Target { host: host.map(str::as_bytes), path: path.as_bytes() };
            assert_eq!(split_target(target.as_bytes()), expected, "{target}");
        }
    }
}
