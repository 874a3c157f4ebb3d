//! The operating system as Mews uses it: child processes of our own binary and of others, the channel
//! that talks to the former and hands descriptors over, what they print, where they listen, and signals.
//!
//! No policy: who is started when, and what an exit means, is decided elsewhere.

pub mod accounts;
pub mod cgroup;
pub mod child;
pub mod confinement;
pub mod descendants;
mod ending;
pub mod exit;
pub mod handoff;
pub mod identity;
pub mod listening;
pub mod memory;
pub mod output;
pub mod port;
mod procfs;
pub mod program;
pub mod signals;
mod sys;
pub mod systemd;
#[cfg(test)]
mod testing;

pub use sys::gssapi;
