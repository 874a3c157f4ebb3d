//! What other threads tell the manager's.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mews_model::lifecycle::{RunId, Slot};
use mews_server::forward::Held;
use rustix::event::{EventfdFlags, eventfd};

/// Something for the manager.
pub(super) enum Message {
    /// A request for a slot whose process was not ready when it came.
    Request(Slot, Held),
    /// What came of the shutdown message is known.
    ShutdownAnswered(RunId),
    /// The app goes offline, or is back.
    Offline(bool),
    /// End everything.
    Stop,
}

/// Messages that wait, and a descriptor that is readable while there are any.
pub(super) struct Inbox {
    state: Mutex<State>,
    wake: OwnedFd,
}

#[derive(Default)]
struct State {
    messages: Vec<Message>,
    closed: bool,
}

impl Inbox {
    pub(super) fn new() -> io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { state: Mutex::default(), wake })
    }

    /// Adds a message; gives it back when nobody takes any more.
    pub(super) fn push(&self, message: Message) -> Option<Message> {
        let mut state = self.lock();
        if state.closed {
            return Some(message);
        }
        state.messages.push(message);
        if state.messages.len() == 1 {
            // Only a counter that is full can fail, and then it is readable.
            let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        }
        None
    }

    /// Takes everything that came.
    pub(super) fn take(&self) -> Vec<Message> {
        let mut state = self.lock();
        if !state.messages.is_empty() {
            let mut count = [0; 8];
            let _ = rustix::io::read(&self.wake, &mut count);
        }
        std::mem::take(&mut state.messages)
    }

    /// Takes the last messages; none can be added after that.
    pub(super) fn close(&self) -> Vec<Message> {
        self.lock().closed = true;
        self.take()
    }

    /// Readable while something waits.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn is_readable(inbox: &Inbox) -> bool {
        let mut entries = [PollFd::from_borrowed_fd(inbox.descriptor(), PollFlags::IN)];
        poll(&mut entries, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
    }

    #[test]
    fn the_descriptor_tells_of_messages_until_they_are_taken() {
        let inbox = Inbox::new().unwrap();
        assert!(!is_readable(&inbox) && inbox.take().is_empty());
        for _ in 0..3 {
            assert!(inbox.push(Message::Stop).is_none());
        }
        assert!(is_readable(&inbox));
        assert_eq!(inbox.take().len(), 3);
        assert!(!is_readable(&inbox));
        assert!(inbox.push(Message::Stop).is_none());
        assert_eq!(inbox.close().len(), 1);
        assert!(inbox.push(Message::Stop).is_some());
        assert!(!is_readable(&inbox));
    }
}
