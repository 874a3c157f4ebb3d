//! What commands print as their result.

use std::io::{ErrorKind, Write as _};

use crate::fatal::Fatal;

/// Writes all of it. A reader that has seen enough (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), Fatal> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Fatal::failed(format!("the result cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}
