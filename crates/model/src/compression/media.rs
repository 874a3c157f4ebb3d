//! Media types, and patterns of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What lines of text are made of, under the names that it has.
const TEXT: &str =
    "text/*, application/json, application/javascript, application/xml, application/wasm, */*+json, */*+xml";

/// Patterns of media types, at least one. Written as `text/*, application/json, */*+xml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaTypes(Vec<Pattern>);

/// Both parts may be `*`; the second may also be `*` with an ending. In lower case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pattern {
    kind: String,
    subtype: String,
}

impl MediaTypes {
    /// Whether a `Content-Type` is among them.
    pub fn contain(&self, content_type: &[u8]) -> bool {
        let essence = content_type.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        let Some(slash) = essence.iter().position(|&byte| byte == b'/') else { return false };
        let (kind, subtype) = (&essence[..slash], &essence[slash + 1..]);
        self.0.iter().any(|pattern| pattern.matches(kind, subtype))
    }
}

impl Pattern {
    fn matches(&self, kind: &[u8], subtype: &[u8]) -> bool {
        let is_kind = self.kind == "*" || kind.eq_ignore_ascii_case(self.kind.as_bytes());
        is_kind
            && match self.subtype.strip_prefix('*') {
                Some(ending) => subtype
                    .len()
                    .checked_sub(ending.len())
                    .is_some_and(|at| subtype[at..].eq_ignore_ascii_case(ending.as_bytes())),
                None => subtype.eq_ignore_ascii_case(self.subtype.as_bytes()),
            }
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_token = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
        };
        let parts = text.split_once('/').filter(|(kind, subtype)| {
            (*kind == "*" || is_token(kind))
                && (*subtype == "*" || is_token(subtype.strip_prefix('*').unwrap_or(subtype)))
        });
        match parts {
            Some((kind, subtype)) => {
                Ok(Self { kind: kind.to_ascii_lowercase(), subtype: subtype.to_ascii_lowercase() })
            }
            None => Err(format!("'{text}' is no media type; write text/html, text/* or */*+json")),
        }
    }
}

impl Default for MediaTypes {
    fn default() -> Self {
        Self(TEXT.split(", ").filter_map(|pattern| pattern.parse().ok()).collect())
    }
}

impl FromStr for MediaTypes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(|pattern| pattern.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for MediaTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns: Vec<_> = self.0.iter().map(|of| format!("{}/{}", of.kind, of.subtype)).collect();
        f.write_str(&patterns.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_what_is_none() {
        let text = MediaTypes::default();
        assert_eq!(text.to_string(), TEXT);
        for yes in [
            "text/html",
            "Text/HTML; charset=utf-8",
            "text/event-stream",
            "application/json ;charset=utf-8",
            "application/problem+json",
            "image/svg+xml",
        ] {
            assert!(text.contain(yes.as_bytes()), "{yes}");
        }
        for no in [
            "",
            "text",
            "image/png",
            "application/octet-stream",
            "application/grpc",
            "application/xjson",
            "json",
        ] {
            assert!(!text.contain(no.as_bytes()), "{no}");
        }
    }

    #[test]
    fn lists_are_checked() {
        let own: MediaTypes = "*/*".parse().unwrap();
        assert!(own.contain(b"image/png") && !own.contain(b"image"));
        for wrong in ["", "text", "text/", "/html", "text/html;q=1", "text/html,", "te*t/html", "text/h*ml"] {
            let problem = wrong.parse::<MediaTypes>().unwrap_err();
            assert!(
                problem.ends_with("is no media type; write text/html, text/* or */*+json"),
                "{wrong}: {problem}"
            );
        }
    }
}
