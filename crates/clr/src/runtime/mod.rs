//! Threads that enter managed code, and the one that runs the app's `Main`.

mod altstack;
mod runtime_thread;

pub use altstack::{SIGNAL_STACK_BYTES, prepare_thread};
pub use runtime_thread::{DEFAULT_STACK_BYTES, RuntimeThread};
