//! Where the server listens.

use anyhow::{Context as _, Result};
use socket2::{Domain, Socket, Type};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// As long as Kestrel's.
const QUEUE: i32 = 512;

pub(crate) enum Place {
    /// 127.0.0.1 and the port of the environment; any port when there is none.
    AsTold,
    /// Any other port.
    OtherPort,
    /// The port, but of `[::1]` only.
    Ipv6,
}

impl Place {
    pub(crate) fn listen(self) -> Result<TcpListener> {
        let told = match std::env::var("ASPNETCORE_PORT") {
            Ok(port) => port.parse().with_context(|| format!("ASPNETCORE_PORT is {port:?}"))?,
            Err(_) => 0,
        };
        let address: SocketAddr = match self {
            Self::AsTold => (Ipv4Addr::LOCALHOST, told).into(),
            Self::OtherPort => (Ipv4Addr::LOCALHOST, 0).into(),
            Self::Ipv6 => (Ipv6Addr::LOCALHOST, told).into(),
        };
        let listener = listen(address).with_context(|| format!("listening on {address}"))?;
        crate::say(format_args!("listening on {}", listener.local_addr()?));
        Ok(listener)
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(QUEUE)?;
    Ok(socket.into())
}
