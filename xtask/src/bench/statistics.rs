//! Medians, spreads and what may be concluded from them.

/// The middle of `values`; the mean of the two middle ones when their number is even. 0 for none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The value below which `percent` of `values` lie (nearest rank). 0 for none.
pub(crate) fn percentile(values: &[f64], percent: f64) -> f64 {
    let sorted = sorted(values);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).or(sorted.last()).copied().unwrap_or(0.0)
}

/// Lowest and highest.
pub(crate) fn range(values: &[f64]) -> (f64, f64) {
    let sorted = sorted(values);
    (sorted.first().copied().unwrap_or(0.0), sorted.last().copied().unwrap_or(0.0))
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// How rounds stand to an upper limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Meets,
    Misses,
    /// Some rounds meet it and some do not, or there are fewer than three.
    Inconclusive,
}

impl Verdict {
    pub(crate) fn of(rounds: &[f64], limit: f64) -> Self {
        let met = rounds.iter().filter(|round| **round <= limit).count();
        match met {
            _ if rounds.len() < 3 => Self::Inconclusive,
            0 => Self::Misses,
            met if met == rounds.len() => Self::Meets,
            _ => Self::Inconclusive,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Meets => "meets",
            Self::Misses => "**misses**",
            Self::Inconclusive => "**INCONCLUSIVE**",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&hundred, 99.0), 99.0);
        assert_eq!(percentile(&hundred, 50.0), 50.0);
        assert_eq!(percentile(&[7.0], 99.0), 7.0);
        assert_eq!(percentile(&[], 99.0), 0.0);
        assert_eq!(range(&[2.0, 9.0, 1.0]), (1.0, 9.0));
    }

    #[test]
    fn a_limit_inside_the_spread_is_inconclusive() {
        assert_eq!(Verdict::of(&[0.5, 0.6, 0.64], 0.65), Verdict::Meets);
        assert_eq!(Verdict::of(&[0.7, 0.8, 0.9], 0.65), Verdict::Misses);
        assert_eq!(Verdict::of(&[0.6, 0.7, 0.6], 0.65), Verdict::Inconclusive);
        assert_eq!(Verdict::of(&[0.1, 0.1], 0.65), Verdict::Inconclusive);
    }
}
