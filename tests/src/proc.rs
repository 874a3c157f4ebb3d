//! What `/proc` tells about processes: who is alive, whose child it is, what it holds open, where it listens.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// The environment variable that marks every process of one test host.
pub const MARKER: &str = "MEWS_TEST_ID";

fn entry(pid: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

fn all() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Whether every thread of a process has been stopped: the signal takes effect a little after it was sent.
pub fn is_stopped(pid: u32) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    tasks.flatten().all(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    })
}

/// State letter, parent and process group of a process; the fields after the name in parentheses, which may hold anything.
fn state_parent_and_group(pid: u32) -> Option<(char, u32, u32)> {
    let stat = fs::read_to_string(entry(pid, "stat")).ok()?;
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn state_and_parent(pid: u32) -> Option<(char, u32)> {
    state_parent_and_group(pid).map(|(state, parent, _)| (state, parent))
}

/// The living processes of a process group.
pub fn group(id: u32) -> Vec<u32> {
    let is_member = |pid: &u32| {
        state_parent_and_group(*pid)
            .is_some_and(|(state, _, group)| group == id && !matches!(state, 'Z' | 'X'))
    };
    all().into_iter().filter(is_member).collect()
}

/// Whether the process exists and is no zombie.
pub fn is_alive(pid: u32) -> bool {
    state_and_parent(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// The living processes whose environment carries the marker `id`.
pub fn marked(id: &str) -> Vec<u32> {
    let wanted = format!("{MARKER}={id}");
    let carries = |pid: &u32| {
        let environment = fs::read(entry(*pid, "environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    };
    all().into_iter().filter(|pid| is_alive(*pid)).filter(carries).collect()
}

/// The living children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let is_child =
        |other: &u32| state_and_parent(*other).is_some_and(|(state, parent)| parent == pid && state != 'Z');
    all().into_iter().filter(is_child).collect()
}

/// The living processes with an argument that contains `text`.
pub fn naming(text: &str) -> Vec<u32> {
    all().into_iter().filter(|pid| is_alive(*pid) && command_line(*pid).contains(text)).collect()
}

/// The zombies among the children of a process: it has not collected them.
pub fn zombies(pid: u32) -> Vec<u32> {
    let is_zombie =
        |other: &u32| state_and_parent(*other).is_some_and(|(state, parent)| parent == pid && state == 'Z');
    all().into_iter().filter(is_zombie).collect()
}

/// The process's arguments, with blanks between them.
pub fn command_line(pid: u32) -> String {
    let bytes = fs::read(entry(pid, "cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ").trim_end().to_owned()
}

/// What each open descriptor refers to, as `/proc` names it.
pub fn descriptors(pid: u32) -> Vec<String> {
    let Ok(entries) = fs::read_dir(entry(pid, "fd")) else { return Vec::new() };
    let mut found: Vec<String> = entries
        .flatten()
        .filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.display().to_string()))
        .collect();
    found.sort();
    found
}

/// Resident memory in KiB; 0 when the process has gone.
pub fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(entry(pid, "status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or(0)
}

/// Processor time used so far, user and system, in clock ticks; 0 when the process has gone.
pub fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(entry(pid, "stat")).unwrap_or_default();
    let Some(end) = stat.rfind(')') else { return 0 };
    let fields: Vec<&str> = stat[end + 1..].split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    number(11) + number(12)
}

/// The TCP ports on which the process holds a listening socket, IPv4 and IPv6.
pub fn listening_ports(pid: u32) -> BTreeSet<u16> {
    let held: BTreeSet<String> = descriptors(pid)
        .into_iter()
        .filter_map(|name| Some(name.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    ["net/tcp", "net/tcp6"]
        .iter()
        .flat_map(|table| {
            let text = fs::read_to_string(entry(pid, table)).unwrap_or_default();
            text.lines().skip(1).filter_map(|line| listener(line, &held)).collect::<Vec<u16>>()
        })
        .collect()
}

/// The port of a line of `/proc/net/tcp` if it is a listening socket with one of the inodes.
fn listener(line: &str, inodes: &BTreeSet<String>) -> Option<u16> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    if *fields.get(3)? != LISTEN || !inodes.contains(*fields.get(9)?) {
        return None;
    }
    u16::from_str_radix(fields.get(1)?.rsplit(':').next()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn this_process_is_seen() {
        let own = std::process::id();
        assert!(is_alive(own));
        assert!(resident_kib(own) > 0);
        assert!(command_line(own).contains("e2e"));
        assert!(marked("no such id").is_empty());
    }

    #[test]
    fn listening_sockets_are_found_by_their_inode() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(listening_ports(std::process::id()).contains(&port));
        assert!(!listening_ports(1).contains(&port));
    }
}
