//! The listening sockets: bound by the supervisor before anything is started, and never closed by a
//! worker's end. Connections wait in the kernel's queue until some worker accepts them.

mod address;
mod passed;

pub(crate) use address::{Listening, Wanted, listen, specs};
pub(crate) use passed::{Passed, UnwantedSocket};

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use mews_model::url::{ListenHost, ListenUrl};
use mews_process::listening;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait for a worker; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 1024;
/// `localhost` with any free port needs one that is free in both families.
const TRIES: usize = 16;

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Bound {
    /// The URL with the real port.
    pub(crate) url: String,
    /// The socket. Non-blocking.
    pub(crate) socket: TcpListener,
}

/// An address that cannot be listened on: which, why, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {url}: {problem}")]
pub(crate) struct BindError {
    url: String,
    problem: String,
}

/// Whether all of these could be listened on now.
pub(crate) fn check(urls: &[ListenUrl]) -> Result<(), BindError> {
    let none = Passed::default();
    let bound: Result<Vec<_>, _> = urls.iter().map(|url| bind_beside(url, urls, &none)).collect();
    bound.map(drop)
}

/// Binds the sockets of one URL of the list `all`.
fn bind_beside(url: &ListenUrl, all: &[ListenUrl], passed: &Passed) -> Result<Vec<Bound>, BindError> {
    let sockets = bind_url(url, all, passed)
        .map_err(|(address, error)| BindError { url: url.to_string(), problem: explain(&error, address) })?;
    let bound = sockets.into_iter().map(|socket| {
        let port = socket.local_addr().map_or(url.port, |address| address.port());
        Bound { url: ListenUrl { port, ..url.clone() }.to_string(), socket }
    });
    Ok(bound.collect())
}

/// The URLs of all sockets, each once.
fn urls(bound: &[Bound]) -> Vec<String> {
    let mut urls: Vec<String> = bound.iter().map(|bound| bound.url.clone()).collect();
    urls.dedup();
    urls
}

type Failed = (SocketAddr, io::Error);

fn bind_url(url: &ListenUrl, all: &[ListenUrl], passed: &Passed) -> Result<Vec<TcpListener>, Failed> {
    let open = |address: SocketAddr, v6_only| match passed.take(address) {
        Some(listener) => Ok(listener),
        None => open(address, v6_only),
    };
    match &url.host {
        ListenHost::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => {
            // As with Kestrel, [::] takes IPv4 connections too, unless the list has another use for them.
            let v4 = ListenHost::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            let only = all.iter().any(|other| other.host == v4 && other.port == url.port);
            Ok(vec![open(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), url.port), only)?])
        }
        ListenHost::Ip(ip) => Ok(vec![open(SocketAddr::new(*ip, url.port), true)?]),
        ListenHost::Any | ListenHost::Name(_) => {
            let any = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), url.port);
            match open(any, false) {
                Err((_, error)) if no_such_family(&error) => {
                    Ok(vec![open(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), url.port), true)?])
                }
                listener => Ok(vec![listener?]),
            }
        }
        ListenHost::Localhost => localhost(url.port, open),
    }
}

fn localhost(
    port: u16,
    open: impl Fn(SocketAddr, bool) -> Result<TcpListener, Failed>,
) -> Result<Vec<TcpListener>, Failed> {
    let mut tries = if port == 0 { TRIES } else { 1 };
    loop {
        tries -= 1;
        let v4 = match open(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port), true) {
            Ok(listener) => Some(listener),
            Err((_, error)) if no_such_family(&error) => None,
            Err(failed) => return Err(failed),
        };
        let port = v4.as_ref().and_then(|v4| v4.local_addr().ok()).map_or(port, |address| address.port());
        match (open(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port), true), v4) {
            (Ok(v6), v4) => return Ok(v4.into_iter().chain([v6]).collect()),
            (Err((_, error)), Some(v4)) if no_such_family(&error) => return Ok(vec![v4]),
            (Err((_, error)), Some(_)) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            (Err(failed), _) => return Err(failed),
        }
    }
}

fn open(address: SocketAddr, v6_only: bool) -> Result<TcpListener, Failed> {
    let bind = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(v6_only)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    bind().map_err(|error| (address, error))
}

/// The machine has no IPv6 (or no IPv4), or no loopback address of that family.
fn no_such_family(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(errno, Some(rustix::io::Errno::AFNOSUPPORT | rustix::io::Errno::ADDRNOTAVAIL))
}

fn explain(error: &io::Error, address: SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let holder = match listening::holder(address.port()) {
                Some(holder) if holder.pid == std::process::id() => {
                    return "another URL of the list has the same port on the same addresses; drop one"
                        .to_owned();
                }
                Some(holder) => format!(" by {} (pid {})", holder.name, holder.pid),
                None => String::new(),
            };
            format!("the address is in use{holder}; stop that, or choose another port with --urls")
        }
        io::ErrorKind::PermissionDenied if address.port() < 1024 => format!(
            "port {} needs privileges; choose a port from 1024 on with --urls, or give the mews binary the \
             capability CAP_NET_BIND_SERVICE",
            address.port()
        ),
        io::ErrorKind::AddrNotAvailable => {
            format!("this machine has no address {}; choose one of its own, or *", address.ip())
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mews_model::url::parse_urls;

    fn open(text: &str) -> Result<Vec<Bound>, BindError> {
        let urls = parse_urls(text).unwrap();
        bind_beside(&urls[0], &urls, &Passed::default())
    }

    #[test]
    fn any_free_port_is_told() {
        let bound = open("http://127.0.0.1:0").unwrap();
        let port = bound[0].socket.local_addr().unwrap().port();
        assert_ne!(port, 0);
        assert_eq!(urls(&bound), [format!("http://127.0.0.1:{port}")]);
    }

    #[test]
    fn localhost_is_one_url_with_one_port() {
        let bound = open("http://localhost:0").unwrap();
        let ports: Vec<u16> = bound.iter().map(|b| b.socket.local_addr().unwrap().port()).collect();
        assert!(ports.iter().all(|port| *port == ports[0]));
        assert_eq!(urls(&bound), [format!("http://localhost:{}", ports[0])]);
    }

    #[test]
    fn every_address_takes_ipv4_connections() {
        let bound = open("http://*:0").unwrap();
        let port = bound[0].socket.local_addr().unwrap().port();
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    }

    #[test]
    fn a_taken_port_is_explained() {
        let first = open("http://127.0.0.1:0").unwrap();
        let error = open(&first[0].url).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot listen on {}: ", first[0].url)), "{error}");
        // The holder is this very process.
        assert!(error.contains("another URL of the list"), "{error}");
    }

    #[test]
    fn a_foreign_address_is_explained() {
        let error = open("http://192.0.2.1:0").unwrap_err().to_string();
        assert!(error.contains("no address 192.0.2.1"), "{error}");
    }
}
