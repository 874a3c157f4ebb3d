//! The nearest known name for a misspelt one.

/// The candidate closest to `given`, or `None` when none is close enough to be meant.
///
/// Case does not count, so a name in the wrong case is always found. Otherwise at most a third of the
/// letters may differ, and at least one edit is always forgiven.
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = fold(given);
    let allowed = (given.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&given, &fold(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Longer names than any known one are cut: they cannot be near.
const LONGEST: usize = 64;

fn fold(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).take(LONGEST).collect()
}

/// Edits (insert, delete, replace, swap of neighbours) from one to the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut cost = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["processPath", "arguments", "stdoutLogFile"];

    #[test]
    fn finds_what_was_meant() {
        assert_eq!(nearest("proccessPath", NAMES), Some("processPath"));
        assert_eq!(nearest("PROCESSPATH", NAMES), Some("processPath"));
        assert_eq!(nearest("argumetns", NAMES), Some("arguments"));
        assert_eq!(nearest("stdoutLogFle", NAMES), Some("stdoutLogFile"));
    }

    #[test]
    fn does_not_guess_wildly() {
        assert_eq!(nearest("colour", NAMES), None);
        assert_eq!(nearest("", NAMES), None);
        assert_eq!(nearest(&"x".repeat(100_000), NAMES), None);
    }
}
