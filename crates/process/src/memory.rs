//! How much memory processes use.

use std::fs;

use crate::descendants::descendants;

/// Bytes of memory that the process and everything that came from it have to themselves: resident, and not shared. What
/// has ended, or is not ours to look at, counts as nothing.
pub fn of_tree(root: u32) -> u64 {
    let mut all = descendants(root);
    if !all.contains(&root) {
        all.push(root);
    }
    all.into_iter().map(private).sum()
}

/// `statm` counts pages: all, resident, and resident but shared.
fn private(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let mut columns = text.split_ascii_whitespace().skip(1).map(|column| column.parse::<u64>().unwrap_or(0));
    let (resident, shared) = (columns.next().unwrap_or(0), columns.next().unwrap_or(0));
    resident.saturating_sub(shared).saturating_mul(rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_used_counts() {
        let own = std::process::id();
        let before = private(own);
        assert!(before > 0 && of_tree(own) > 0);
        let block = vec![1u8; 64 << 20];
        assert!(private(own) >= before + (50 << 20));
        drop(block);
        assert_eq!(of_tree(u32::MAX), 0);
    }
}
