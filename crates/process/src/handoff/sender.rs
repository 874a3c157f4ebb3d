//! The sending half of a channel.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::{HEADER, HandoffError, MOST_BYTES, MOST_DESCRIPTORS};

/// Sends messages; either at once and waiting, or queued and without waiting.
#[derive(Debug)]
pub struct Sender {
    socket: Arc<OwnedFd>,
    queue: VecDeque<Outgoing>,
}

#[derive(Debug)]
struct Outgoing {
    frame: Vec<u8>,
    sent: usize,
    /// Emptied when the first byte has left.
    descriptors: Vec<OwnedFd>,
}

impl Sender {
    /// Sends through this socket, which another half may share.
    pub fn new(socket: Arc<OwnedFd>) -> Self {
        Self { socket, queue: VecDeque::new() }
    }

    /// Appends a message to what is to be sent. The descriptors are closed here once they are sent.
    pub fn queue(&mut self, payload: &[u8], descriptors: Vec<OwnedFd>) -> Result<(), HandoffError> {
        let frame = frame(payload, descriptors.len())?;
        self.queue.push_back(Outgoing { frame, sent: 0, descriptors });
        Ok(())
    }

    /// Sends what can be sent without waiting; `true` when nothing is left.
    pub fn flush(&mut self) -> Result<bool, HandoffError> {
        while let Some(message) = self.queue.front_mut() {
            let borrowed: Vec<BorrowedFd<'_>> = message.descriptors.iter().map(AsFd::as_fd).collect();
            let sent = send_some(self.socket.as_fd(), &message.frame[message.sent..], &borrowed);
            match sent {
                Ok(0) => return Err(HandoffError::Closed),
                Ok(sent) => {
                    message.descriptors.clear();
                    message.sent += sent;
                    if message.sent >= message.frame.len() {
                        self.queue.pop_front();
                    }
                }
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(true)
    }

    /// Sends a short message at once or not at all: `false` when there is no room now. The descriptors stay ours.
    ///
    /// # Errors
    /// Besides those of the channel: the message was torn, because it was not short, or others wait to be sent.
    pub fn try_send(&self, payload: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<bool, HandoffError> {
        if self.is_pending() {
            return Ok(false);
        }
        let frame = frame(payload, descriptors.len())?;
        loop {
            match send_some(self.socket.as_fd(), &frame, descriptors) {
                Ok(sent) if sent == frame.len() => return Ok(true),
                Ok(_) => return Err(HandoffError::Truncated),
                Err(Errno::AGAIN) => return Ok(false),
                // Too many descriptors are on their way already; they arrive.
                Err(Errno::TOOMANYREFS) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Whether something waits for [`Sender::flush`].
    pub fn is_pending(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Sends a message and waits until the kernel has all of it.
    pub fn send(&mut self, payload: &[u8], descriptors: Vec<OwnedFd>) -> Result<(), HandoffError> {
        self.queue(payload, descriptors)?;
        while !self.flush()? {
            let mut poll_fd = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::OUT)];
            match poll(&mut poll_fd, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }
}

impl AsFd for Sender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A message with its header.
fn frame(payload: &[u8], descriptors: usize) -> Result<Vec<u8>, HandoffError> {
    let too_long = || HandoffError::TooLong(payload.len());
    if payload.len() > MOST_BYTES {
        return Err(too_long());
    }
    let too_many = || HandoffError::TooManyDescriptors(descriptors);
    if descriptors > MOST_DESCRIPTORS {
        return Err(too_many());
    }
    let length = u32::try_from(payload.len()).map_err(|_| too_long())?;
    let count = u32::try_from(descriptors).map_err(|_| too_many())?;
    let mut frame = Vec::with_capacity(HEADER + payload.len());
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&count.to_le_bytes());
    frame.extend_from_slice(payload);
    Ok(frame)
}

fn send_some(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> rustix::io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(Errno::MSGSIZE);
    }
    sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
}
