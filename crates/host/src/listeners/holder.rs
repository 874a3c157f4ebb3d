//! Who listens on a port, as far as `/proc` tells: for a message only.

use std::fs;

/// A process that listens.
#[derive(Debug)]
pub(super) struct Holder {
    /// Its id.
    pub(super) pid: u32,
    /// Its short name.
    pub(super) name: String,
}

/// A process that listens on the port, on whatever address. Without privileges only our own user's
/// processes can be found.
pub(super) fn of_port(port: u16) -> Option<Holder> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .flat_map(|table| listening(&table, port))
        .collect();
    let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    if links.is_empty() {
        return None;
    }
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(descriptors) = fs::read_dir(entry.path().join("fd")) else { continue };
        let targets = descriptors.flatten().filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
        if targets.into_iter().any(|target| links.iter().any(|link| target.as_os_str() == link.as_str())) {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            let name = if name.trim().is_empty() { "a process" } else { name.trim() };
            return Some(Holder { pid, name: name.to_owned() });
        }
    }
    None
}

/// The inodes of listening sockets with this local port.
fn listening(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let matching = |line: &str| -> Option<String> {
        let mut columns = line.split_whitespace();
        let local = columns.nth(1)?;
        let state = columns.nth(1)?;
        let inode = columns.nth(5)?;
        let hex = local.rsplit_once(':')?.1;
        let same = u16::from_str_radix(hex, 16).ok()? == port && state == LISTEN;
        same.then(|| inode.to_owned())
    };
    table.lines().skip(1).filter_map(matching).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read() {
        let table =
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0
   1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0
   2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0
broken";
        assert_eq!(listening(table, 8080), ["4711"]);
        assert!(listening(table, 80).is_empty());
    }

    #[test]
    fn our_own_listener_is_found() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = of_port(socket.local_addr().unwrap().port()).unwrap();
        assert_eq!(holder.pid, std::process::id());
        assert!(!holder.name.is_empty());
    }
}
