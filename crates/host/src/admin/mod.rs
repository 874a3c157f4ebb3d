//! `mews status`, `start`, `stop`, `recycle` and `reload`: commands to a running `mews serve`, over a Unix socket that
//! belongs to its user.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `protocol` | what is asked and answered: one line of JSON each way |
//! | `socket` | where the socket is, and who may connect |
//! | `client` | the commands |
//! | `table` | status for people |

mod client;
mod protocol;
mod socket;
mod table;

pub(crate) use client::run;
pub(crate) use protocol::{
    Answer, Command, FailureStatus, LeavingStatus, MOST_REQUEST, Outcome, PoolStatus, RecycleStatus, Request,
    Status,
};
pub(crate) use socket::{ControlSocket, may_command, path};
