//! A handler around another one: who sends a request, and whether they may, as `web.config` asks for it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `authority` | who judges tokens and passwords: the host implements it |
//! | `handler` | the way of a request, until it is answered or handed on with its user |
//! | `decision` | what becomes of a request, as far as that can be told at once |
//! | `verdict` | what is found of tokens and passwords, on a thread that may wait |
//! | `rules` | what counts for which path |
//! | `certificate` | client certificates, read |
//! | `deferred` | a request whose credentials are judged on another thread |
//! | `jobs` | how many are judged at the same time |
//! | `slot` | what a connection has proved |
//! | `halves` | how many handshakes may be half done |
//! | `passwords` | the passwords that were right a moment ago |
//!
//! What is decided is decided in `mews_model::authentication`.

mod authority;
mod certificate;
mod decision;
mod deferred;
mod halves;
mod handler;
mod jobs;
mod passwords;
mod rules;
mod slot;
mod verdict;

pub use authority::{Authority, Context, Denied, Leg};
pub use handler::{AuthenticationHandler, AuthenticationOptions};
