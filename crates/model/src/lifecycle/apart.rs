//! What would happen to many pools at the same time happens to one after the other.

use std::time::Duration;

/// How much later than the first the one with this index comes, of `count`: `step` apart, or closer where all would not
/// come `within` that time.
pub fn apart(index: usize, count: usize, step: Duration, within: Duration) -> Duration {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let step = step.min(within / number(count).max(1));
    step.saturating_mul(number(index)).min(within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_one_after_the_other_and_not_too_late() {
        let seconds = Duration::from_secs;
        assert_eq!(apart(0, 1, seconds(10), seconds(1800)), Duration::ZERO);
        assert_eq!(apart(3, 5, seconds(10), seconds(1800)), seconds(30));
        assert_eq!(apart(999, 1000, seconds(10), seconds(1000)), seconds(999));
        assert_eq!(apart(usize::MAX, 0, seconds(10), seconds(60)), seconds(60));
    }
}
