//! Requests as they are sent and responses as they came.

use anyhow::{Context as _, Result, bail, ensure};
use std::fmt::Write as _;

/// A request. `Host` and, with a body, `Content-Length` are added unless given.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    /// A request without a body.
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: None }
    }

    /// `GET target`.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A `GET` that asks for a WebSocket.
    pub fn web_socket(target: &str) -> Self {
        Self::get(target)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    /// `POST target` with a body of known length.
    pub fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target).body(body)
    }

    /// Adds a header line.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The bytes to send.
    pub fn bytes(&self) -> Vec<u8> {
        let has = |wanted: &str| self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !has("Host") {
            head.push_str("Host: localhost\r\n");
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if let Some(body) = &self.body
            && !has("Content-Length")
            && !has("Transfer-Encoding")
        {
            let _ = write!(head, "Content-Length: {}\r\n", body.len());
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// A response; `body` and `trailers` are empty until they have been read.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// `HTTP/1.1` or `HTTP/1.0`.
    pub version: String,
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// Names and values in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The decoded body.
    pub body: Vec<u8>,
    /// What followed the last chunk.
    pub trailers: Vec<(String, String)>,
    /// The statuses of the interim responses before this one.
    pub interim: Vec<u16>,
}

impl Response {
    /// Reads a head without its final empty line.
    pub(crate) fn parse(head: &[u8]) -> Result<Self> {
        let text: String = head.iter().map(|byte| char::from(*byte)).collect();
        let mut lines = text.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let mut parts = status_line.splitn(3, ' ');
        let version = parts.next().unwrap_or_default();
        ensure!(matches!(version, "HTTP/1.1" | "HTTP/1.0"), "bad status line {status_line:?}");
        let status = parts.next().unwrap_or_default();
        ensure!(status.len() == 3, "bad status line {status_line:?}");
        let status = status.parse().with_context(|| format!("bad status line {status_line:?}"))?;
        let Some(reason) = parts.next() else { bail!("no blank after the status in {status_line:?}") };
        Ok(Self {
            version: version.to_owned(),
            status,
            reason: reason.to_owned(),
            headers: field_lines(lines)?,
            ..Self::default()
        })
    }

    /// The value of a header that occurs once.
    ///
    /// # Panics
    /// The header occurs several times.
    pub fn header(&self, name: &str) -> Option<&str> {
        let values = self.headers_named(name);
        assert!(values.len() < 2, "several {name} headers: {values:?}");
        values.first().copied()
    }

    /// All values of a header.
    pub fn headers_named(&self, name: &str) -> Vec<&str> {
        let same = |(other, _): &&(String, String)| other.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| value.as_str()).collect()
    }

    /// All values of a trailer.
    pub fn trailers_named(&self, name: &str) -> Vec<&str> {
        let same = |(other, _): &&(String, String)| other.eq_ignore_ascii_case(name);
        self.trailers.iter().filter(same).map(|(_, value)| value.as_str()).collect()
    }

    /// The body as text.
    ///
    /// # Panics
    /// It is no UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is no JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON: {error}: {self:?}"))
    }
}

/// Reads header or trailer lines.
///
/// # Errors
/// One of them is none.
pub fn field_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else {
            bail!("header line without a colon: {line:?}")
        };
        ensure!(!name.is_empty() && !name.contains([' ', '\t']), "bad header name in {line:?}");
        ensure!(!value.contains(['\r', '\n', '\0']), "control character in {line:?}");
        found.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_gets_host_and_length() {
        let text = String::from_utf8(Request::post("/a", "xy").header("X-A", "1").bytes()).unwrap();
        assert_eq!(text, "POST /a HTTP/1.1\r\nHost: localhost\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nxy");
    }

    #[test]
    fn a_head_is_read_strictly() {
        let response = Response::parse(b"HTTP/1.1 204 No Content\r\nA: 1\r\na: 2").unwrap();
        assert_eq!((response.status, response.reason.as_str()), (204, "No Content"));
        assert_eq!(response.headers_named("A"), ["1", "2"]);
        assert!(Response::parse(b"HTTP/1.1 204").is_err());
        assert!(Response::parse(b"HTTP/2 200 OK").is_err());
        assert!(Response::parse(b"HTTP/1.1 200 OK\r\nno colon").is_err());
    }
}
