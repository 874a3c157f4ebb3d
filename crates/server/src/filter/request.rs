//! A request head as text, and the changes that rules make to its fields.

use std::borrow::Cow;

use crate::handler::{HeaderRef, RequestHead};
use crate::headers::known;

/// What rules see of a request. Bytes that are no UTF-8 are shown as U+FFFD.
pub(crate) struct Seen<'a> {
    pub(crate) method: Cow<'a, str>,
    pub(crate) target: Cow<'a, str>,
    fields: &'a [HeaderRef<'a>],
}

impl<'a> Seen<'a> {
    pub(crate) fn new(head: &RequestHead<'a>) -> Self {
        Self {
            method: String::from_utf8_lossy(head.method),
            target: String::from_utf8_lossy(head.target),
            fields: head.headers,
        }
    }

    /// The values of a field, joined; in `name`, `_` stands for `-` too.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let mut values = self.fields.iter().filter(|field| same(field.name, name)).map(|field| field.value);
        let mut joined = String::from_utf8_lossy(values.next()?).into_owned();
        for value in values {
            joined.push_str(", ");
            joined.push_str(&String::from_utf8_lossy(value));
        }
        Some(joined)
    }

    /// Bytes of the values of a field.
    pub(super) fn header_size(&self, name: &str) -> Option<usize> {
        let named = self.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name.as_bytes()));
        named.map(|field| field.value.len()).reduce(|a, b| a + b)
    }
}

fn same(sent: &[u8], name: &str) -> bool {
    let plain = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    sent.len() == name.len() && sent.iter().zip(name.bytes()).all(|(a, b)| plain(*a) == plain(b))
}

/// Whether rules may set this field. Framing and connection are the server's.
fn may_be_set(name: &str) -> bool {
    !matches!(
        known::number(name.as_bytes()),
        known::CONTENT_LENGTH
            | known::TRANSFER_ENCODING
            | known::CONNECTION
            | known::UPGRADE
            | known::EXPECT
            | known::TE
    )
}

/// The fields with those of `headers` in place of what was sent under these names.
pub(super) fn replaced<'a>(sent: &[HeaderRef<'a>], headers: &'a [(String, String)]) -> Vec<HeaderRef<'a>> {
    let ours = || headers.iter().filter(|(name, _)| may_be_set(name));
    let kept = sent.iter().filter(|field| !ours().any(|(name, _)| same(field.name, name)));
    let mut fields: Vec<HeaderRef<'a>> = kept.copied().collect();
    for (at, (name, value)) in headers.iter().enumerate() {
        let later = headers.iter().skip(at + 1).any(|(other, _)| same(other.as_bytes(), name));
        if may_be_set(name) && !later && !value.is_empty() {
            let known = known::number(name.as_bytes());
            fields.push(HeaderRef { name: name.as_bytes(), value: value.as_bytes(), known });
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_replaced() {
        let field = |name: &'static str, value: &'static str| HeaderRef {
            name: name.as_bytes(),
            value: value.as_bytes(),
            known: known::number(name.as_bytes()),
        };
        let sent =
            [field("Host", "a"), field("x_y", "1"), field("Accept", "z"), field("Content-Length", "5")];
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = [
            set("X-Y", "2"),
            set("HOST", "b"),
            set("HOST", "c"),
            set("ACCEPT", ""),
            set("CONTENT-LENGTH", "9"),
        ];
        let fields = replaced(&sent, &headers);
        let shown: Vec<_> = fields.iter().map(|f| (f.name, f.value)).collect();
        assert_eq!(shown, [(&b"Content-Length"[..], &b"5"[..]), (b"X-Y", b"2"), (b"HOST", b"c")]);
        assert_eq!(fields[2].known, known::HOST);
    }

    #[test]
    fn fields_are_found() {
        let field = |name: &'static str, value: &'static str| HeaderRef {
            name: name.as_bytes(),
            value: value.as_bytes(),
            known: 0,
        };
        let fields = [field("X-A", "1"), field("x-a", "22")];
        let seen = Seen { method: "GET".into(), target: "/".into(), fields: &fields };
        assert_eq!(seen.header("X_A").as_deref(), Some("1, 22"));
        assert_eq!(seen.header("X_B"), None);
        assert_eq!(seen.header_size("x-A"), Some(3));
    }
}
