//! The receiving half of a channel.

use std::collections::VecDeque;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, Shutdown, recvmsg, shutdown,
};

use super::{HEADER, HandoffError, MOST_BYTES, MOST_DESCRIPTORS};

/// A received message.
#[derive(Debug)]
pub struct Message {
    /// Its bytes.
    pub payload: Vec<u8>,
    /// The descriptors that came with it, all close-on-exec.
    pub descriptors: Vec<OwnedFd>,
}

/// What a look at the channel found.
#[derive(Debug)]
pub enum Received {
    /// A whole message.
    Message(Message),
    /// No whole message yet.
    Nothing,
    /// The other side closed properly.
    End,
}

/// Receives messages.
#[derive(Debug)]
pub struct Receiver {
    socket: Arc<OwnedFd>,
    bytes: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
    ended: bool,
}

impl Receiver {
    /// Receives through this socket, which another half may share.
    pub fn new(socket: Arc<OwnedFd>) -> Self {
        Self { socket, bytes: Vec::new(), descriptors: VecDeque::new(), ended: false }
    }

    /// The next message, if all of it is there. Does not wait.
    pub fn try_recv(&mut self) -> Result<Received, HandoffError> {
        loop {
            if let Some(message) = self.take_frame()? {
                return Ok(Received::Message(message));
            }
            if self.ended {
                let torn = !self.bytes.is_empty();
                self.bytes.clear();
                return if torn { Err(HandoffError::Truncated) } else { Ok(Received::End) };
            }
            if !self.read_some()? {
                return Ok(Received::Nothing);
            }
        }
    }

    /// The next message; waits for it. `None` when the other side closed properly.
    pub fn recv(&mut self) -> Result<Option<Message>, HandoffError> {
        loop {
            match self.try_recv()? {
                Received::Message(message) => return Ok(Some(message)),
                Received::End => return Ok(None),
                Received::Nothing => {
                    let mut poll_fd = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN)];
                    match poll(&mut poll_fd, None) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(errno) => return Err(errno.into()),
                    }
                }
            }
        }
    }

    /// Takes no more: whoever sends from now on is told that the other side is gone. What was sent before can still be
    /// received.
    pub fn close(&self) {
        // The only failure is that the other side is gone.
        let _ = shutdown(&self.socket, Shutdown::Read);
    }

    fn take_frame(&mut self) -> Result<Option<Message>, HandoffError> {
        let Some((header, rest)) = self.bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
        let [l0, l1, l2, l3, c0, c1, c2, c3] = *header;
        // Widening on every platform we run on; a value that did not fit would fail the limit anyway.
        let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
        let announced = usize::try_from(u32::from_le_bytes([c0, c1, c2, c3])).unwrap_or(usize::MAX);
        if length > MOST_BYTES {
            return Err(HandoffError::TooLong(length));
        }
        if announced > MOST_DESCRIPTORS {
            return Err(HandoffError::TooManyDescriptors(announced));
        }
        let Some(payload) = rest.get(..length) else { return Ok(None) };
        let payload = payload.to_vec();
        let brought = self.descriptors.len();
        // They travel with the first byte, so all are here by now; those of a later frame may be too, but
        // only if that frame has begun.
        let last = self.bytes.len() == HEADER + length;
        if brought < announced || (last && brought > announced) {
            return Err(HandoffError::WrongDescriptors { announced, brought });
        }
        let descriptors = self.descriptors.drain(..announced).collect();
        self.bytes.drain(..HEADER + length);
        if self.bytes.is_empty() {
            // Large messages are rare; their buffer is not kept.
            self.bytes = Vec::new();
        }
        Ok(Some(Message { payload, descriptors }))
    }

    /// Reads once; `false` when nothing is there.
    fn read_some(&mut self) -> Result<bool, HandoffError> {
        let mut chunk = [0; 16 * 1024];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let received = match recvmsg(&self.socket, &mut [IoSliceMut::new(&mut chunk)], &mut ancillary, flags)
        {
            Ok(received) => received,
            Err(Errno::AGAIN) => return Ok(false),
            Err(Errno::INTR) => return Ok(true),
            // A reset is how a stream ends whose other side had not read everything.
            Err(Errno::CONNRESET) => {
                self.ended = true;
                return Ok(true);
            }
            Err(errno) => return Err(errno.into()),
        };
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        let brought = self.descriptors.len();
        if received.flags.contains(ReturnFlags::CTRUNC) {
            return Err(HandoffError::WrongDescriptors { announced: brought + 1, brought });
        }
        if brought > 2 * MOST_DESCRIPTORS {
            return Err(HandoffError::TooManyDescriptors(brought));
        }
        self.ended = received.bytes == 0;
        self.bytes.extend_from_slice(chunk.get(..received.bytes).unwrap_or_default());
        Ok(true)
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
