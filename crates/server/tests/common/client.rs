//! A client that sends what it is told, byte for byte, and reads responses strictly.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::PATIENCE;

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap())
    }

    /// Speaks over a connection made elsewhere; as well as a server would.
    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn get(&mut self, target: &str) {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
    }

    pub(crate) fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// One read; 0 at the end. A reset is an error.
    fn fill(&mut self) -> std::io::Result<usize> {
        let mut piece = [0; 16 * 1024];
        let count = self.stream.read(&mut piece)?;
        self.buffer.extend_from_slice(&piece[..count]);
        Ok(count)
    }

    /// The beginning of what has been read and not been used.
    fn shown(&self) -> String {
        let start = &self.buffer[..self.buffer.len().min(500)];
        format!("{} bytes: {:?}", self.buffer.len(), String::from_utf8_lossy(start))
    }

    fn need(&mut self, what: &str) {
        match self.fill() {
            Ok(0) => panic!("closed while reading {what}; got {}", self.shown()),
            Ok(_) => {}
            Err(error) => panic!("{error} while reading {what}; got {}", self.shown()),
        }
    }

    pub(crate) fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return String::from_utf8(line[..end].to_vec()).unwrap();
            }
            self.need("a line");
        }
    }

    /// What has been read and not been used.
    pub(crate) fn take_buffered(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            self.need("counted bytes");
        }
        self.buffer.drain(..count).collect()
    }

    /// A head's lines, each with a line feed.
    pub(crate) fn lines(&mut self) -> String {
        let mut head = String::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                return head;
            }
            head.push_str(&line);
            head.push('\n');
        }
    }

    pub(crate) fn head(&mut self) -> (u16, String) {
        let head = self.lines();
        let status = head.split(' ').nth(1).and_then(|text| text.trim().parse().ok());
        (status.unwrap_or_else(|| panic!("no status in {head:?}")), head)
    }

    pub(crate) fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    pub(crate) fn response_to(&mut self, method: &str) -> Response {
        let head = self.head();
        self.body_of(method, head)
    }

    /// Has the kernel hold little for a reader that does not read.
    pub(crate) fn limit_receiving(&self) {
        socket2::SockRef::from(&self.stream).set_recv_buffer_size(64 * 1024).unwrap();
    }

    pub(crate) fn body_of(&mut self, method: &str, (status, head): (u16, String)) -> Response {
        let mut response = Response { status, head, body: Vec::new(), trailers: String::new() };
        if method == "HEAD" || status < 200 || status == 204 || status == 304 {
            return response;
        }
        if let Some(length) = response.header("Content-Length") {
            assert!(response.header("Transfer-Encoding").is_none());
            let length = length.parse().unwrap();
            response.body = self.take(length);
        } else if response.header("Transfer-Encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(&self.line(), 16).unwrap();
                if size == 0 {
                    break;
                }
                let piece = self.take(size);
                response.body.extend_from_slice(&piece);
                assert_eq!(self.line(), "", "after a chunk");
            }
            loop {
                let line = self.line();
                if line.is_empty() {
                    break;
                }
                response.trailers.push_str(&line);
                response.trailers.push('\n');
            }
        } else {
            assert_eq!(response.header("Connection"), Some("close"), "no framing and not closed");
            response.body = self.rest();
        }
        response
    }

    /// Everything until the server closes cleanly.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill().unwrap_or_else(|error| panic!("{error}")) > 0 {}
        std::mem::take(&mut self.buffer)
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }

    /// The server closes cleanly and sends nothing more.
    pub(crate) fn assert_closed(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "unexpected {:?}", String::from_utf8_lossy(&rest));
    }

    /// The server resets the connection; answers what came before.
    pub(crate) fn assert_reset(&mut self) -> Vec<u8> {
        loop {
            match self.fill() {
                Ok(0) => {
                    panic!("closed cleanly instead of reset; got {}", self.shown())
                }
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
                    return std::mem::take(&mut self.buffer);
                }
            }
        }
    }
}
