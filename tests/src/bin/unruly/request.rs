//! A request's head.

use crate::query::Query;
use anyhow::{Context as _, Result, ensure};
use e2e::{Body, field_lines};

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) version: String,
    /// As they came; bytes are shown as Latin-1.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) query: Query,
    /// The response says that it is the connection's last.
    pub(crate) last: bool,
}

impl Request {
    /// Reads a head without its final empty line.
    pub(crate) fn parse(head: &[u8]) -> Result<Self> {
        let text = latin1(head);
        let mut lines = text.split("\r\n");
        let line = lines.next().unwrap_or_default();
        let parts: Vec<&str> = line.split(' ').collect();
        let [method, target, version] = parts[..] else { anyhow::bail!("bad request line {line:?}") };
        ensure!(version.starts_with("HTTP/1."), "bad request line {line:?}");
        let mut request = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            version: version.to_owned(),
            headers: field_lines(lines)?,
            query: Query::of(target),
            last: false,
        };
        request.last = request.query.has("close") || request.names("Connection", "close");
        Ok(request)
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut same = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        same.next().map(|(_, value)| value.as_str())
    }

    /// Whether a header is a list that holds `word`.
    pub(crate) fn names(&self, header: &str, word: &str) -> bool {
        self.header(header)
            .is_some_and(|list| list.split(',').any(|item| item.trim().eq_ignore_ascii_case(word)))
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    pub(crate) fn is_chunked(&self) -> bool {
        self.names("Transfer-Encoding", "chunked")
    }

    pub(crate) fn content_length(&self) -> Result<u64> {
        let length = self.header("Content-Length").unwrap_or("0");
        length.parse().with_context(|| format!("bad Content-Length {length:?}"))
    }

    /// How the body that follows ends.
    pub(crate) fn body(&self) -> Result<Body> {
        Ok(match self.content_length()? {
            _ if self.is_chunked() => Body::ChunkSize,
            0 => Body::Ended,
            length => Body::Length(length),
        })
    }
}

pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_taken_apart() {
        let head = b"POST /a?b=c HTTP/1.1\r\nA: \xe9\r\nConnection: x, Close\r\nContent-Length: 3";
        let request = Request::parse(head).unwrap();
        assert_eq!((request.method.as_str(), request.path(), request.header("a")), ("POST", "/a", Some("é")));
        assert!(request.last && matches!(request.body().unwrap(), Body::Length(3)));
        assert!(Request::parse(b"GET /").is_err());
        assert!(Request::parse(b"GET / HTTP/1.1\r\nno colon").is_err());
    }
}
