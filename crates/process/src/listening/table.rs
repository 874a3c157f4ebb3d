//! The kernel's tables of TCP sockets.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Listener;

/// After so many lines in a row that are about connections the listening sockets have all been seen: Linux lists them
/// first, and a busy server has a hundred thousand connections. Others that imitate Linux mix the two.
const MOST_CONNECTIONS: usize = 512;
const LISTEN: &[u8] = b"0A";

/// Passes on every listening socket.
///
/// # Errors
/// When there is no readable table. That there is none for IPv6 is normal.
pub(super) fn each(mut found: impl FnMut(Listener)) -> io::Result<()> {
    read(File::open("/proc/net/tcp")?, &mut found)?;
    match File::open("/proc/net/tcp6") {
        Ok(table) => read(table, &mut found),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Reads one table, line by line without an allocation for each.
fn read(mut table: impl Read, found: &mut impl FnMut(Listener)) -> io::Result<()> {
    let mut buffer = [0; 8192];
    let mut held = 0;
    let mut connections = 0;
    loop {
        let Some(room) = buffer.get_mut(held..).filter(|room| !room.is_empty()) else {
            return Err(io::Error::new(ErrorKind::InvalidData, "a line of /proc/net/tcp is too long"));
        };
        let read = match table.read(room) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let filled = buffer.get(..held + read).unwrap_or_default();
        let mut rest = filled;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            match parse(line) {
                Line::Listener(listener) => {
                    connections = 0;
                    found(listener);
                }
                Line::Connection => connections += 1,
                Line::Other => {}
            }
        }
        if connections > MOST_CONNECTIONS {
            return Ok(());
        }
        let used = filled.len() - rest.len();
        held = rest.len();
        buffer.copy_within(used..used + held, 0);
    }
}

enum Line {
    Listener(Listener),
    Connection,
    /// The heading, or what is not understood.
    Other,
}

fn parse(line: &[u8]) -> Line {
    parse_columns(line).unwrap_or(Line::Other)
}

/// `sl local remote state queues timer retransmits user timeout inode …`
fn parse_columns(line: &[u8]) -> Option<Line> {
    let mut columns = line.split(|byte| *byte == b' ').filter(|column| !column.is_empty());
    let local = columns.nth(1)?;
    let state = columns.nth(1)?;
    if state != LISTEN {
        return (state.len() == LISTEN.len()).then_some(Line::Connection);
    }
    let (_, waiting) = std::str::from_utf8(columns.next()?).ok()?.split_once(':')?;
    let waiting = hexadecimal(waiting.as_bytes())?;
    let user = decimal(columns.nth(2)?)?;
    let inode = decimal(columns.nth(1)?)?;
    let user = u32::try_from(user).ok()?;
    Some(Line::Listener(Listener { address: address(local)?, inode, user, waiting }))
}

/// Words of four bytes in the machine's order, each in hexadecimal; a colon; the port.
fn address(text: &[u8]) -> Option<SocketAddr> {
    let colon = text.iter().position(|byte| *byte == b':')?;
    let (address, port) = text.split_at(colon);
    let port = u16::try_from(hexadecimal(port.get(1..)?)?).ok()?;
    let word = |digits: &[u8]| hexadecimal(digits).map(u32::to_ne_bytes);
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(address)?)),
        32 => {
            let mut bytes = [0; 16];
            for (into, digits) in bytes.chunks_exact_mut(4).zip(address.chunks_exact(8)) {
                into.copy_from_slice(&word(digits)?);
            }
            Ipv6Addr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 4711 1 0 100 0
   1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0
  10: 00000000:0050 00000000:0000 0A 00000000:0000001F 00:00000000 00000000     0        0 4713 1 0 100 0
  11: 00000000000000000000000001000000:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 4714 1
  12: 0000000000000000FFFF00000100007F:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 4715 1
  13: 0100007G:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4716 1 0 100 0
  14: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0
broken
";

    fn listeners(mut table: impl Read) -> Vec<Listener> {
        let mut found = Vec::new();
        read(&mut table, &mut |listener| found.push(listener)).unwrap();
        found
    }

    /// Hands out a few bytes at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let few = into.len().min(7);
            self.0.read(&mut into[..few])
        }
    }

    // The words of the table are in the machine's order.
    #[cfg(target_endian = "little")]
    #[test]
    fn the_table_is_read_however_it_comes() {
        let found = listeners(TABLE.as_bytes());
        let shown: Vec<String> = found
            .iter()
            .map(|one| format!("{} {} {} {}", one.address, one.inode, one.user, one.waiting))
            .collect();
        assert_eq!(
            shown,
            [
                "127.0.0.1:8080 4711 33 0",
                "0.0.0.0:80 4713 0 31",
                "[::1]:8081 4714 0 0",
                "127.0.0.1:8082 4715 0 0"
            ]
        );
        assert_eq!(listeners(Slow(TABLE.as_bytes())), found);
    }

    #[test]
    fn a_long_list_of_connections_is_not_read_to_its_end() {
        let line = TABLE.lines().nth(2).unwrap();
        let mut table: Vec<u8> = TABLE.as_bytes().to_vec();
        for _ in 0..100_000 {
            table.extend_from_slice(line.as_bytes());
            table.push(b'\n');
        }
        let mut rest = table.as_slice();
        read(&mut rest, &mut |_| {}).unwrap();
        assert!(rest.len() > table.len() / 2);
        // Some connections before a listener are not its end.
        let mixed = format!("{}{TABLE}", format!("{line}\n").repeat(100));
        assert_eq!(listeners(mixed.as_bytes()), listeners(TABLE.as_bytes()));
    }

    #[test]
    fn a_line_without_end_is_an_error() {
        let long = vec![b'x'; 100_000];
        assert!(read(long.as_slice(), &mut |_| {}).is_err());
    }
}
