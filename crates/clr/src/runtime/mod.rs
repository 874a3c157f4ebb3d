//! Threads that enter managed code, and the one that runs the app's `Main`.

mod altstack;

pub use altstack::{SIGNAL_STACK_BYTES, prepare_thread};
