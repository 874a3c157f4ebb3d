//! Bytes in, bytes out: for requests that no client would send.

use crate::PATIENCE;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

/// How the server ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// End of stream (FIN).
    Finished,
    /// Reset (RST).
    Reset,
    /// Not at all, for as long as the harness waits.
    Open,
}

/// All that a server answered on one connection.
#[derive(Debug)]
pub struct RawAnswer {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How it ended.
    pub closed: Closed,
}

impl RawAnswer {
    /// The bytes as Latin-1.
    pub fn text(&self) -> String {
        self.bytes.iter().map(|byte| char::from(*byte)).collect()
    }

    /// The status of the first response; 0 when there is none.
    pub fn status(&self) -> u16 {
        let text = self.text();
        let status = text.strip_prefix("HTTP/1.1 ").or_else(|| text.strip_prefix("HTTP/1.0 "));
        status.and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
    }

    /// The statuses of all responses, for answers whose bodies do not contain `HTTP/1.1 `.
    pub fn statuses(&self) -> Vec<u16> {
        let text = self.text();
        text.split("HTTP/1.1 ").skip(1).filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
    }
}

/// Sends `bytes` to `port` of 127.0.0.1 and reads until the server closes; this side stays open.
///
/// # Panics
/// Nobody listens there.
pub fn raw(port: u16, bytes: &[u8]) -> RawAnswer {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the host listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit can be set");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time limit can be set");
    // A server that refuses early may close while this is under way; what it answered still counts.
    let _ = stream.write_all(bytes);
    let mut answer = RawAnswer { bytes: Vec::new(), closed: Closed::Open };
    let mut piece = [0; 16 * 1024];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => answer.closed = Closed::Finished,
            Ok(count) => {
                answer.bytes.extend(&piece[..count]);
                continue;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => answer.closed = Closed::Reset,
            Err(_) => {}
        }
        return answer;
    }
}

/// Whether `error` says that the other side ended the connection, by whatever means.
pub fn is_cut(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>()).any(|error| {
        matches!(
            error.kind(),
            ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof
        )
    })
}
