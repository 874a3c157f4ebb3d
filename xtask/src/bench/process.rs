//! What `/proc` tells about a process and everything it has started: processor time and memory.

use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::time::Duration;

/// The facts of `/proc/PID/stat` that are used here.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    pid: u32,
    /// The program's name, of which the kernel keeps 15 bytes.
    name: String,
    parent: u32,
    /// The process that founded the session.
    session: u32,
    /// User and system time, in ticks, without that of ended children.
    ticks: u64,
}

/// `root` and all its descendants, with everything in a session that one of them has founded: a descendant whose parent has ended is
/// no child of any of them.
///
/// # Errors
/// `/proc` cannot be read.
pub(crate) fn tree(root: u32) -> Result<Vec<u32>> {
    Ok(tree_among(root, &all()?))
}

fn tree_among(root: u32, all: &[Stat]) -> Vec<u32> {
    let mut tree = vec![root];
    let mut at = 0;
    while let Some(member) = tree.get(at).copied() {
        for stat in all {
            if (stat.parent == member || stat.session == member) && !tree.contains(&stat.pid) {
                tree.push(stat.pid);
            }
        }
        at += 1;
    }
    tree
}

/// The processor time that `roots` and all their descendants have used so far, by the program's name.
///
/// # Errors
/// `/proc` cannot be read, or one of `roots` has ended.
pub(crate) fn usage(roots: &[u32]) -> Result<BTreeMap<String, Duration>> {
    let all = all()?;
    let mut members = Vec::new();
    for root in roots {
        all.iter().find(|stat| stat.pid == *root).with_context(|| format!("process {root} has ended"))?;
        members.extend(tree_among(*root, &all));
    }
    let second = rustix::param::clock_ticks_per_second() as f64;
    let mut used: BTreeMap<String, Duration> = BTreeMap::new();
    for stat in all.iter().filter(|stat| members.contains(&stat.pid)) {
        *used.entry(stat.name.clone()).or_default() += Duration::from_secs_f64(stat.ticks as f64 / second);
    }
    Ok(used)
}

/// The proportional set size of `root` and all its descendants, in KiB.
///
/// # Errors
/// A process has ended, or its memory may not be looked at.
pub(crate) fn memory(root: u32) -> Result<u64> {
    tree(root)?.into_iter().map(memory_of).sum()
}

/// The same of one process alone.
///
/// # Errors
/// As [`memory`].
pub(crate) fn memory_of(pid: u32) -> Result<u64> {
    let file = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    parse_pss(&text).with_context(|| format!("{file} has no Pss line"))
}

fn all() -> Result<Vec<Stat>> {
    let entries = std::fs::read_dir("/proc").context("cannot read /proc")?;
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !name.as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        // A process may end while the list is read.
        if let Ok(text) = std::fs::read_to_string(entry.path().join("stat")) {
            found.extend(parse_stat(&text));
        }
    }
    Ok(found)
}

/// The second field, the program's name, may hold anything: spaces and parentheses too.
fn parse_stat(text: &str) -> Option<Stat> {
    let (pid, rest) = text.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        pid: pid.parse().ok()?,
        name: name.to_owned(),
        parent: fields.get(1)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        ticks: number(11)? + number(12)?,
    })
}

fn parse_pss(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_with_a_wild_name_is_read() {
        let text = "42 (a) b (c) S 7 42 43 0 -1 4194304 100 0 0 0 30 12 5 5 20 0 9 0 100 1 1";
        let due = Stat { pid: 42, name: "a) b (c".to_owned(), parent: 7, session: 43, ticks: 42 };
        assert_eq!(parse_stat(text), Some(due));
        assert_eq!(parse_stat("42 (a"), None);
        assert_eq!(parse_stat("42 (a) S 7"), None);
    }

    #[test]
    fn a_tree_holds_sessions_whose_founder_belongs_to_it() {
        let stat = |pid, parent, session| Stat { pid, name: String::new(), parent, session, ticks: 1 };
        // 3 founded a session; 4 was started in it by a process that has ended. 9 only shares the session of 2.
        let all = [stat(2, 1, 1), stat(3, 2, 3), stat(4, 1, 3), stat(5, 4, 3), stat(9, 1, 1)];
        assert_eq!(tree_among(2, &all), [2, 3, 4, 5]);
        assert_eq!(tree_among(9, &all), [9]);
    }

    #[test]
    fn pss_is_read_in_kib() {
        assert_eq!(parse_pss("Rss:  99 kB\nPss:      1234 kB\nPss_Dirty: 5 kB\n"), Some(1234));
        assert_eq!(parse_pss("Rss: 1 kB\n"), None);
    }

    #[test]
    fn this_process_is_found_with_its_child() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let own = std::process::id();
        let tree = tree(own).unwrap();
        assert!(tree.contains(&own) && tree.contains(&child.id()), "{tree:?}");
        assert!(memory(child.id()).unwrap() > 0);
        assert!(usage(&[own]).unwrap().contains_key("sleep"));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(usage(&[child.id()]).is_err());
    }
}
