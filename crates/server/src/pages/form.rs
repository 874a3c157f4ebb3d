//! The form in which a client wants a page.

use crate::handler::HeaderRef;
use crate::headers::known;

/// See the module's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    Json,
    /// `application/problem+json`.
    Problem,
    Text,
}

impl Form {
    pub(super) const ALL: [Self; 4] = [Self::Html, Self::Json, Self::Problem, Self::Text];

    /// The form asked for: the first that `Accept` names, else by the client's kind.
    pub(super) fn of(headers: &[HeaderRef<'_>]) -> Self {
        let mut curl = false;
        for header in headers {
            match header.known {
                known::ACCEPT => {
                    for range in header.value.split(|&byte| byte == b',') {
                        let kind = range.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
                        match kind.to_ascii_lowercase().as_slice() {
                            b"text/html" | b"application/xhtml+xml" => return Self::Html,
                            b"application/json" => return Self::Json,
                            b"application/problem+json" => return Self::Problem,
                            b"text/plain" => return Self::Text,
                            _ => {}
                        }
                    }
                }
                known::USER_AGENT => {
                    curl |= header.value.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"curl/"));
                }
                _ => {}
            }
        }
        if curl { Self::Text } else { Self::Html }
    }

    pub(super) fn content_type(self) -> &'static [u8] {
        match self {
            Self::Html => b"text/html; charset=utf-8",
            Self::Json => b"application/json",
            Self::Problem => b"application/problem+json",
            Self::Text => b"text/plain; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_accept_then_the_client() {
        let with = |accept: &'static str, agent: &'static str| {
            Form::of(&[
                HeaderRef { name: b"Accept", value: accept.as_bytes(), known: known::ACCEPT },
                HeaderRef { name: b"User-Agent", value: agent.as_bytes(), known: known::USER_AGENT },
            ])
        };
        assert_eq!(with("text/html,application/xhtml+xml,*/*;q=0.8", "Mozilla"), Form::Html);
        assert_eq!(with("Application/JSON; q=1", "x"), Form::Json);
        assert_eq!(with("*/*", "curl/8.5"), Form::Text);
        assert_eq!(with("application/json", "curl/8.5"), Form::Json);
        assert_eq!(with("text/plain", "Mozilla"), Form::Text);
        assert_eq!(with("*/*", "Mozilla"), Form::Html);
        assert_eq!(Form::of(&[]), Form::Html);
    }
}
