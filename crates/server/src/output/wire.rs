//! The socket itself: non-blocking reads and writes, files, and the two ways to end a connection.
//! The one place to change for another transport than plain TCP.

use std::io::{self, IoSlice, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use mio::net::TcpStream;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

/// Most bytes of a file handed to the kernel in one call.
const FILE_PIECE: u64 = 1 << 20;

/// A connected socket. All methods may be called from any thread.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream }
    }

    pub(crate) fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::net::recv(&self.stream, &mut *into, RecvFlags::empty()) {
                Err(Errno::INTR) => {}
                done => return Ok(done?.0),
            }
        }
    }

    /// Looks whether there is something to read without taking it: 0 = the end.
    pub(crate) fn peek(&self) -> io::Result<usize> {
        loop {
            match rustix::net::recv(&self.stream, &mut [0; 1][..], RecvFlags::PEEK) {
                Err(Errno::INTR) => {}
                done => return Ok(done?.0),
            }
        }
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::net::send(&self.stream, bytes, SendFlags::NOSIGNAL) {
                Err(Errno::INTR) => {}
                done => return Ok(done?),
            }
        }
    }

    pub(crate) fn write_all_of(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            match (&self.stream).write_vectored(parts) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    /// Sends from a file; 0 means that the file has ended early.
    pub(crate) fn send_file(&self, file: &OwnedFd, offset: u64, count: u64) -> io::Result<usize> {
        let count = usize::try_from(count.min(FILE_PIECE)).unwrap_or(usize::MAX);
        loop {
            let mut at = offset;
            match rustix::fs::sendfile(&self.stream, file, Some(&mut at), count) {
                Err(Errno::INTR) => {}
                done => return Ok(done?),
            }
        }
    }

    /// Bytes received and not read yet; 0 when that cannot be told.
    pub(crate) fn waiting(&self) -> u64 {
        rustix::io::ioctl_fionread(&self.stream).unwrap_or(0)
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish_writing(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends both directions after what has been handed to the kernel.
    pub(crate) fn close(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Ends the connection with a reset: the client cannot take what it got for complete.
    pub(crate) fn reset(&self) {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        // Dissolving the association sends the reset now, whoever still holds the descriptor.
        if rustix::net::connect_unspec(&self.stream).is_err() {
            self.close();
        }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
