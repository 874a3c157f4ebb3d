//! What `/proc` tells about a process and everything it has started: processor time and memory.

use anyhow::{Context as _, Result};
use std::time::Duration;

/// The facts of `/proc/PID/stat` that are used here.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    pid: u32,
    parent: u32,
    /// User and system time, in ticks, without that of ended children.
    ticks: u64,
}

/// `root` and all its descendants.
///
/// # Errors
/// `/proc` cannot be read.
pub(crate) fn tree(root: u32) -> Result<Vec<u32>> {
    let all = all()?;
    let mut tree = vec![root];
    let mut at = 0;
    while let Some(parent) = tree.get(at).copied() {
        tree.extend(all.iter().filter(|stat| stat.parent == parent).map(|stat| stat.pid));
        at += 1;
    }
    Ok(tree)
}

/// The processor time that `root` and all its descendants have used so far.
///
/// # Errors
/// `/proc` cannot be read, or `root` has ended.
pub(crate) fn processor_time(root: u32) -> Result<Duration> {
    let tree = tree(root)?;
    let all = all()?;
    all.iter().find(|stat| stat.pid == root).with_context(|| format!("process {root} has ended"))?;
    let ticks: u64 = all.iter().filter(|stat| tree.contains(&stat.pid)).map(|stat| stat.ticks).sum();
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// The proportional set size of `root` and all its descendants, in KiB.
///
/// # Errors
/// A process has ended, or its memory may not be looked at.
pub(crate) fn memory(root: u32) -> Result<u64> {
    let mut sum = 0;
    for pid in tree(root)? {
        let file = format!("/proc/{pid}/smaps_rollup");
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
        sum += parse_pss(&text).with_context(|| format!("{file} has no Pss line"))?;
    }
    Ok(sum)
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
    let (_, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        pid: pid.parse().ok()?,
        parent: fields.get(1)?.parse().ok()?,
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
        let text = "42 (a) b (c) S 7 42 42 0 -1 4194304 100 0 0 0 30 12 5 5 20 0 9 0 100 1 1";
        assert_eq!(parse_stat(text), Some(Stat { pid: 42, parent: 7, ticks: 42 }));
        assert_eq!(parse_stat("42 (a"), None);
        assert_eq!(parse_stat("42 (a) S 7"), None);
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
        processor_time(own).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(processor_time(child.id()).is_err());
    }
}
