//! Choosing a port that is free.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::RangeInclusive;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::listening;

/// A random port of the range on which nobody listens, on whatever address, and which can be bound on 127.0.0.1.
/// `None` if none of that many draws was one.
///
/// Somebody else may take it before it is used; whoever uses it must look who listens there.
pub fn free_port(range: RangeInclusive<u16>, draws: u32) -> Option<u16> {
    (0..draws).find_map(|_| draw(&range).filter(|&port| is_free(port)))
}

/// A number that nobody can guess.
///
/// # Errors
/// Only when the system's generator is not available to us.
pub(crate) fn random_u64() -> io::Result<u64> {
    let mut bytes = [0; 8];
    // Eight bytes come at once or not at all.
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(u64::from_ne_bytes(bytes))
}

/// The bias of the remainder is below 2⁻⁴⁸ for a range of 2¹⁶.
fn draw(range: &RangeInclusive<u16>) -> Option<u16> {
    let width = u64::from(*range.end()).checked_sub(u64::from(*range.start()))? + 1;
    let offset = u16::try_from(random_u64().ok()? % width).ok()?;
    range.start().checked_add(offset)
}

fn is_free(port: u16) -> bool {
    let listened_on = listening::on_port(port).is_ok_and(|listeners| !listeners.is_empty());
    !listened_on && is_bindable(port)
}

/// Bound without SO_REUSEADDR and never listened on, so that nobody can connect meanwhile and nothing stays behind.
fn is_bindable(port: u16) -> bool {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    socket.is_ok_and(|socket| bind(socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn draws_stay_in_the_range_and_differ() {
        let drawn: HashSet<u16> = (0..2000).filter_map(|_| draw(&(1025..=1034))).collect();
        assert_eq!(drawn, (1025..=1034).collect());
        assert_eq!(draw(&(7..=7)), Some(7));
        assert!(draw(&(0..=u16::MAX)).is_some());
        #[expect(clippy::reversed_empty_ranges)]
        let none = draw(&(8..=7));
        assert_eq!(none, None);
    }

    #[test]
    fn a_port_that_is_taken_is_not_chosen() {
        for address in ["127.0.0.1:0", "0.0.0.0:0", "127.9.9.9:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let port = listener.local_addr().unwrap().port();
            assert_eq!(free_port(port..=port, 10), None, "{address}");
        }
        // Bound without being listened on, as the near end of a connection is.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let port = connected.local_addr().unwrap().port();
        assert_eq!(free_port(port..=port, 10), None);
    }

    #[test]
    fn a_chosen_port_can_be_used() {
        // Others use ports at the same time, also between the choice and the use.
        let used = (0..20).find_map(|_| {
            let port = free_port(10_000..=48_000, 10)?;
            TcpListener::bind(("127.0.0.1", port)).ok()
        });
        assert!((10_000..=48_000).contains(&used.unwrap().local_addr().unwrap().port()));
    }
}
