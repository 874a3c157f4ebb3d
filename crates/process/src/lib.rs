//! The operating system as Mews uses it: child processes of our own binary, the channel that talks to
//! them and hands descriptors over, what they print, and signals.
//!
//! No policy: who is started when, and what an exit means, is decided elsewhere.
#![forbid(unsafe_code)]

pub mod child;
pub mod exit;
pub mod handoff;
pub mod output;
pub mod signals;
