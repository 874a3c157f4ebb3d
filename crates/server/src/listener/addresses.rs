//! How many connections each client's address has. It is the address of the other end of the connection: behind a proxy, that
//! of the proxy.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use crate::sync::lock;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Addresses {
    /// 0 = without a limit: nothing is counted.
    most: usize,
    open: Mutex<HashMap<Network, usize>>,
}

/// What is counted as one address: whoever has one of IPv6 has the 2^64 of its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

impl Network {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

/// What becomes of a new connection.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It is served; with its place, where places are counted.
    Served(Option<Place>),
    /// It is told that there are too many.
    Refused(Place),
    /// There are too many of those already: it is closed.
    Dropped,
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    addresses: Arc<Addresses>,
    network: Network,
}

impl Addresses {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, open: Mutex::default() })
    }

    /// A connection from this address has come.
    pub(crate) fn admit(self: &Arc<Self>, remote: Option<SocketAddr>) -> Admission {
        let Some(remote) = remote.filter(|_| self.most != 0) else { return Admission::Served(None) };
        let network = Network::of(remote.ip());
        let mut open = lock(&self.open);
        let count = open.entry(network).or_default();
        // Those that are told stay for a moment, and are not to be what fills the server.
        if *count >= self.most.saturating_mul(2) {
            return Admission::Dropped;
        }
        *count += 1;
        let place = Place { addresses: Arc::clone(self), network };
        if *count > self.most { Admission::Refused(place) } else { Admission::Served(Some(place)) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = lock(&self.addresses.open).entry(self.network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Option<SocketAddr> {
        Some(SocketAddr::new(address.parse().unwrap(), 1))
    }

    #[test]
    fn places_are_counted_by_network() {
        let addresses = Addresses::new(2);
        let served = |address: &str| match addresses.admit(from(address)) {
            Admission::Served(place) => Ok(place),
            other => Err(other),
        };
        let first = [served("10.0.0.1").unwrap(), served("::ffff:10.0.0.1").unwrap()];
        let refused = served("10.0.0.1").unwrap_err();
        assert!(matches!(refused, Admission::Refused(_)), "{refused:?}");
        let _other = served("10.0.0.2").unwrap();
        let _network = [served("2001:db8::1").unwrap(), served("2001:db8::ffff:2").unwrap()];
        assert!(served("2001:db8:0:0:9::").is_err());
        let _neighbour = served("2001:db8:0:1::1").unwrap();
        // Those that are told are bounded as well.
        let told = served("10.0.0.1").unwrap_err();
        assert!(matches!(told, Admission::Refused(_)), "{told:?}");
        assert!(matches!(served("10.0.0.1"), Err(Admission::Dropped)));
        drop((refused, told));
        assert!(served("10.0.0.1").is_err());
        drop(first);
        assert!(served("10.0.0.1").is_ok());
    }

    #[test]
    fn nothing_is_kept_of_those_that_have_gone() {
        let addresses = Addresses::new(1);
        drop(addresses.admit(from("10.0.0.1")));
        assert!(lock(&addresses.open).is_empty());
        let unlimited = Addresses::new(0);
        assert!(matches!(unlimited.admit(from("10.0.0.1")), Admission::Served(None)));
        assert!(matches!(addresses.admit(None), Admission::Served(None)));
    }
}
