//! Whether a program serves its port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Listener, diag, has_one, holder_of, of, on_port};
use crate::procfs;

/// What is known about a port that somebody should listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Nobody listens yet.
    NotYet,
    /// One of the processes listens where 127.0.0.1 reaches it, and nobody else does.
    Ready {
        /// The process that listens.
        pid: u32,
    },
    /// Another process would get what is sent to 127.0.0.1.
    Foreign {
        /// The process, if it can be found.
        pid: Option<u32>,
        /// Its short name, or what can be said about it.
        name: String,
    },
    /// One of the processes listens on the port, but IPv4 does not reach it. It may yet listen properly.
    OnlyIpv6 {
        /// The process that listens.
        pid: u32,
    },
    /// The processes listen, but on these addresses only. They may yet listen properly.
    Elsewhere(Vec<SocketAddr>),
}

/// Whether one of `pids` listens on `port` where 127.0.0.1 reaches it (127.0.0.1, 0.0.0.0 or a dual-stack `[::]`);
/// otherwise what is there instead. Processes that the given ones have started are as good.
///
/// If `/proc` cannot be read the answer is [`Readiness::NotYet`]; [`on_port`] has the error.
pub fn readiness(port: u16, pids: &[u32]) -> Readiness {
    match readiness_of(port, || pids.to_vec()) {
        Readiness::NotYet => elsewhere(pids),
        known => known,
    }
}

/// As [`readiness`], but asks for the processes only if somebody listens on the port, and looks for nothing else.
pub(crate) fn readiness_of(port: u16, pids: impl FnOnce() -> Vec<u32>) -> Readiness {
    let Ok(listeners) = on_port(port) else { return Readiness::NotYet };
    if listeners.is_empty() {
        return Readiness::NotYet;
    }
    let pids = pids();
    let reached = reached_by_loopback(&listeners);
    if reached.is_empty() {
        return out_of_reach(&listeners, &pids);
    }
    let mut first = None;
    for listener in reached {
        match owner(listener, &pids) {
            Some(pid) => first = first.or(Some(pid)),
            None => return foreign(port, listener, &pids),
        }
    }
    first.map_or(Readiness::NotYet, |pid| Readiness::Ready { pid })
}

