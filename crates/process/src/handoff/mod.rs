//! Messages, with descriptors, between two processes over a UNIX stream socket.
//!
//! A frame is a little-endian `u32` length, a `u32` count of descriptors, and the payload; the
//! descriptors travel with the frame's first byte. Whoever sends is one of our own processes, but nothing
//! it says is believed beyond the limits here. What a payload means is not known here.

mod receiver;
mod sender;

pub use receiver::{Message, Received, Receiver};
pub use sender::Sender;

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// The longest payload, in bytes.
pub const MOST_BYTES: usize = 1 << 20;
/// The most descriptors that one message carries. The kernel's own limit is 253.
pub const MOST_DESCRIPTORS: usize = 128;

const HEADER: usize = 8;

/// Why a message could not be sent or received. The channel is of no use afterwards.
#[derive(Debug, thiserror::Error)]
pub enum HandoffError {
    /// The system refused.
    #[error("the control channel failed: {0}")]
    Io(#[from] io::Error),
    /// The other side is gone.
    #[error("the other side of the control channel is gone")]
    Closed,
    /// A payload over the limit.
    #[error("a control message of {0} bytes is longer than the limit of {MOST_BYTES}")]
    TooLong(usize),
    /// More descriptors than the limit.
    #[error("a control message with {0} descriptors exceeds the limit of {MOST_DESCRIPTORS}")]
    TooManyDescriptors(usize),
    /// The descriptors that came are not those announced.
    #[error("a control message announced {announced} descriptors and brought {brought}")]
    WrongDescriptors {
        /// Announced in the frame.
        announced: usize,
        /// Received up to the frame's end.
        brought: usize,
    },
    /// The other side closed in the middle of a frame.
    #[error("the control channel ended in the middle of a message")]
    Truncated,
}

impl From<rustix::io::Errno> for HandoffError {
    fn from(errno: rustix::io::Errno) -> Self {
        if errno == rustix::io::Errno::PIPE || errno == rustix::io::Errno::CONNRESET {
            Self::Closed
        } else {
            Self::Io(errno.into())
        }
    }
}

/// Both halves of one end of a channel over `socket`.
pub fn split(socket: OwnedFd) -> (Sender, Receiver) {
    let socket = Arc::new(socket);
    (Sender::new(Arc::clone(&socket)), Receiver::new(socket))
}

/// Two connected ends, as for tests.
pub fn pair() -> io::Result<((Sender, Receiver), (Sender, Receiver))> {
    let (a, b) = UnixStream::pair()?;
    Ok((split(a.into()), split(b.into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;

    #[test]
    fn messages_and_descriptors_arrive_in_order() {
        let ((mut tx, _), (_, mut rx)) = pair().unwrap();
        let (read, write) = rustix::pipe::pipe().unwrap();
        tx.send(b"first", Vec::new()).unwrap();
        tx.send(b"second", vec![write]).unwrap();
        tx.send(b"", Vec::new()).unwrap();
        let first = rx.recv().unwrap().unwrap();
        assert_eq!((first.payload.as_slice(), first.descriptors.len()), (&b"first"[..], 0));
        let mut second = rx.recv().unwrap().unwrap();
        assert_eq!((second.payload.as_slice(), second.descriptors.len()), (&b"second"[..], 1));
        assert_eq!(rx.recv().unwrap().unwrap().payload, b"");
        File::from(second.descriptors.remove(0)).write_all(b"through").unwrap();
        let mut text = String::new();
        File::from(read).read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
        drop(tx);
    }

    #[test]
    fn what_was_sent_before_the_other_side_closed_arrives_and_nothing_after() {
        let ((tx, _rx), (back, mut rx)) = pair().unwrap();
        let (read, write) = rustix::pipe::pipe().unwrap();
        assert!(tx.try_send(b"one", &[write.as_fd()]).unwrap());
        assert!(tx.try_send(b"two", &[]).unwrap());
        rx.close();
        assert!(matches!(tx.try_send(b"three", &[]), Err(HandoffError::Closed)));
        assert_eq!(rx.recv().unwrap().unwrap().descriptors.len(), 1);
        assert_eq!(rx.recv().unwrap().unwrap().payload, b"two");
        assert!(rx.recv().unwrap().is_none());
        // The other direction goes on.
        assert!(back.try_send(b"back", &[]).unwrap());
        drop((read, write));
    }

    #[test]
    fn a_full_channel_takes_nothing_in_part() {
        let ((tx, _rx), (_back, mut rx)) = pair().unwrap();
        let mut sent = 0_usize;
        while tx.try_send(&[7; 1000], &[]).unwrap() {
            sent += 1;
        }
        for _ in 0..sent {
            assert_eq!(rx.recv().unwrap().unwrap().payload.len(), 1000);
        }
        assert!(tx.try_send(b"again", &[]).unwrap());
        assert_eq!(rx.recv().unwrap().unwrap().payload, b"again");
    }

    #[test]
    fn the_end_is_told_from_a_torn_message() {
        let ((tx, rx0), (_tx, mut rx)) = pair().unwrap();
        drop((tx, rx0));
        assert!(rx.recv().unwrap().is_none());
        assert!(rx.recv().unwrap().is_none());

        let (a, b) = UnixStream::pair().unwrap();
        let (_, mut rx) = split(b.into());
        (&a).write_all(&[5, 0, 0, 0, 0, 0, 0, 0, b'x']).unwrap();
        drop(a);
        assert!(matches!(rx.recv(), Err(HandoffError::Truncated)));
    }

    #[test]
    fn a_large_message_passes_in_pieces_without_blocking() {
        let ((mut tx, _keep), (_keep2, mut rx)) = pair().unwrap();
        let large = vec![7; MOST_BYTES];
        tx.queue(&large, Vec::new()).unwrap();
        assert!(!tx.flush().unwrap(), "the socket cannot take a megabyte at once");
        let mut pieces = 0;
        let message = loop {
            match rx.try_recv().unwrap() {
                Received::Message(message) => break message,
                Received::Nothing => {
                    tx.flush().unwrap();
                    pieces += 1;
                }
                Received::End => panic!("ended"),
            }
        };
        assert!(pieces > 0);
        assert_eq!(message.payload, large);
    }

    #[test]
    fn limits_hold_on_both_sides() {
        let ((mut tx, _k), _other) = pair().unwrap();
        assert!(matches!(tx.send(&vec![0; MOST_BYTES + 1], Vec::new()), Err(HandoffError::TooLong(_))));
        let (a, b) = UnixStream::pair().unwrap();
        let (_, mut rx) = split(b.into());
        (&a).write_all(&[255, 255, 255, 255, 0, 0, 0, 0]).unwrap();
        assert!(matches!(rx.recv(), Err(HandoffError::TooLong(_))));
        let (a, b) = UnixStream::pair().unwrap();
        let (_, mut rx) = split(b.into());
        (&a).write_all(&[0, 0, 0, 0, 2, 0, 0, 0]).unwrap();
        assert!(matches!(rx.recv(), Err(HandoffError::WrongDescriptors { announced: 2, brought: 0 })));
    }

    #[test]
    fn many_descriptors() {
        let ((mut tx, _k), (_k2, mut rx)) = pair().unwrap();
        let null = File::open("/dev/null").unwrap();
        let many = |n: usize| -> Vec<OwnedFd> {
            (0..n).map(|_| null.as_fd().try_clone_to_owned().unwrap()).collect()
        };
        tx.send(b"x", many(MOST_DESCRIPTORS)).unwrap();
        assert_eq!(rx.recv().unwrap().unwrap().descriptors.len(), MOST_DESCRIPTORS);
        let error = tx.send(b"x", many(MOST_DESCRIPTORS + 1));
        assert!(matches!(error, Err(HandoffError::TooManyDescriptors(_))));
    }
}
