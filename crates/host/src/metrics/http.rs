//! As much of HTTP as the admin address needs: one `GET` for each connection, bounded in size and time.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Longest head of a request.
const HEAD: usize = 8 * 1024;
/// From accepting a connection to its answer having been sent, without what is gathered in between.
const LIMIT: Duration = Duration::from_secs(2);

/// A connection.
pub(super) struct Client {
    stream: TcpStream,
}

/// What is answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn text(status: u16, body: &str) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: body.to_owned() }
    }
}

impl Client {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_write_timeout(Some(LIMIT))?;
        Ok(Self { stream })
    }

    /// The target that is asked for.
    pub(super) fn request(&mut self) -> Result<String, Answer> {
        let until = Instant::now() + LIMIT;
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            let late = || Answer::text(408, "the request was not complete in time\n");
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stream.set_read_timeout(Some(left)).is_err() {
                return Err(late());
            }
            let mut piece = [0; 1024];
            let count = self.stream.read(&mut piece).map_err(|_| late())?;
            if count == 0 || head.len() + count > HEAD {
                return Err(Answer::text(400, "the request is incomplete or too long\n"));
            }
            head.extend_from_slice(&piece[..count]);
        }
        target(&head)
    }

    /// Answers and closes. Nobody else can be told if that fails.
    pub(super) fn answer(mut self, answer: &Answer) {
        let Answer { status, content_type, body } = answer;
        let head = format!(
            "HTTP/1.1 {status} {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
            if *status == 200 { "OK" } else { "Error" },
            body.len()
        );
        if self
            .stream
            .write_all(head.as_bytes())
            .and_then(|()| self.stream.write_all(body.as_bytes()))
            .is_ok()
        {
            let _ = self.stream.shutdown(std::net::Shutdown::Write);
        }
    }
}

fn target(head: &[u8]) -> Result<String, Answer> {
    let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|&byte| byte == b' ').map(String::from_utf8_lossy);
    match (words.next().as_deref(), words.next(), words.next().as_deref(), words.next()) {
        (Some("GET"), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) => Ok(target.into_owned()),
        (Some(_), Some(_), Some("HTTP/1.1" | "HTTP/1.0"), None) => {
            Err(Answer::text(405, "only GET is answered here\n"))
        }
        _ => Err(Answer::text(400, "this is no HTTP request\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn only_get_is_answered() {
        let read = |head: &[u8]| target(head).map_err(|answer| answer.status);
        assert_eq!(read(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), Ok("/metrics".to_owned()));
        assert_eq!(read(b"POST /metrics HTTP/1.1\r\n\r\n"), Err(405));
        assert_eq!(read(b"GET /metrics\r\n\r\n"), Err(400));
        assert_eq!(read(b"\xff\x00\r\n\r\n"), Err(400));
    }
}
