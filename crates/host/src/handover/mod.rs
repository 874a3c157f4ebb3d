//! Connections on their way between the processes of the host: from the gateway, which accepts them, to the workers, and
//! between workers, when a request belongs to another pool than the connection it came on.
//!
//! The supervisor makes a socket pair for the gateway and each worker behind it; nobody else can speak there. What is
//! handed over is kept until the other side has said that it has it, so that a process that ends takes nothing with it
//! that it had not begun to serve.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `client` | what is told of a client whose requests another worker answers |
//! | `post` | what is on its way in one direction |
//! | `worker` | the worker's end |

mod client;
mod post;
mod worker;

pub(crate) use client::ClientSpec;
pub(crate) use post::{Closed, Parcel, Post};
pub(crate) use worker::Strays;

use serde::{Deserialize, Serialize};

/// Names a pool for the life of the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct PoolId(pub(crate) u32);

/// Gateway to worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum ToWorker {
    /// The connection of a client, of which nothing has been read; it was accepted from the listener of this number.
    Client(usize),
    /// A connection over which another worker sends the requests of this client.
    Relayed(ClientSpec),
    /// Another worker has taken the place of that pool's.
    Moved(PoolId),
    /// So many strays have been taken over.
    Taken(usize),
}

/// Worker to gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum ToGateway {
    /// A connection over which the requests of this client are sent to that pool's worker.
    Stray(PoolId, ClientSpec),
    /// So many connections have been taken over.
    Taken(usize),
}
