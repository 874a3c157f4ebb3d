//! A TLS connection until its client has said which name it asks for.

use std::io;
use std::os::fd::AsFd as _;
use std::task::Poll;

use mio::net::TcpStream;

use super::look::{HELLO_BYTES, Look, Seen};
use super::with_room;
use crate::output::socket;
use crate::reactor::Io;

/// Progress in that.
#[derive(Default)]
pub(crate) struct Hello(Look);

impl Hello {
    /// The name, empty if the client asks for none, or says so in a way that only a handshake can tell what is wrong with. What
    /// was looked at is still to be read.
    pub(crate) fn name(&mut self, stream: &TcpStream, io: &Io) -> Poll<Box<str>> {
        if !io.can_read() {
            return Poll::Pending;
        }
        io.begin_read();
        let seen = with_room(HELLO_BYTES, |room| -> io::Result<Seen<'_>> {
            let count = socket::peek(stream.as_fd(), room)?;
            Ok(self.0.hello(room.get(..count).unwrap_or_default()))
        });
        let name = match seen {
            Ok(Seen::Partial) if !io.read_closed() => return Poll::Pending,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Ok(Seen::Hello(name)) => name,
            Ok(_) | Err(_) => Box::default(),
        };
        io.more_to_read();
        Poll::Ready(name)
    }
}
