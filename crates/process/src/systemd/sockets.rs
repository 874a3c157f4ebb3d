//! Listening sockets that the service manager has opened (socket activation).

use std::net::{SocketAddr, TcpListener};
use std::os::fd::{OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::net::sockopt::{socket_acceptconn, socket_domain};
use rustix::net::{AddressFamily, SocketType, sockopt::socket_type};

use crate::sys;

/// The number of the first passed descriptor; 0 to 2 are stdin, stdout and stderr.
const FIRST: RawFd = 3;
/// More than anybody passes.
const MOST: RawFd = 4096;

/// A listening socket that was passed.
#[derive(Debug)]
pub struct Passed {
    /// What the manager calls it (`FileDescriptorName=`, by default the name of the socket unit).
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// The socket. Non-blocking, and closed in what this process starts.
    pub listener: TcpListener,
}

/// What was passed cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PassedError {
    /// `LISTEN_FDS` is no number.
    #[error("LISTEN_FDS={0} is not a number of descriptors; let the service manager set it")]
    Count(String),
    /// There is no descriptor of that number.
    #[error("LISTEN_FDS announces descriptor {0}, which is not open; let the service manager set it")]
    NotOpen(RawFd),
    /// It is something else.
    #[error(
        "the socket unit {name} passes descriptor {number}, which is no listening TCP socket ({what}); \
         only ListenStream= with an address and a port can be used"
    )]
    NoListener {
        /// What the manager calls it.
        name: String,
        /// Its number.
        number: RawFd,
        /// What it is, or what the system said.
        what: String,
    },
}

/// Takes the sockets that were passed to this process. There are none without a service manager, and none the second time.
///
/// To be called before anything else is opened.
///
/// # Errors
/// When what was passed is not what mews can listen on.
pub fn take() -> Result<Vec<Passed>, PassedError> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let variable = |name| std::env::var(name).unwrap_or_default();
    let meant = variable("LISTEN_PID").parse() == Ok(std::process::id());
    if !meant || TAKEN.swap(true, Ordering::AcqRel) {
        return Ok(Vec::new());
    }
    let count = variable("LISTEN_FDS");
    let count = match count.parse::<RawFd>() {
        Ok(number @ 0..=MOST) => number,
        _ => return Err(PassedError::Count(count)),
    };
    let names = variable("LISTEN_FDNAMES");
    let mut names = names.split(':');
    // All of them first: what is not taken would reach every child.
    let all: Vec<(RawFd, String, Option<OwnedFd>)> = (FIRST..FIRST + count)
        .map(|number| (number, names.next().unwrap_or("unknown").to_owned(), sys::adopt(number)))
        .collect();
    all.into_iter()
        .map(|(number, name, descriptor)| {
            let descriptor = descriptor.ok_or(PassedError::NotOpen(number))?;
            listener(descriptor).map_or_else(
                |what| Err(PassedError::NoListener { name: name.clone(), number, what }),
                |(address, listener)| Ok(Passed { name: name.clone(), address, listener }),
            )
        })
        .collect()
}

fn listener(descriptor: OwnedFd) -> Result<(SocketAddr, TcpListener), String> {
    let text = |error: rustix::io::Errno| error.to_string();
    let family = socket_domain(&descriptor).map_err(text)?;
    if family != AddressFamily::INET && family != AddressFamily::INET6 {
        return Err("it is not of the internet".to_owned());
    }
    if socket_type(&descriptor).map_err(text)? != SocketType::STREAM {
        return Err("it takes datagrams".to_owned());
    }
    if !socket_acceptconn(&descriptor).map_err(text)? {
        return Err("it does not listen".to_owned());
    }
    let listener = TcpListener::from(descriptor);
    listener.set_nonblocking(true).map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    Ok((address, listener))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd as _;

    #[test]
    fn only_listening_tcp_sockets_are_taken() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let expected = socket.local_addr().unwrap();
        let (address, listener) = listener(socket.into()).unwrap();
        assert_eq!(address, expected);
        assert!(listener.accept().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(super::listener(datagrams.into()).unwrap_err().contains("datagrams"));
        let connected = std::net::TcpStream::connect(address).unwrap();
        assert!(super::listener(connected.into()).unwrap_err().contains("does not listen"));
        let (unix, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(super::listener(unix.into()).is_err());
    }

    #[test]
    fn nothing_is_taken_that_was_not_passed() {
        assert!(take().unwrap().is_empty());
        let file = tempfile::tempfile().unwrap();
        assert!(sys::adopt(4000).is_none());
        drop(sys::adopt(rustix::io::dup(&file).map(std::os::fd::IntoRawFd::into_raw_fd).unwrap()));
        assert!(file.as_raw_fd() >= 0);
    }
}
