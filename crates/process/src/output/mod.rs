//! What children print: relayed to our own stdout and stderr, and the last of it kept.

mod sink;
mod tail;

pub use sink::{Sink, Source};
pub use tail::Tail;
