//! What is on its way in one direction of a channel: what waits for room, and what the other side has not said it has.

use std::collections::VecDeque;
use std::os::fd::{AsFd as _, OwnedFd};

use mews_process::handoff::Sender;
use serde::Serialize;

use crate::control::encode;

/// Something that is handed over.
#[derive(Debug)]
pub(crate) struct Parcel<K> {
    /// What it is.
    pub(crate) kind: K,
    /// The descriptor; sent as a copy.
    pub(crate) descriptor: OwnedFd,
}

/// The other side takes nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Post<K> {
    sender: Sender,
    waiting: VecDeque<Item<K>>,
    /// Sent, the oldest first.
    unacknowledged: VecDeque<Parcel<K>>,
    closed: bool,
}

#[derive(Debug)]
enum Item<K> {
    Parcel(Vec<u8>, Parcel<K>),
    Word(Vec<u8>),
}

impl<K> Post<K> {
    /// Sends here.
    pub(crate) fn new(sender: Sender) -> Self {
        Self { sender, waiting: VecDeque::new(), unacknowledged: VecDeque::new(), closed: false }
    }

    /// Whether the other side takes anything.
    pub(crate) fn is_open(&self) -> bool {
        !self.closed
    }

    /// Sends a parcel, now or when there is room, with what `message` says of it.
    pub(crate) fn send(&mut self, message: &impl Serialize, parcel: Parcel<K>) -> Result<(), Closed> {
        match encode(message) {
            Ok(payload) => self.waiting.push_back(Item::Parcel(payload, parcel)),
            // What cannot be told would be nobody's: closing it tells the client.
            Err(error) => tracing::error!("a connection cannot be handed over: {error}"),
        }
        self.pump()
    }

    /// Says something without a descriptor.
    pub(crate) fn say(&mut self, message: &impl Serialize) -> Result<(), Closed> {
        match encode(message) {
            Ok(payload) => self.waiting.push_back(Item::Word(payload)),
            Err(error) => tracing::error!("a message cannot be sent: {error}"),
        }
        self.pump()
    }

    /// Sends what there is room for.
    pub(crate) fn pump(&mut self) -> Result<(), Closed> {
        while let Some(item) = self.waiting.front() {
            if self.closed {
                return Err(Closed);
            }
            let sent = match item {
                Item::Parcel(payload, parcel) => self.sender.try_send(payload, &[parcel.descriptor.as_fd()]),
                Item::Word(payload) => self.sender.try_send(payload, &[]),
            };
            match sent {
                Ok(true) => {
                    if let Some(Item::Parcel(_, parcel)) = self.waiting.pop_front() {
                        self.unacknowledged.push_back(parcel);
                    }
                }
                Ok(false) => return Ok(()),
                Err(error) => {
                    tracing::debug!("a channel takes nothing more: {error}");
                    self.closed = true;
                }
            }
        }
        Ok(())
    }

    /// The other side has so many more. Those it has are let go.
    pub(crate) fn acknowledge(&mut self, count: usize) {
        self.unacknowledged.drain(..count.min(self.unacknowledged.len()));
    }

    /// Parcels that were not sent; for when the other side takes nothing more.
    pub(crate) fn take_unsent(&mut self) -> Vec<Parcel<K>> {
        self.waiting.drain(..).filter_map(Item::parcel).collect()
    }

    /// Everything that the other side does not have, the oldest first; for when it is gone.
    pub(crate) fn take_all(&mut self) -> Vec<Parcel<K>> {
        self.closed = true;
        let waiting = self.waiting.drain(..).filter_map(Item::parcel);
        self.unacknowledged.drain(..).chain(waiting).collect()
    }

    /// How many parcels the other side does not have.
    pub(crate) fn len(&self) -> usize {
        self.unacknowledged.len() + self.waiting.len()
    }
}

impl<K> Item<K> {
    fn parcel(self) -> Option<Parcel<K>> {
        match self {
            Self::Parcel(_, parcel) => Some(parcel),
            Self::Word(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mews_process::handoff;

    fn parcel(kind: u32) -> Parcel<u32> {
        Parcel { kind, descriptor: std::fs::File::open("/dev/null").unwrap().into() }
    }

    fn kinds(parcels: &[Parcel<u32>]) -> Vec<u32> {
        parcels.iter().map(|parcel| parcel.kind).collect()
    }

    #[test]
    fn what_was_not_acknowledged_comes_back_in_order() {
        let ((sender, _keep), (_back, mut receiver)) = handoff::pair().unwrap();
        let mut post = Post::new(sender);
        for kind in 0..5 {
            post.send(&kind, parcel(kind)).unwrap();
        }
        post.say(&99).unwrap();
        for _ in 0..6 {
            receiver.recv().unwrap().unwrap();
        }
        post.acknowledge(2);
        assert_eq!((post.len(), post.is_open()), (3, true));
        receiver.close();
        assert_eq!(post.send(&5, parcel(5)), Err(Closed));
        assert!(!post.is_open());
        // What was sent may still be acknowledged; what was not goes elsewhere now.
        assert_eq!(kinds(&post.take_unsent()), [5]);
        assert_eq!(kinds(&post.take_all()), [2, 3, 4]);
        post.acknowledge(10);
        assert_eq!(post.len(), 0);
    }

    #[test]
    fn what_finds_no_room_waits() {
        let ((sender, _keep), (_back, mut receiver)) = handoff::pair().unwrap();
        let mut post = Post::new(sender);
        for kind in 0..2000 {
            post.send(&kind, parcel(kind)).unwrap();
            // Not more open files than needed.
            if kind % 100 == 99 {
                while let Ok(handoff::Received::Message(_)) = receiver.try_recv() {
                    post.acknowledge(1);
                    post.pump().unwrap();
                }
            }
        }
        assert_eq!(post.len(), 0);
    }
}
