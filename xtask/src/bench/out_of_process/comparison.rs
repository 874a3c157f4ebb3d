//! Mews beside one other setup in one figure, round by round, and whether a bar is met.

use super::{Case, Kind, Round, TRANSFER};
use crate::bench::setup::Setup;
use crate::bench::statistics::{Verdict, median, range};

/// How much of nginx's hop Mews's may cost.
const HOP: f64 = 0.5;

/// What Mews is measured against.
const PEERS: [Setup; 2] = [Setup::Nginx, Setup::HaProxy];

/// What the rounds must show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bar {
    AtMost(f64),
    AtLeast(f64),
    None,
}

/// How two setups' rounds are set against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// Mews by the other.
    Ratio,
    /// Mews less the other.
    Difference,
}

/// One line of the comparison.
pub(super) struct Comparison {
    pub(super) work: &'static str,
    pub(super) figure: &'static str,
    pub(super) peer: Setup,
    pub(super) mews: Vec<f64>,
    pub(super) other: Vec<f64>,
    pub(super) relation: Relation,
    pub(super) bar: Bar,
    /// Failed requests of either.
    pub(super) errors: u64,
}

/// All comparisons of a case; none when Mews takes no part.
pub(super) fn of(case: &Case) -> Vec<Comparison> {
    PEERS.into_iter().flat_map(|peer| with_peer(case, peer)).collect()
}

fn with_peer(case: &Case, peer: Setup) -> Vec<Comparison> {
    let only_nginx = |bar| if peer == Setup::Nginx { bar } else { Bar::None };
    let line = |figure, figures: &dyn Fn(Setup) -> Vec<f64>, relation, bar| Comparison {
        work: case.work.name,
        figure,
        peer,
        mews: figures(Setup::Mews),
        other: figures(peer),
        relation,
        bar,
        errors: case.errors(Setup::Mews) + case.errors(peer) + case.errors(Setup::Kestrel),
    };
    let hop = |setup| case.above_kestrel(setup, Round::cost);
    let p50 = |setup| case.above_kestrel(setup, |round| round.load.p50);
    let rate = |setup| case.figures(setup, |round| round.load.rate * TRANSFER);
    let lines = match case.work.kind {
        Kind::Full => vec![
            line("hop, µs/request", &hop, Relation::Ratio, only_nginx(Bar::AtMost(HOP))),
            line("added p50, ms", &p50, Relation::Difference, only_nginx(Bar::AtMost(0.0))),
        ],
        // The wait between requests leaves the processors idle in part: waking up is most of the cost, and no bar is set for it.
        Kind::Paced => vec![
            line("hop, µs/request", &hop, Relation::Ratio, Bar::None),
            line("added p50, ms", &p50, Relation::Difference, only_nginx(Bar::AtMost(0.0))),
        ],
        Kind::Transfer => {
            let hop = |setup| case.above_kestrel(setup, |round| round.cost() / TRANSFER);
            vec![
                line("MiB/s", &rate, Relation::Ratio, Bar::AtLeast(1.0)),
                line("hop, µs/MiB", &hop, Relation::Ratio, Bar::None),
            ]
        }
    };
    lines.into_iter().filter(|line| !line.mews.is_empty() && !line.other.is_empty()).collect()
}

impl Comparison {
    /// Round by round; a ratio to what is not above zero is no number.
    pub(super) fn values(&self) -> Vec<f64> {
        let one = |(mews, other): (&f64, &f64)| match self.relation {
            Relation::Difference => mews - other,
            Relation::Ratio if *other > 0.0 => mews / other,
            Relation::Ratio => f64::NAN,
        };
        self.mews.iter().zip(&self.other).map(one).collect()
    }

    /// `None` without a bar.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        let values = self.values();
        let (values, limit) = match self.bar {
            Bar::None => return None,
            Bar::AtMost(limit) => (values, limit),
            Bar::AtLeast(limit) => (values.iter().map(|value| -value).collect(), -limit),
        };
        if self.errors > 0 || values.iter().any(|value| value.is_nan()) {
            return Some(Verdict::Inconclusive);
        }
        Some(Verdict::of(&values, limit))
    }

    /// The cells of its row.
    pub(super) fn row(&self) -> Vec<String> {
        let spread = |values: &[f64]| {
            let (low, high) = range(values);
            format!("{:.2} ({low:.2}–{high:.2})", median(values))
        };
        let sign = if self.relation == Relation::Ratio { "×" } else { "Δ" };
        let bar = match (self.bar, self.verdict()) {
            (Bar::AtMost(limit), Some(verdict)) => format!("≤ {limit:.2}: {}", verdict.word()),
            (Bar::AtLeast(limit), Some(verdict)) => format!("≥ {limit:.2}: {}", verdict.word()),
            _ => "–".to_owned(),
        };
        vec![
            format!("`{}`", self.work),
            self.figure.to_owned(),
            self.peer.name().to_owned(),
            spread(&self.mews),
            spread(&self.other),
            format!("{sign} {}", spread(&self.values())),
            bar,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::case;
    use super::*;

    const KESTREL: (Setup, &[f64]) = (Setup::Kestrel, &[10.0, 10.0, 10.0]);

    fn verdicts(mews: &[f64], nginx: &[f64]) -> Vec<Option<Verdict>> {
        let case = case("plaintext", &[KESTREL, (Setup::Nginx, nginx), (Setup::Mews, mews)]);
        of(&case).iter().map(Comparison::verdict).collect()
    }

    #[test]
    fn bars_are_judged_by_all_rounds() {
        let (meets, misses, unclear) =
            (Some(Verdict::Meets), Some(Verdict::Misses), Some(Verdict::Inconclusive));
        assert_eq!(verdicts(&[20.0; 3], &[50.0; 3]), [meets, meets]);
        assert_eq!(verdicts(&[60.0; 3], &[50.0; 3]), [misses, misses]);
        assert_eq!(verdicts(&[20.0, 32.0, 20.0], &[50.0; 3]), [unclear, meets]);
        // No hop to compare with.
        assert_eq!(verdicts(&[9.0; 3], &[10.0; 3]), [unclear, meets]);
    }

    #[test]
    fn throughput_has_a_lower_bar_for_both_peers() {
        let rounds: [(Setup, &[f64]); 4] =
            [KESTREL, (Setup::Nginx, &[30.0; 3]), (Setup::HaProxy, &[20.0; 3]), (Setup::Mews, &[25.0; 3])];
        let case = case("download", &rounds);
        let found: Vec<_> = of(&case).iter().map(|line| (line.peer, line.figure, line.verdict())).collect();
        let due = [
            (Setup::Nginx, "MiB/s", Some(Verdict::Meets)),
            (Setup::Nginx, "hop, µs/MiB", None),
            (Setup::HaProxy, "MiB/s", Some(Verdict::Misses)),
            (Setup::HaProxy, "hop, µs/MiB", None),
        ];
        assert_eq!(found, due);
    }

    #[test]
    fn without_mews_there_is_nothing_to_compare() {
        assert!(of(&case("json", &[KESTREL, (Setup::Nginx, &[50.0])])).is_empty());
    }

    #[test]
    fn failed_requests_prove_nothing() {
        let mut case = case("plaintext", &[KESTREL, (Setup::Nginx, &[50.0; 3]), (Setup::Mews, &[20.0; 3])]);
        case.rounds.get_mut(&Setup::Mews).unwrap()[0].load.errors = 1;
        assert!(of(&case).iter().all(|line| line.verdict() == Some(Verdict::Inconclusive)));
        assert!(of(&case)[0].row()[6].contains("INCONCLUSIVE"));
    }
}
