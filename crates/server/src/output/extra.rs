//! Header fields that every response of an application gets.

use std::sync::Arc;

use crate::headers::{HeaderBlockRef, is_sendable_value, is_token, known};

/// Fields in the order given; ready to be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExtraHeaders(Arc<[Field]>);

#[derive(Clone, Debug)]
struct Field {
    name: Vec<u8>,
    line: Vec<u8>,
}

impl Field {
    fn value(&self) -> &[u8] {
        self.line.get(self.name.len() + 2..self.line.len() - 2).unwrap_or_default()
    }
}

impl ExtraHeaders {
    /// Takes names and values; what cannot be sent, or would touch the framing, is left out and logged.
    pub(crate) fn new(headers: &[(String, String)]) -> Self {
        let mut fields = Vec::new();
        for (name, value) in headers {
            let framing = matches!(
                known::number(name.as_bytes()),
                known::CONTENT_LENGTH | known::TRANSFER_ENCODING | known::CONNECTION | known::DATE
            );
            if framing || !is_token(name.as_bytes()) || !is_sendable_value(value.as_bytes()) {
                tracing::error!("the custom header {name:?} cannot be sent and is left out");
                continue;
            }
            let line = [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat();
            fields.push(Field { name: name.as_bytes().to_vec(), line });
        }
        Self(fields.into())
    }

    /// Appends those that the response has no field of the same name for: what an app says of itself, as in a
    /// `Content-Security-Policy`, must neither be doubled nor be contradicted.
    pub(super) fn append(&self, out: &mut Vec<u8>, headers: HeaderBlockRef<'_>) {
        for field in self.missing(headers) {
            out.extend_from_slice(&field.line);
        }
    }

    /// Names and values of the same fields.
    pub(crate) fn missing_in(&self, headers: HeaderBlockRef<'_>) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.missing(headers).map(|field| (&*field.name, field.value()))
    }

    /// The value of a field by its well-known number, if it is among them.
    pub(crate) fn value(&self, known: u8) -> Option<&[u8]> {
        let field = self.0.iter().find(|field| known::number(&field.name) == known)?;
        Some(field.value())
    }

    fn missing(&self, headers: HeaderBlockRef<'_>) -> impl Iterator<Item = &Field> {
        self.0.iter().filter(move |field| {
            !headers.iter().flatten().any(|item| item.name.eq_ignore_ascii_case(&field.name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::HeaderBlock;

    #[test]
    fn only_what_is_missing_is_added() {
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let extra = ExtraHeaders::new(&[
            own("X-Frame-Options", "DENY"),
            own("server", "x"),
            own("Content-Length", "1"),
            own("bad name", "x"),
            own("X", "a\r\nb"),
        ]);
        let mut headers = HeaderBlock::new();
        headers.push(b"Server", b"Kestrel");
        let mut out = Vec::new();
        extra.append(&mut out, headers.as_ref());
        assert_eq!(out, b"X-Frame-Options: DENY\r\n");
    }
}
