//! Whether a socket that listens on `[::]` takes IPv4, too: the one thing that `/proc` does not tell.

use std::fs;

use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

// Of <linux/netlink.h>, <linux/sock_diag.h> and <linux/inet_diag.h>; all numbers are in the machine's order.
const HEADER: usize = 16;
const REQUEST: usize = 56;
const MESSAGE: usize = 72;
const INODE_AT: usize = 68;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const INET_DIAG_SKV6ONLY: u16 = 11;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const ONLY_LISTENING: u32 = 1 << 10;

/// Whether the IPv6 socket leaves IPv4 alone. If the kernel does not say (a sandbox may keep us from asking): what
/// a socket does by default.
pub(super) fn is_v6_only(inode: u64) -> bool {
    ask(inode).ok().flatten().unwrap_or_else(|| {
        fs::read("/proc/sys/net/ipv6/bindv6only").is_ok_and(|text| text.trim_ascii() == b"1")
    })
}

/// Asks the kernel for all sockets that listen on IPv6 addresses.
fn ask(inode: u64) -> Result<Option<bool>, Errno> {
    let socket =
        socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(SOCK_DIAG))?;
    sendto(&socket, &request(), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut buffer = vec![0; 32 * 1024];
    loop {
        // The kernel has put the first answer there before the request returned, and puts the next when one is taken.
        let (read, _) = recv(&socket, buffer.as_mut_slice(), RecvFlags::DONTWAIT)?;
        match find(buffer.get(..read).unwrap_or_default(), inode) {
            Found::Answer(only) => return Ok(only),
            Found::More => {}
        }
    }
}

fn request() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + REQUEST);
    let length = u32::try_from(HEADER + REQUEST).unwrap_or_default();
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend_from_slice(&NLM_F_REQUEST_DUMP.to_ne_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&[AF_INET6, IPPROTO_TCP, 0, 0]);
    bytes.extend_from_slice(&ONLY_LISTENING.to_ne_bytes());
    // Which socket: any.
    bytes.resize(HEADER + REQUEST, 0);
    bytes
}

enum Found {
    /// Nothing more is to be read: the answer, or that there is none.
    Answer(Option<bool>),
    More,
}

fn find(mut bytes: &[u8], inode: u64) -> Found {
    while let Some((length, kind)) = header(bytes) {
        if kind == NLMSG_DONE || kind == NLMSG_ERROR {
            return Found::Answer(None);
        }
        let Some(message) = bytes.get(HEADER..length) else { return Found::Answer(None) };
        let its = message.get(INODE_AT..MESSAGE).and_then(|its| its.try_into().ok()).map(u32::from_ne_bytes);
        // The kernel's message has room for four bytes of it only.
        if its.is_some_and(|its| u64::from(its) == inode & u64::from(u32::MAX)) {
            return Found::Answer(only_v6(message.get(MESSAGE..).unwrap_or_default()));
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Found::More
}

/// The length, itself included, and the kind of the message; `None` at the end.
fn header(bytes: &[u8]) -> Option<(usize, u16)> {
    let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?);
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    let length = usize::try_from(length).ok()?;
    (length >= HEADER).then_some((length, kind))
}

/// Looks among attributes: length (with these four bytes), kind, value, padding.
fn only_v6(mut attributes: &[u8]) -> Option<bool> {
    loop {
        let length = usize::from(u16::from_ne_bytes(attributes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(attributes.get(2..4)?.try_into().ok()?);
        if length < 4 {
            return None;
        }
        if kind == INET_DIAG_SKV6ONLY {
            return attributes.get(4).map(|&value| value != 0);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(inode: u32, attributes: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(HEADER + MESSAGE + attributes.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        bytes.resize(HEADER + INODE_AT, 0);
        bytes.extend_from_slice(&inode.to_ne_bytes());
        bytes.extend_from_slice(attributes);
        bytes
    }

    fn attribute(kind: u16, value: u8) -> Vec<u8> {
        let mut bytes = 5u16.to_ne_bytes().to_vec();
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&[value, 0, 0, 0]);
        bytes
    }

    #[test]
    fn the_socket_is_found_among_others() {
        let attributes = [attribute(8, 1), attribute(INET_DIAG_SKV6ONLY, 1)].concat();
        let bytes = [message(1, &attribute(INET_DIAG_SKV6ONLY, 0)), message(2, &attributes)].concat();
        assert!(matches!(find(&bytes, 1), Found::Answer(Some(false))));
        assert!(matches!(find(&bytes, 2), Found::Answer(Some(true))));
        assert!(matches!(find(&bytes, 3), Found::More));
        assert!(matches!(find(&message(1, &[]), 1), Found::Answer(None)));
    }

    #[test]
    fn nonsense_ends() {
        for bytes in [&[][..], &[0; 40], &[255; 40], &[16, 0, 0, 0, 3, 0, 0, 0], &message(1, &[0; 8])] {
            for cut in 0..bytes.len() {
                let _ = find(&bytes[..cut], 1);
            }
            let _ = find(bytes, 1);
        }
    }
}
