//! Sockets that the service manager has opened for us (socket activation). It keeps them when we end, so that connections
//! wait while we are restarted.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};

use mews_process::systemd::{self, PassedError};

/// The sockets that were passed and that nobody has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Passed(Mutex<Vec<systemd::Passed>>);

/// A socket that nothing listens for.
#[derive(Debug, thiserror::Error)]
#[error(
    "the service manager passes the socket {address} ({name}), which is the address of no binding; bindings listen on \
     {bindings}. Make ListenStream= in the socket unit the address of a binding, or add a binding"
)]
pub(crate) struct UnwantedSocket {
    name: String,
    address: SocketAddr,
    bindings: String,
}

impl Passed {
    /// Those of this process. To be called before anything else is opened.
    pub(crate) fn of_process() -> Result<Self, PassedError> {
        systemd::take().map(|passed| Self(Mutex::new(passed)))
    }

    /// Whether there are some.
    pub(crate) fn any(&self) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The socket of this address.
    pub(super) fn take(&self, address: SocketAddr) -> Option<TcpListener> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all.iter().position(|passed| passed.address == address)?;
        Some(all.swap_remove(at).listener)
    }

    /// Whether all of them have been taken. `bound` is what is listened on.
    pub(crate) fn all_taken(&self, bound: impl Iterator<Item = SocketAddr>) -> Result<(), UnwantedSocket> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(left) = all.first() else { return Ok(()) };
        let bindings: Vec<String> = bound.map(|address| address.to_string()).collect();
        Err(UnwantedSocket { name: left.name.clone(), address: left.address, bindings: bindings.join(", ") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listeners::{Wanted, listen};
    use mews_model::url::parse_url;

    fn passed(listener: TcpListener) -> Passed {
        let address = listener.local_addr().unwrap();
        Passed(Mutex::new(vec![systemd::Passed { name: "mews.socket".to_owned(), address, listener }]))
    }

    #[test]
    fn a_socket_is_taken_for_its_address_only() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let passed = passed(socket);
        let other = [Wanted { listen: parse_url("http://127.0.0.1:0").unwrap(), tls: None }];
        let listening = listen(&other, &[], &passed).unwrap();
        let addresses = listening.iter().flat_map(|listening| listening.addresses());
        let error = passed.all_taken(addresses).unwrap_err().to_string();
        assert!(
            error.contains("(mews.socket)") && error.contains("bindings listen on 127.0.0.1:"),
            "{error}"
        );
        let own = [Wanted { listen: parse_url(&url).unwrap(), tls: None }];
        let listening = listen(&own, &[], &passed).unwrap();
        passed.all_taken(std::iter::empty()).unwrap();
        // Whoever waited before we came is there.
        let (_, peer) = listening[0].bound()[0].socket.accept().unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    }
}
