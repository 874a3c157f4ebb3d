//! The worker's end: connections come in, and those for requests of other pools go out.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mews_process::handoff::{self, Message, Received, Receiver};
use mews_server::{Arrival, Arrivals, Connect, ConnectionInfo, Tls};

use super::{ClientSpec, Parcel, PoolId, Post, ToGateway, ToWorker};
use crate::control::decode;

/// Connections to other pools that may be on their way, or wait for a gateway.
const MOST_STRAYS: usize = 1024;

type Channel = Arc<Mutex<Post<Stray>>>;

/// What a stray is: whose request, and whose to answer.
#[derive(Clone, Debug)]
struct Stray {
    pool: PoolId,
    client: ClientSpec,
}

/// The ways from this worker to others. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Strays {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    gateway: Option<Channel>,
    /// For which there is no gateway now.
    kept: VecDeque<Parcel<Stray>>,
    /// How often the worker of a pool was replaced.
    generations: HashMap<PoolId, u64>,
}

impl Strays {
    /// What connects to the worker of a pool.
    pub(crate) fn to(&self, pool: PoolId) -> Arc<dyn Connect> {
        Arc::new(ToPool { strays: self.clone(), pool })
    }

    /// From now on the gateway is on the other side of this channel. `tls`: what each listener speaks whose connections
    /// it hands over.
    pub(crate) fn attach(&self, channel: OwnedFd, tls: HashMap<usize, Option<Tls>>) -> Box<dyn Arrivals> {
        let (sender, receiver) = handoff::split(channel);
        let post = Arc::new(Mutex::new(Post::new(sender)));
        let mut state = lock(&self.state);
        let before = state.gateway.replace(Arc::clone(&post));
        let mut again: Vec<Parcel<Stray>> = before.map(|post| lock(&post).take_all()).unwrap_or_default();
        again.extend(state.kept.drain(..));
        // A new gateway is about to tell of every worker: connections of before may lead to ones that have gone.
        for generation in state.generations.values_mut() {
            *generation += 1;
        }
        drop(state);
        for stray in again {
            self.send(stray);
        }
        Box::new(Inbound {
            receiver,
            post,
            strays: self.clone(),
            tls,
            came: VecDeque::new(),
            ended: false,
            closed: false,
        })
    }

    fn send(&self, stray: Parcel<Stray>) {
        let mut state = lock(&self.state);
        let message = ToGateway::Stray(stray.kind.pool, stray.kind.client.clone());
        let Some(gateway) = state.gateway.clone() else {
            state.kept.push_back(stray);
            return;
        };
        let mut post = lock(&gateway);
        if post.send(&message, stray).is_err() {
            // Another gateway comes, and gets them.
            state.gateway = None;
            let unsent = post.take_unsent();
            state.kept.extend(unsent);
        }
    }

    fn count(&self) -> usize {
        let state = lock(&self.state);
        state.kept.len() + state.gateway.as_ref().map_or(0, |post| lock(post).len())
    }

    /// The gateway behind this channel is gone.
    fn detach(&self, post: &Channel) {
        let mut state = lock(&self.state);
        let left = lock(post).take_all();
        if state.gateway.as_ref().is_some_and(|current| Arc::ptr_eq(current, post)) {
            state.gateway = None;
            state.kept.extend(left);
            return;
        }
        drop(state);
        for stray in left {
            self.send(stray);
        }
    }
}

/// Connects to the worker of a pool, through the gateway.
struct ToPool {
    strays: Strays,
    pool: PoolId,
}

impl Connect for ToPool {
    fn connect(&self, client: &ConnectionInfo) -> io::Result<UnixStream> {
        if self.strays.count() >= MOST_STRAYS {
            return Err(io::Error::other("too many connections to other application pools wait"));
        }
        let (ours, theirs) = UnixStream::pair()?;
        let kind = Stray { pool: self.pool, client: client.client().into() };
        self.strays.send(Parcel { kind, descriptor: theirs.into() });
        Ok(ours)
    }

    fn generation(&self) -> u64 {
        *lock(&self.strays.state).generations.entry(self.pool).or_default()
    }
}

/// What comes in from the gateway.
struct Inbound {
    receiver: Receiver,
    post: Channel,
    strays: Strays,
    tls: HashMap<usize, Option<Tls>>,
    came: VecDeque<Arrival>,
    /// Nothing more comes.
    ended: bool,
    /// Because we wanted it so.
    closed: bool,
}

impl Inbound {
    /// Takes everything that has come, and says so before any of it is served.
    fn receive(&mut self) {
        let mut taken = 0;
        loop {
            match self.receiver.try_recv() {
                Ok(Received::Message(message)) => taken += usize::from(self.hear(message)),
                Ok(Received::Nothing) => break,
                Ok(Received::End) => {
                    self.ended = true;
                    break;
                }
                Err(error) => {
                    tracing::error!("the gateway cannot be heard: {error}");
                    self.ended = true;
                    break;
                }
            }
        }
        if taken > 0 {
            // If it is gone, it has no other worker to give them to.
            let _ = lock(&self.post).say(&ToGateway::Taken(taken));
        }
    }

    /// Whether it was a connection.
    fn hear(&mut self, message: Message) -> bool {
        let decoded = decode::<ToWorker>(&message.payload);
        let descriptor = message.descriptors.into_iter().next();
        match (decoded, descriptor) {
            (Ok(ToWorker::Client(listener)), Some(descriptor)) => {
                match self.tls.get(&listener) {
                    Some(tls) => self.came.push_back(Arrival::Client {
                        stream: TcpStream::from(descriptor),
                        listener,
                        tls: tls.clone(),
                    }),
                    None => tracing::error!("a connection of the unknown listener {listener} came"),
                }
                return true;
            }
            (Ok(ToWorker::Relayed(client)), Some(descriptor)) => {
                let stream = UnixStream::from(descriptor);
                self.came.push_back(Arrival::Relayed { stream, client: client.into() });
                return true;
            }
            (Ok(ToWorker::Moved(pool)), None) => {
                *lock(&self.strays.state).generations.entry(pool).or_default() += 1;
            }
            (Ok(ToWorker::Taken(count)), None) => {
                let mut post = lock(&self.post);
                post.acknowledge(count);
                let _ = post.pump();
            }
            (Ok(message), descriptor) => {
                tracing::error!(
                    "the gateway sent {message:?} with {} descriptors",
                    usize::from(descriptor.is_some())
                );
            }
            (Err(error), _) => tracing::error!("the gateway: {error}"),
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
        if self.came.is_empty() && !self.ended {
            self.receive();
        }
        match self.came.pop_front() {
            Some(arrival) => Ok(Some(arrival)),
            None if self.ended => Ok(None),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.receiver.close();
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        // While this worker finishes what it has, its strays still go out.
        if self.ended && !self.closed {
            self.strays.detach(&self.post);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
