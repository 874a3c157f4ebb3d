//! Entity tags of compressed responses. The same tag must not stand for two sequences of bytes, so there it is weak. What
//! a client sends back in `If-None-Match` is weak then, and the application, which knows nothing of this, may have a
//! strong one to compare it with (as ASP.NET Core's static files do): it is shown both. By the comparison that the
//! standard asks for, they are the same.

use crate::handler::HeaderRef;
use crate::headers::known;

const WEAK: &[u8] = b"W/\"";

/// Whether a tag can be made weak.
pub(super) fn is_strong(tag: &[u8]) -> bool {
    tag.starts_with(b"\"")
}

/// The tags of `If-None-Match`, with a strong one beside each weak one; `None` if none is weak.
pub(super) fn strengthened(fields: &[HeaderRef<'_>]) -> Option<Vec<u8>> {
    let sent = || fields.iter().filter(|field| field.known == known::IF_NONE_MATCH);
    if !sent().any(|field| field.value.windows(WEAK.len()).any(|part| part == WEAK)) {
        return None;
    }
    let mut list: Vec<u8> = Vec::new();
    for field in sent() {
        let mut rest = field.value.trim_ascii();
        while let Some((tag, more)) = first(rest) {
            for form in [tag, tag.strip_prefix(b"W/").unwrap_or_default()] {
                if !form.is_empty() {
                    if !list.is_empty() {
                        list.extend_from_slice(b", ");
                    }
                    list.extend_from_slice(form);
                }
            }
            rest = more;
        }
        if !rest.is_empty() {
            // What cannot be read is the application's to judge.
            return None;
        }
    }
    Some(list)
}

/// The first tag of a list, and what follows it.
fn first(list: &[u8]) -> Option<(&[u8], &[u8])> {
    let opening = if list.starts_with(WEAK) { WEAK.len() } else { 1 };
    if !list.starts_with(WEAK) && !is_strong(list) {
        return None;
    }
    let length = list[opening..].iter().position(|&byte| byte == b'"')? + opening + 1;
    let (tag, rest) = list.split_at(length);
    let rest = rest.trim_ascii_start();
    match rest.strip_prefix(b",") {
        Some(more) => Some((tag, more.trim_ascii_start())),
        None => rest.is_empty().then_some((tag, rest)),
    }
}

/// The fields with this list as the only `If-None-Match`.
pub(super) fn replaced<'a>(fields: &[HeaderRef<'a>], list: &'a [u8]) -> Vec<HeaderRef<'a>> {
    let mut given = false;
    let replaced = fields.iter().filter_map(|field| {
        if field.known != known::IF_NONE_MATCH {
            return Some(*field);
        }
        (!std::mem::replace(&mut given, true)).then_some(HeaderRef { value: list, ..*field })
    });
    replaced.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(values: &[&'static str]) -> Vec<HeaderRef<'static>> {
        let field = |value: &&'static str| HeaderRef {
            name: b"if-none-match",
            value: value.as_bytes(),
            known: known::IF_NONE_MATCH,
        };
        values.iter().map(field).collect()
    }

    #[test]
    fn weak_tags_get_strong_ones_beside_them() {
        let shown = |values: &[&'static str]| {
            strengthened(&sent(values)).map(|list| String::from_utf8(list).unwrap())
        };
        assert_eq!(shown(&["W/\"a\""]).unwrap(), "W/\"a\", \"a\"");
        assert_eq!(
            shown(&["\"a, W/\" ,W/\"b\"", "W/\"c\""]).unwrap(),
            "\"a, W/\", W/\"b\", \"b\", W/\"c\", \"c\""
        );
        for left in [&["\"a\", \"b\""][..], &["*"], &[], &["W/\"a"], &["W/\"a\" W/\"b\""], &["W/\"a\", x"]] {
            assert_eq!(shown(left), None, "{left:?}");
        }
    }

    #[test]
    fn one_field_is_left() {
        let other = HeaderRef { name: b"Host", value: b"x", known: known::HOST };
        let fields = [sent(&["W/\"a\"", "\"b\""]), vec![other]].concat();
        let replaced = replaced(&fields, b"list");
        assert_eq!(replaced.iter().map(|field| field.value).collect::<Vec<_>>(), [&b"list"[..], b"x"]);
    }
}
