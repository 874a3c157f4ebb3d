//! Processes as `/proc` shows them. Whatever cannot be read is as if it were not there: processes end
//! while they are looked at, and other users' are not ours to read.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;

use rustix::process::Pid;

/// A process at the moment of the look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) group: u32,
    /// When it started, in clock ticks since boot; tells it from another with the same number.
    pub(crate) started: u64,
    /// It has ended and waits for its parent to take notice.
    pub(crate) ended: bool,
}

/// This process's own id.
pub(crate) fn own_pid() -> u32 {
    std::process::id()
}

/// As the system calls want it; `None` for what is no process id.
pub(crate) fn raw(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// One process.
pub(crate) fn entry(pid: u32) -> Option<Entry> {
    // Longer than any: the name has at most 64 bytes, the 50 numbers at most 20 digits each.
    let mut bytes = [0; 1200];
    let length = read_start(&format!("/proc/{pid}/stat"), &mut bytes).ok()?;
    parse_stat(bytes.get(..length)?)
}

/// Every process.
pub(crate) fn entries() -> Vec<Entry> {
    pids().filter_map(entry).collect()
}

/// The numbers of every process.
pub(crate) fn pids() -> impl Iterator<Item = u32> {
    let folder = fs::read_dir("/proc").into_iter().flatten().flatten();
    folder.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()))
}

/// Its short name (at most 15 bytes), as `ps` shows it.
pub(crate) fn name(pid: u32) -> Option<String> {
    let text = fs::read(format!("/proc/{pid}/comm")).ok()?;
    let text = String::from_utf8_lossy(&text);
    // Anybody may choose its own: nothing of it may move a terminal's cursor.
    let plain: String = text.trim().chars().filter(|c| !c.is_control()).collect();
    (!plain.is_empty()).then_some(plain)
}

/// The value of a variable in the environment that the process was started with.
pub(crate) fn variable(pid: u32, name: &str) -> Option<Vec<u8>> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut all = environment.split(|&byte| byte == 0);
    all.find_map(|one| Some(one.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?.to_vec()))
}

/// The inodes of the sockets that the process has open.
///
/// # Errors
/// When there is no such process, or it is not ours to look at.
pub(crate) fn sockets(pid: u32) -> io::Result<impl Iterator<Item = u64>> {
    let folder = fs::read_dir(format!("/proc/{pid}/fd"))?;
    let targets = folder.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    Ok(targets.filter_map(|target| {
        let inode = target.as_os_str().as_bytes().strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
        std::str::from_utf8(inode).ok()?.parse().ok()
    }))
}

/// Reads the start of a file; `/proc` hands out one line in one go.
fn read_start(path: &str, into: &mut [u8]) -> io::Result<usize> {
    File::open(path)?.read(into)
}

/// The second column is the name in parentheses, which may itself hold spaces and parentheses.
fn parse_stat(line: &[u8]) -> Option<Entry> {
    let (before, after) = line.split_at(line.iter().rposition(|&byte| byte == b')')?);
    let pid = std::str::from_utf8(before.split(|&byte| byte == b' ').next()?).ok()?.parse().ok()?;
    let line = std::str::from_utf8(after.get(1..)?).ok()?;
    let mut columns = line.split_ascii_whitespace();
    let ended = matches!(columns.next()?, "Z" | "X" | "x");
    let parent = columns.next()?.parse().ok()?;
    let group = columns.next()?.parse().ok()?;
    let started = columns.nth(16)?.parse().ok()?;
    Some(Entry { pid, parent, group, started, ended })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_is_read_whatever_the_name() {
        let numbers =
            "10 20 30 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 12 0 987654321 270397440 17 18446744073709551615";
        for name in ["sh", "a) S 1 2 (b", "", ") Z"] {
            let line = format!("4711 ({name}) S {numbers}\n");
            let expected = Entry { pid: 4711, parent: 10, group: 20, started: 987_654_321, ended: false };
            assert_eq!(parse_stat(line.as_bytes()), Some(expected), "{name}");
        }
        assert!(parse_stat(format!("1 (x) Z {numbers}").as_bytes()).unwrap().ended);
        for broken in ["", "1 (x", "1 (x)", "1 (x) S 1 2 3", "x (x) S 1 2 3 4"] {
            assert_eq!(parse_stat(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn this_process_is_found() {
        let own = entry(own_pid()).unwrap();
        assert_eq!(own.pid, own_pid());
        assert!(!own.ended && own.started > 0);
        assert_eq!(own.parent, std::os::unix::process::parent_id());
        assert!(entries().contains(&own));
        assert!(name(own_pid()).is_some());
        assert_eq!(entry(u32::MAX), None);
        let path = std::env::var_os("PATH").unwrap();
        assert_eq!(variable(own_pid(), "PATH").unwrap(), path.as_bytes());
        assert_eq!(variable(own_pid(), "PAT"), None);
    }
}
