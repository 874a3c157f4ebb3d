//! Whether a response is compressed, by its head; and what the head says then.

use mews_model::compression::{Coding, Compression};

use super::validators;
use crate::exchange::ResponseHead;
use crate::headers::{HeaderBlock, known};

const ACCEPT_ENCODING: &[u8] = b"Accept-Encoding";

/// What becomes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It is sent as it is.
    AsIs,
    /// The same, but caches must know that other clients get other bytes.
    Varies,
    /// The answer to a client that has a compressed body, and may keep it.
    NotModified,
    Compress(Coding),
}

/// Looks at a head. `length` is the body's, if it is known; `weakened`: the client sent a weak entity tag that it may have
/// got from here.
pub(super) fn decide(
    rules: &Compression,
    coding: Option<Coding>,
    head: &ResponseHead<'_>,
    length: Option<u64>,
    weakened: bool,
) -> Decision {
    match head.status {
        304 if weakened => return Decision::NotModified,
        // A part of a body cannot be made smaller: its place is counted in the whole one's bytes.
        ..200 | 204 | 205 | 206 | 304 => return Decision::AsIs,
        _ => {}
    }
    let mut is_compressible = false;
    for field in head.headers.iter().flatten() {
        match field.known_number() {
            known::CONTENT_TYPE => is_compressible = rules.types.contain(field.value),
            known::CONTENT_ENCODING | known::CONTENT_RANGE => return Decision::AsIs,
            known::CACHE_CONTROL if has_token(field.value, b"no-transform") => return Decision::AsIs,
            // Digests of the bytes as they are.
            0 if field.name.eq_ignore_ascii_case(b"Content-MD5")
                || field.name.eq_ignore_ascii_case(b"Content-Digest") =>
            {
                return Decision::AsIs;
            }
            _ => {}
        }
    }
    match coding {
        _ if !is_compressible || length.is_some_and(|length| length < rules.least_bytes) => Decision::AsIs,
        None => Decision::Varies,
        Some(coding) => Decision::Compress(coding),
    }
}

/// The head's fields as the decision wants them; `None` when they stay. `vary`: what is added to heads without a field of that
/// name, as the head has one now.
pub(super) fn fields(
    decision: Decision,
    head: &ResponseHead<'_>,
    vary: Option<&[u8]>,
) -> Option<HeaderBlock> {
    if decision == Decision::AsIs {
        return None;
    }
    let is_other = decision != Decision::Varies;
    let mut fields = HeaderBlock::new();
    let mut varies = false;
    let varies_by = |list| has_token(list, ACCEPT_ENCODING) || has_token(list, b"*");
    let has_own = head.headers.iter().flatten().any(|field| field.known_number() == known::VARY);
    if let Some(value) = vary.filter(|_| !has_own) {
        fields.push_known(known::VARY, value);
        varies = varies_by(value);
    }
    for field in head.headers.iter() {
        let Ok(field) = field else {
            // Whoever encodes the head says what is wrong with it.
            return None;
        };
        match field.known_number() {
            known::VARY => varies |= varies_by(field.value),
            known::ETAG if is_other && validators::is_strong(field.value) => {
                fields.push_known(known::ETAG, &[b"W/", field.value].concat());
                continue;
            }
            // Ranges are of other bytes.
            known::ACCEPT_RANGES if is_other => continue,
            _ => {}
        }
        fields.push(field.name, field.value);
    }
    if !varies {
        fields.push_known(known::VARY, ACCEPT_ENCODING);
    }
    if let Decision::Compress(coding) = decision {
        fields.push_known(known::CONTENT_ENCODING, coding.name().as_bytes());
    }
    Some(fields)
}

/// Whether a list of names, or of names with values, holds this one.
fn has_token(list: &[u8], token: &[u8]) -> bool {
    let mut items = list.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    items.any(|item| item.eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> HeaderBlock {
        let mut block = HeaderBlock::new();
        for (name, value) in fields {
            block.push(name.as_bytes(), value.as_bytes());
        }
        block
    }

    fn decided(status: u16, fields: &[(&str, &str)], length: Option<u64>) -> Decision {
        let headers = headers(fields);
        let head = ResponseHead { status, headers: headers.as_ref(), ..ResponseHead::OK };
        decide(&Compression::default(), Some(Coding::Gzip), &head, length, true)
    }

    #[test]
    fn text_is_compressed_unless_something_is_against_it() {
        let html = ("Content-Type", "text/html; charset=utf-8");
        assert_eq!(decided(200, &[html], None), Decision::Compress(Coding::Gzip));
        assert_eq!(
            decided(404, &[html, ("cache-control", "private")], Some(1024)),
            Decision::Compress(Coding::Gzip)
        );
        assert_eq!(decided(200, &[html], Some(1023)), Decision::AsIs);
        assert_eq!(decided(200, &[], None), Decision::AsIs);
        assert_eq!(decided(200, &[("Content-Type", "image/png")], None), Decision::AsIs);
        for status in [204, 205, 206] {
            assert_eq!(decided(status, &[html], None), Decision::AsIs, "{status}");
        }
        for against in [
            ("content-encoding", "br"),
            ("Content-Encoding", "identity"),
            ("Cache-Control", "public, No-Transform"),
            ("Content-Range", "bytes 0-1/2"),
            ("content-md5", "x"),
            ("Content-Digest", "sha-256=:x:"),
        ] {
            assert_eq!(decided(200, &[html, against], None), Decision::AsIs, "{against:?}");
        }
    }

    #[test]
    fn heads_say_what_was_done() {
        let shown_with = |custom: Option<&[u8]>, decision: Decision, given: &[(&str, &str)]| {
            let headers = headers(given);
            let head = ResponseHead { headers: headers.as_ref(), ..ResponseHead::OK };
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            fields(decision, &head, custom).map(|block| {
                let items = block.as_ref().iter().flatten();
                items.map(|item| format!("{}: {}", text(item.name), text(item.value))).collect::<Vec<_>>()
            })
        };
        let shown = |decision: Decision, given: &[(&str, &str)]| shown_with(None, decision, given);
        let given = [("ETag", "\"x\""), ("Accept-Ranges", "bytes"), ("A", "b")];
        assert_eq!(shown(Decision::AsIs, &given), None);
        assert_eq!(
            shown(Decision::Compress(Coding::Brotli), &given).unwrap(),
            ["ETag: W/\"x\"", "A: b", "Vary: Accept-Encoding", "Content-Encoding: br"]
        );
        assert_eq!(
            shown(Decision::Varies, &given).unwrap(),
            ["ETag: \"x\"", "Accept-Ranges: bytes", "A: b", "Vary: Accept-Encoding"]
        );
        assert_eq!(
            shown(Decision::NotModified, &[("ETag", "W/\"x\""), ("Vary", "Origin, accept-encoding")])
                .unwrap(),
            ["ETag: W/\"x\"", "Vary: Origin, accept-encoding"]
        );
        assert_eq!(shown(Decision::NotModified, &[("Vary", "*")]).unwrap(), ["Vary: *"]);
        // What every response gets that has none of its own.
        let custom = |value: &'static str, given: &[(&str, &str)]| {
            shown_with(Some(value.as_bytes()), Decision::Varies, given).unwrap()
        };
        assert_eq!(custom("Origin", &[]), ["Vary: Origin", "Vary: Accept-Encoding"]);
        assert_eq!(custom("*", &[("A", "b")]), ["Vary: *", "A: b"]);
        assert_eq!(custom("Origin", &[("vary", "Cookie")]), ["Vary: Cookie", "Vary: Accept-Encoding"]);
    }
}
