//! What children print: relayed to our own stdout and stderr, the last of it kept, and written to files.

mod file_name;
mod log_file;
mod rotating;
mod sink;
mod tail;

pub use log_file::{LogFile, LogFileError, LogFileOptions};
pub use sink::{Sink, Source};
pub use tail::Tail;
