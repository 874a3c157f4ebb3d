//! One connection: requests in, bytes out, and the ways in which it ends.

use crate::request::Request;
use anyhow::{Result, bail, ensure};
use e2e::{Body, Step};
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

const PIECE: usize = 64 * 1024;
const LONGEST_HEAD: usize = 64 * 1024;
/// How long the other side may take to end its stream after this side has.
const LINGER: Duration = Duration::from_secs(10);

pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    body: Body,
    /// The client waits for 100 before it sends its body.
    waits: bool,
    /// What followed the last chunk.
    pub(crate) trailers: Vec<(String, String)>,
}

impl Connection {
    pub(crate) fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::new(), body: Body::Ended, waits: false, trailers: Vec::new() })
    }

    /// The next request's head; `None` when there is none. What is left of the last one's body goes first.
    pub(crate) fn request(&mut self) -> Result<Option<Request>> {
        if self.waits {
            // The body may come or not, which cannot be told from another request.
            return Ok(None);
        }
        while self.piece()?.is_some() {}
        let head = loop {
            if let Some(end) = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let rest = self.received.split_off(end + 4);
                break std::mem::replace(&mut self.received, rest);
            }
            ensure!(self.received.len() < LONGEST_HEAD, "a head without end");
            if !self.fill()? {
                ensure!(self.received.is_empty(), "the connection ended within a head");
                return Ok(None);
            }
        };
        let request = Request::parse(&head[..head.len() - 4])?;
        self.body = request.body()?;
        self.waits = request.names("Expect", "100-continue") && !matches!(self.body, Body::Ended);
        self.trailers.clear();
        Ok(Some(request))
    }

    /// The next bytes of the body, which is asked for if the client waits for that; `None` at the end.
    pub(crate) fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        if std::mem::take(&mut self.waits) {
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        loop {
            match self.body.step(&mut self.received)? {
                Step::Piece(piece) => return Ok(Some(piece)),
                Step::End(trailers) => {
                    // The end is met once more when the next request is looked for.
                    self.trailers.extend(trailers);
                    return Ok(None);
                }
                Step::NeedMore if !self.fill()? => bail!("the connection ended within a body"),
                Step::NeedMore => {}
            }
        }
    }

    /// All that is left of the body.
    pub(crate) fn rest(&mut self) -> Result<Vec<u8>> {
        let mut rest = Vec::new();
        while let Some(piece) = self.piece()? {
            rest.extend(piece);
        }
        Ok(rest)
    }

    /// Reads the body although the client may wait to be asked for it.
    pub(crate) fn ask_nobody(&mut self) {
        self.waits = false;
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Takes what has come and belongs to no request: the first bytes of a tunnel.
    pub(crate) fn buffered(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.received)
    }

    /// Receives once, whatever it is; nothing at the end of the stream.
    pub(crate) fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut piece = vec![0; PIECE];
        loop {
            match self.stream.read(&mut piece) {
                Ok(count) => {
                    piece.truncate(count);
                    return Ok(piece);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn fill(&mut self) -> io::Result<bool> {
        let piece = self.receive()?;
        self.received.extend(&piece);
        Ok(!piece.is_empty())
    }

    /// Waits, without reading, until the client has ended its side or reset the connection.
    pub(crate) fn wait_gone(&self) -> io::Result<()> {
        loop {
            match poll(&mut [PollFd::new(&self.stream, PollFlags::RDHUP)], None) {
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Ends this side and waits for the other: to close while bytes are unread would be a reset, which takes away what was sent.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        self.stream.set_read_timeout(Some(LINGER))?;
        while !self.receive()?.is_empty() {}
        Ok(())
    }

    pub(crate) fn reset(self) -> io::Result<()> {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))
    }
}
