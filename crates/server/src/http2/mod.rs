//! HTTP/2 (RFC 9113) for servers: frames, header compression, streams, and what a client may not do.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `task` | a connection's task: its turns, its times, its end |
//! | `conn` | what the task and other threads share; sending; the hook for when the task is stuck |
//! | `receiver`, `frames` | taking frames apart, and what each does |
//! | `head`, `requests` | from a header block to a running handler |
//! | `calls` | what exchanges ask for |
//! | `state`, `stream`, `pending` | streams, windows, and what waits for them |
//! | `respond`, `sending` | responses into frames |
//! | `budget` | how much of what asks for nothing is put up with |
//! | `hpack` | header compression |
//!
//! Framing is our own, as with HTTP/1.1: responses are made of the handler's memory directly into frames by whichever
//! thread has them, one write carries the answers of many streams, and each limit has a place where it is counted.

mod budget;
mod calls;
mod conn;
mod frame;
mod frames;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod head;
mod hpack;
mod keep_alive;
mod pending;
mod receiver;
mod requests;
mod respond;
mod sending;
mod state;
mod stream;
mod task;

pub(crate) use conn::Connection;
pub(crate) use frame::PREFACE;
pub(crate) use task::connection;
