//! What a worker says, and the strays that it sends.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use mews_process::handoff::{Message, Received, Receiver};
use mews_server::{Arrival, Arrivals};

use super::pools::{Kind, Parcel, Pools, WorkerKey};
use crate::control::decode;
use crate::handover::ToGateway;

/// See the module's documentation. Nothing that comes here is served here.
pub(super) struct Inbound {
    pools: Arc<Pools>,
    worker: WorkerKey,
    receiver: Receiver,
    /// The worker has ended, rather than this process.
    ended: bool,
}

impl Inbound {
    pub(super) fn new(pools: Arc<Pools>, worker: WorkerKey, receiver: Receiver) -> Self {
        Self { pools, worker, receiver, ended: false }
    }

    /// Whether it was a stray.
    fn hear(&self, message: Message) -> bool {
        let decoded = decode::<ToGateway>(&message.payload);
        match (decoded, message.descriptors.into_iter().next()) {
            (Ok(ToGateway::Stray(pool, client)), Some(descriptor)) => {
                self.pools.relay(pool, Parcel { kind: Kind::Relayed(client), descriptor });
                return true;
            }
            (Ok(ToGateway::Taken(count)), None) => self.pools.taken(self.worker, count),
            (Ok(message), _) => {
                tracing::error!("a worker sent {message:?} with a wrong number of descriptors")
            }
            (Err(error), _) => tracing::error!("a worker: {error}"),
        }
        false
    }
}

impl AsFd for Inbound {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }
}

impl Arrivals for Inbound {
    fn next(&mut self) -> io::Result<Option<Arrival>> {
        let mut strays = 0;
        let end = loop {
            match self.receiver.try_recv() {
                Ok(Received::Message(message)) => strays += usize::from(self.hear(message)),
                Ok(Received::Nothing) => break Err(io::ErrorKind::WouldBlock.into()),
                Ok(Received::End) => {
                    self.ended = true;
                    break Ok(None);
                }
                Err(error) => {
                    tracing::error!("a worker cannot be heard: {error}");
                    self.ended = true;
                    break Ok(None);
                }
            }
        };
        if strays > 0 {
            self.pools.thank(self.worker, strays);
        }
        end
    }

    fn close(&mut self) {}

    /// Connections go on being handed to the worker while those end that are looked at.
    fn outlives_accepting(&self) -> bool {
        true
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        // What a worker has not yet said that it has, it may have all the same.
        if self.ended {
            self.pools.gone(self.worker);
        }
    }
}
