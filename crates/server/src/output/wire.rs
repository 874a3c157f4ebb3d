//! A connection's transport, plain or encrypted: non-blocking reads and writes, files, and the ways to end it.
//! The one place to change for another transport.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};

use super::{Stream, socket};
use crate::reactor::Io;
use crate::sync::lock;
use crate::tls::{Flushed, Session};

/// Most bytes of a file handed to the kernel in one call.
const FILE_PIECE: u64 = 1 << 20;

/// What a write took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Bytes that are the wire's from now on.
    pub(crate) taken: usize,
    /// The wire holds bytes that the kernel did not take; they leave with [`Wire::flush`]. Never on a plain one.
    pub(crate) held: bool,
}

/// A connected socket. All methods may be called from any thread. The session's lock is the last one taken.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    tls: Option<Box<Mutex<Session>>>,
}

impl Wire {
    pub(crate) fn new(stream: impl Into<Stream>) -> Self {
        Self { stream: stream.into(), tls: None }
    }

    /// Over an established session.
    pub(crate) fn secured(stream: impl Into<Stream>, session: Session) -> Self {
        Self { stream: stream.into(), tls: Some(Box::new(Mutex::new(session))) }
    }

    /// Reads once, and keeps the account of whether there may be more. 0 = the client has ended its direction; an
    /// encrypted connection that is cut instead gives `UnexpectedEof`.
    pub(crate) fn receive(&self, io: &Io, into: &mut [u8]) -> io::Result<usize> {
        io.begin_read();
        // A read that does not fill `into` has drained the socket: no further call is made to be told so.
        let (count, more) = match &self.tls {
            None => {
                let count = socket::receive(self.stream.as_fd(), into)?;
                (count, count == into.len())
            }
            Some(session) => {
                let taken = lock(session).read(self.as_fd(), into)?;
                (taken.count, taken.more)
            }
        };
        if more {
            io.more_to_read();
        }
        Ok(count)
    }

    /// Reads from a plain wire.
    pub(crate) fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        socket::receive(self.stream.as_fd(), into)
    }

    /// Looks whether there is something to read from a plain wire without taking it: 0 = the end.
    pub(crate) fn peek(&self) -> io::Result<usize> {
        socket::peek(self.stream.as_fd(), &mut [0; 1])
    }

    /// Writes to a plain wire.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        socket::send(self.stream.as_fd(), bytes)
    }

    /// Writes several parts to a plain wire, in one call.
    pub(crate) fn write_all_of(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        socket::send_parts(self.as_fd(), parts)
    }

    /// Sends what can be sent of these parts now. `WouldBlock` when that is nothing.
    pub(crate) fn send(&self, parts: &[IoSlice<'_>]) -> io::Result<Sent> {
        match &self.tls {
            None => {
                let taken = match parts {
                    [one] => self.write(one)?,
                    several => self.write_all_of(several)?,
                };
                Ok(Sent { taken, held: false })
            }
            Some(session) => lock(session).write(self.as_fd(), parts),
        }
    }

    /// Sends from a file; nothing taken means that the file has ended early.
    pub(crate) fn send_file(&self, file: &OwnedFd, offset: u64, count: u64) -> io::Result<Sent> {
        if let Some(session) = &self.tls {
            return lock(session).send_file(self.as_fd(), file, offset, count);
        }
        let count = usize::try_from(count.min(FILE_PIECE)).unwrap_or(usize::MAX);
        loop {
            let mut at = offset;
            match rustix::fs::sendfile(&self.stream, file, Some(&mut at), count) {
                Err(Errno::INTR) => {}
                done => return Ok(Sent { taken: done?, held: false }),
            }
        }
    }

    /// Sends what is held.
    pub(crate) fn flush(&self) -> io::Result<Flushed> {
        match &self.tls {
            None => Ok(Flushed::default()),
            Some(session) => lock(session).flush(self.as_fd()),
        }
    }

    /// How much the kernel holds at most of what was handed to it.
    pub(crate) fn kernel_buffer(&self) -> u64 {
        rustix::net::sockopt::socket_send_buffer_size(&self.stream).map_or(0, |size| size as u64)
    }

    /// Bytes received and not read yet; 0 when that cannot be told.
    pub(crate) fn waiting(&self) -> u64 {
        match &self.tls {
            None => rustix::io::ioctl_fionread(&self.stream).unwrap_or(0),
            Some(session) => lock(session).waiting(self.as_fd()),
        }
    }

    /// Says that nothing more will be sent. `true` when that has been said; otherwise the wire holds it, and it is to
    /// be called again when that has left.
    pub(crate) fn finish_writing(&self) -> bool {
        let told = self.tls.as_ref().is_none_or(|session| lock(session).finish(self.as_fd()));
        if told {
            let _ = shutdown(&self.stream, Shutdown::Write);
        }
        told
    }

    /// Ends both directions after what has been handed to the kernel.
    pub(crate) fn close(&self) {
        if let Some(session) = &self.tls {
            lock(session).finish(self.as_fd());
        }
        self.cut();
    }

    /// The same without a word: a client of an encrypted connection cannot take what it got for complete.
    pub(crate) fn cut(&self) {
        let _ = shutdown(&self.stream, Shutdown::Both);
    }

    /// Ends the connection with a reset: the client cannot take what it got for complete. Between workers, where a
    /// reset cannot be sent, everything is framed, and an end in the middle tells the same.
    pub(crate) fn reset(&self) {
        if let Stream::Unix(_) = self.stream {
            return self.cut();
        }
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        // Dissolving the association sends the reset now, whoever still holds the descriptor.
        if rustix::net::connect_unspec(&self.stream).is_err() {
            self.cut();
        }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
