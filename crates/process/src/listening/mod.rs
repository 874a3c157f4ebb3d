//! Who listens where, over TCP, in our network namespace.
//!
//! Nothing is connected to: what is known comes from `/proc/net/tcp` and `/proc/net/tcp6`, which hold every
//! listening socket's inode, and from the descriptors of processes, which name those inodes. Another
//! user's descriptors can only be read by root.

mod diag;
mod readiness;
mod table;

pub(crate) use readiness::readiness_of;
pub use readiness::{Readiness, readiness};

use std::io;
use std::net::SocketAddr;

use crate::procfs;

/// A listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens; an IPv4 address for IPv6 sockets that are bound to one.
    pub address: SocketAddr,
    /// What identifies it in `/proc/PID/fd`.
    pub inode: u64,
    /// The id of the user who made it.
    pub user: u32,
    /// Connections that wait to be accepted.
    pub waiting: u32,
}

/// Where a process listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The address.
    pub address: SocketAddr,
    /// The process.
    pub pid: Option<u32>,
}

/// A process that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its id.
    pub pid: u32,
    /// Its short name.
    pub name: String,
}

/// Everything that listens on the port, on whatever address.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn on_port(port: u16) -> io::Result<Vec<Listener>> {
    let mut found = Vec::new();
    table::each(|listener| {
        if listener.address.port() == port {
            found.push(listener);
        }
    })?;
    Ok(found)
}

/// Where these processes listen; nothing if that cannot be read. A socket that several of them share is named once, for
/// the first.
pub fn of(pids: &[u32]) -> Vec<Listening> {
    let mut all = Vec::new();
    if table::each(|listener| all.push(listener)).is_err() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for &pid in pids {
        for inode in procfs::sockets(pid).into_iter().flatten() {
            if let Some(at) = all.iter().position(|listener| listener.inode == inode) {
                found.push(Listening { address: all.swap_remove(at).address, pid: Some(pid) });
            }
        }
    }
    found
}

/// A process that listens on the port, on whatever address: for a message. Without privileges only our own user's
/// processes can be found.
pub fn holder(port: u16) -> Option<Holder> {
    let inodes: Vec<u64> = on_port(port).ok()?.iter().map(|listener| listener.inode).collect();
    holder_of(&inodes)
}

/// A process that has one of these sockets open.
fn holder_of(inodes: &[u64]) -> Option<Holder> {
    if inodes.is_empty() {
        return None;
    }
    let pid = procfs::pids().find(|&pid| has_one(pid, inodes))?;
    Some(Holder { pid, name: procfs::name(pid).unwrap_or_else(|| "a process".to_owned()) })
}

fn has_one(pid: u32, inodes: &[u64]) -> bool {
    procfs::sockets(pid).is_ok_and(|mut sockets| sockets.any(|inode| inodes.contains(&inode)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    fn listener(address: &str) -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[test]
    fn our_own_listener_is_found() {
        let (_socket, address) = listener("127.0.0.1:0");
        let found = on_port(address.port()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].address, address);
        assert_eq!(found[0].user, rustix::process::geteuid().as_raw());
        let holder = holder(address.port()).unwrap();
        assert_eq!(holder.pid, std::process::id());
        assert!(!holder.name.is_empty());
        let own = of(&[std::process::id()]);
        assert!(own.contains(&Listening { address, pid: Some(std::process::id()) }), "{own:?}");
        assert!(of(&[]).is_empty() && of(&[u32::MAX]).is_empty());
    }

    #[test]
    fn a_connection_and_a_closed_listener_do_not_listen() {
        let (socket, address) = listener("127.0.0.1:0");
        let client = TcpStream::connect(address).unwrap();
        let accepted = socket.accept().unwrap();
        drop(socket);
        assert!(on_port(address.port()).unwrap().is_empty());
        assert!(on_port(client.local_addr().unwrap().port()).unwrap().is_empty());
        assert_eq!(holder(address.port()), None);
        drop(accepted);
    }
}