/// Those that the kernel would choose from for a connection to 127.0.0.1: the more exactly an address is given,
/// the better. Several only if they share it (SO_REUSEPORT).
fn reached_by_loopback(listeners: &[Listener]) -> Vec<&Listener> {
    let any = |wanted: IpAddr| -> Vec<&Listener> {
        listeners.iter().filter(|listener| listener.address.ip() == wanted).collect()
    };
    for address in [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED] {
        let found = any(IpAddr::V4(address));
        if !found.is_empty() {
            return found;
        }
    }
    let mut found = any(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    found.retain(|listener| !diag::is_v6_only(listener.inode));
    found
}

fn owner(listener: &Listener, pids: &[u32]) -> Option<u32> {
    pids.iter().copied().find(|&pid| has_one(pid, &[listener.inode]))
}

/// None of `pids` has the socket open.
fn foreign(port: u16, listener: &Listener, pids: &[u32]) -> Readiness {
    let Some(holder) = holder_of(&[listener.inode]) else {
        let again = on_port(port).unwrap_or_default();
        if !again.iter().any(|other| other.inode == listener.inode) {
            // It was closed while we looked.
            return Readiness::NotYet;
        }
        let name = format!("a process of the user with id {}", listener.user);
        return Readiness::Foreign { pid: None, name };
    };
    if came_from(holder.pid, pids) {
        return Readiness::Ready { pid: holder.pid };
    }
    Readiness::Foreign { pid: Some(holder.pid), name: holder.name }
}

/// Whether a process that was started after `pids` were listed is below one of them, or in its process group.
fn came_from(pid: u32, pids: &[u32]) -> bool {
    let mut next = pid;
    // Longer than any chain of parents; a number that is reused while we look could otherwise make a circle.
    for _ in 0..64 {
        let Some(entry) = procfs::entry(next) else { return false };
        if pids.contains(&entry.pid) || pids.contains(&entry.parent) || pids.contains(&entry.group) {
            return true;
        }
        if entry.parent <= 1 {
            return false;
        }
        next = entry.parent;
    }
    false
}

/// Somebody listens on the port, but 127.0.0.1 does not lead there. A stranger who does is not in the way.
fn out_of_reach(listeners: &[Listener], pids: &[u32]) -> Readiness {
    let v6 = listeners.iter().filter(|listener| listener.address.is_ipv6());
    match v6.into_iter().find_map(|listener| owner(listener, pids)) {
        Some(pid) => Readiness::OnlyIpv6 { pid },
        None => Readiness::NotYet,
    }
}

fn elsewhere(pids: &[u32]) -> Readiness {
    let addresses: Vec<SocketAddr> = of(pids).iter().map(|listening| listening.address).collect();
    if addresses.is_empty() { Readiness::NotYet } else { Readiness::Elsewhere(addresses) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};
    use std::net::{SocketAddrV6, TcpListener};
    use std::os::fd::OwnedFd;

    fn own() -> u32 {
        std::process::id()
    }

    fn ready() -> Readiness {
        Readiness::Ready { pid: own() }
    }

    /// A listener on `[address]:port`, which can take IPv4 too or not; `None` where there is no IPv6.
    fn v6(address: Ipv6Addr, only: bool) -> Option<(OwnedFd, u16)> {
        let socket = socket(AddressFamily::INET6, SocketType::STREAM, None).ok()?;
        sockopt::set_ipv6_v6only(&socket, only).ok()?;
        bind(&socket, &SocketAddrV6::new(address, 0, 0, 0)).ok()?;
        listen(&socket, 1).unwrap();
        let address = SocketAddr::try_from(rustix::net::getsockname(&socket).unwrap()).unwrap();
        Some((socket, address.port()))
    }

    #[test]
    fn what_loopback_reaches_is_ready() {
        for address in ["127.0.0.1:0", "0.0.0.0:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let port = listener.local_addr().unwrap().port();
            assert_eq!(readiness(port, &[own()]), ready(), "{address}");
        }
        let Some((_socket, port)) = v6(Ipv6Addr::UNSPECIFIED, false) else {
            eprintln!("no IPv6 on this machine: only IPv4 was tested");
            return;
        };
        assert_eq!(readiness(port, &[own()]), ready());
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        let (_socket, port) = v6(mapped, false).unwrap();
        assert_eq!(readiness(port, &[own()]), ready());
    }

    #[test]
    fn what_only_ipv6_reaches_is_not() {
        let Some((_socket, port)) = v6(Ipv6Addr::LOCALHOST, false) else {
            eprintln!("no IPv6 on this machine: nothing to test");
            return;
        };
        assert_eq!(readiness(port, &[own()]), Readiness::OnlyIpv6 { pid: own() });
        let (_socket, port) = v6(Ipv6Addr::UNSPECIFIED, true).unwrap();
        assert_eq!(readiness(port, &[own()]), Readiness::OnlyIpv6 { pid: own() });
        // Nor is a stranger there in anybody's way.
        assert_eq!(readiness(port, &[]), Readiness::NotYet);
    }

    #[test]
    fn another_address_or_port_is_elsewhere() {
        let listener = TcpListener::bind("127.8.7.6:0").unwrap();
        let address = listener.local_addr().unwrap();
        let Readiness::Elsewhere(addresses) = readiness(address.port(), &[own()]) else { panic!() };
        assert!(addresses.contains(&address));
        let free = crate::port::free_port(10_000..=30_000, 100).unwrap();
        let Readiness::Elsewhere(addresses) = readiness(free, &[own()]) else { panic!() };
        assert!(addresses.contains(&address));
        assert_eq!(readiness(free, &[]), Readiness::NotYet);
        assert_eq!(readiness_of(free, || panic!("asked")), Readiness::NotYet);
    }

    #[test]
    fn a_stranger_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let Readiness::Foreign { pid, name } = readiness(port, &[u32::MAX]) else { panic!() };
        assert_eq!(pid, Some(own()));
        assert_eq!(Some(name), procfs::name(own()));
        // Not what is not loopback's first choice.
        let parent = std::os::unix::process::parent_id();
        assert_eq!(readiness(port, &[parent]), ready(), "a child of the given process is as good");
    }

    #[test]
    fn the_exact_address_wins() {
        let listener =
            |address: &str| Listener { address: address.parse().unwrap(), inode: 1, user: 0, waiting: 0 };
        let all = [listener("[::1]:80"), listener("0.0.0.0:80"), listener("127.0.0.1:80")];
        assert_eq!(reached_by_loopback(&all), [&all[2]]);
        assert_eq!(reached_by_loopback(&all[..2]), [&all[1]]);
        assert!(reached_by_loopback(&all[..1]).is_empty());
    }
}
