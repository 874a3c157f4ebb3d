//! System calls on a connected, non-blocking socket; interrupted ones are tried again.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, shutdown};

/// Bytes swallowed at an end.
const SWALLOWED: usize = 16 * 4096;

/// Reads what has come; 0 = the end.
pub(crate) fn receive(socket: BorrowedFd<'_>, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match rustix::net::recv(socket, &mut *into, RecvFlags::empty()) {
            Err(Errno::INTR) => {}
            done => return Ok(done?.0),
        }
    }
}

/// Looks at what has come without taking it; 0 = the end.
pub(crate) fn peek(socket: BorrowedFd<'_>, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match rustix::net::recv(socket, &mut *into, RecvFlags::PEEK) {
            Err(Errno::INTR) => {}
            done => return Ok(done?.0),
        }
    }
}

/// Sends what the kernel takes.
pub(crate) fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match rustix::net::send(socket, bytes, SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            done => return Ok(done?),
        }
    }
}

/// Sends what the kernel takes of several parts, in one call.
pub(crate) fn send_parts(socket: BorrowedFd<'_>, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    loop {
        match rustix::net::sendmsg(socket, parts, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            done => return Ok(done?),
        }
    }
}

/// Ends our direction and takes what has come: closing over unread bytes would reset the connection and could take from
/// the client what was sent to it.
pub(crate) fn swallow(socket: BorrowedFd<'_>) {
    let _ = shutdown(socket, Shutdown::Write);
    let mut scratch = [0; 4096];
    let mut left = SWALLOWED;
    while left > 0 && receive(socket, &mut scratch).is_ok_and(|count| count > 0) {
        left -= scratch.len();
    }
}
