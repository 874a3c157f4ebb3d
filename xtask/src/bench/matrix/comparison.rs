//! Mews beside one other setup in one figure, round by round, and whether a bar is met.

use super::{Case, Kind, Round, TRANSFER};
use crate::bench::setup::Setup;
use crate::bench::statistics::{Verdict, median, range};

/// How much of nginx's hop Mews's may cost.
const HOP: f64 = 0.5;

/// How much of what nginx and Kestrel cost together Mews in-process may cost, where a bar is set beside Kestrel too.
const BESIDE_NGINX: f64 = 0.2;

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
    pub(super) subject: Setup,
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
    let setups = || case.rounds.keys().copied();
    let in_process = setups().flat_map(|peer| in_process(case, peer));
    let proxies = setups().filter(|peer| peer.has_app() && *peer != Setup::Kestrel && !peer.is_mews());
    let out_of_process = proxies.flat_map(|peer| out_of_process(case, peer));
    let lines = in_process.chain(out_of_process);
    // Of some loads, not every figure is known.
    let is_known = |values: &[f64]| !values.is_empty() && !values.iter().any(|value| value.is_nan());
    lines.filter(|line| is_known(&line.mews) && is_known(&line.other)).collect()
}

/// Mews in-process by the whole of another setup.
fn in_process(case: &Case, peer: Setup) -> Vec<Comparison> {
    let bar = match (peer, case.work.in_process) {
        (Setup::Kestrel, Some(limit)) => Bar::AtMost(limit),
        // The design sets it for answers that need no waiting.
        (Setup::Nginx, Some(limit)) if limit <= 0.65 => Bar::AtMost(BESIDE_NGINX),
        _ => Bar::None,
    };
    if peer.is_mews() {
        return Vec::new();
    }
    let (figure, unit): (_, fn(&Round) -> f64) = match case.work.kind {
        Kind::Transfer => ("µs/MiB", |round| round.cost() / TRANSFER),
        _ => ("µs/request", Round::cost),
    };
    let figures = |setup| case.figures(setup, unit);
    vec![line(case, figure, Setup::MewsInProcess, peer, &figures, Relation::Ratio, bar)]
}

/// The hop of Mews out-of-process by a proxy's.
fn out_of_process(case: &Case, peer: Setup) -> Vec<Comparison> {
    let only_nginx = |bar| if peer == Setup::Nginx { bar } else { Bar::None };
    let line = |figure, figures: &dyn Fn(Setup) -> Vec<f64>, relation, bar| {
        line(case, figure, Setup::MewsOutOfProcess, peer, figures, relation, bar)
    };
    let hop = |setup| case.above_kestrel(setup, Round::cost);
    let p50 = |setup| case.above_kestrel(setup, |round| round.load.p50);
    let rate = |setup| case.figures(setup, |round| round.load.rate * TRANSFER);
    match case.work.kind {
        Kind::Full => vec![
            line("hop, µs/request", &hop, Relation::Ratio, only_nginx(Bar::AtMost(HOP))),
            line("added p50, ms", &p50, Relation::Difference, only_nginx(Bar::AtMost(0.0))),
        ],
        // The wait between requests leaves the processors idle in part: waking up is most of the cost, and no bar is set for it.
        Kind::Paced | Kind::Waiting => vec![
            line("hop, µs/request", &hop, Relation::Ratio, Bar::None),
            line("added p50, ms", &p50, Relation::Difference, only_nginx(Bar::AtMost(0.0))),
        ],
        Kind::Transfer => {
            let hop = |setup| case.above_kestrel(setup, |round| round.cost() / TRANSFER);
            let tcp = matches!(peer, Setup::Nginx | Setup::HaProxy);
            vec![
                line("MiB/s", &rate, Relation::Ratio, if tcp { Bar::AtLeast(1.0) } else { Bar::None }),
                line("hop, µs/MiB", &hop, Relation::Ratio, Bar::None),
            ]
        }
    }
}

fn line(
    case: &Case,
    figure: &'static str,
    subject: Setup,
    peer: Setup,
    figures: &dyn Fn(Setup) -> Vec<f64>,
    relation: Relation,
    bar: Bar,
) -> Comparison {
    Comparison {
        work: case.work.name,
        figure,
        subject,
        peer,
        mews: figures(subject),
        other: figures(peer),
        relation,
        bar,
        errors: case.errors(subject) + case.errors(peer) + case.errors(Setup::Kestrel),
    }
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
            self.subject.name().to_owned(),
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
    const OWN: Setup = Setup::MewsOutOfProcess;

    fn verdicts(mews: &[f64], nginx: &[f64]) -> Vec<Option<Verdict>> {
        let case = case("plaintext", &[KESTREL, (Setup::Nginx, nginx), (OWN, mews)]);
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
    fn throughput_has_a_lower_bar_for_proxies_over_tcp() {
        let rounds: [(Setup, &[f64]); 5] = [
            KESTREL,
            (Setup::Nginx, &[30.0; 3]),
            (Setup::NginxUnix, &[1.0; 3]),
            (Setup::HaProxy, &[20.0; 3]),
            (OWN, &[25.0; 3]),
        ];
        let case = case("download", &rounds);
        let found: Vec<_> = of(&case).iter().map(|line| (line.peer, line.figure, line.verdict())).collect();
        let due = [
            (Setup::Nginx, "MiB/s", Some(Verdict::Meets)),
            (Setup::Nginx, "hop, µs/MiB", None),
            (Setup::NginxUnix, "MiB/s", None),
            (Setup::NginxUnix, "hop, µs/MiB", None),
            (Setup::HaProxy, "MiB/s", Some(Verdict::Misses)),
            (Setup::HaProxy, "hop, µs/MiB", None),
        ];
        assert_eq!(found, due);
    }

    #[test]
    fn in_process_is_measured_by_the_whole_of_the_others() {
        let rounds: [(Setup, &[f64]); 4] = [
            (Setup::Floor, &[5.0; 3]),
            KESTREL,
            (Setup::Nginx, &[50.0; 3]),
            (Setup::MewsInProcess, &[6.0; 3]),
        ];
        let found = |work| -> Vec<_> {
            of(&case(work, &rounds)).iter().map(|line| (line.peer, line.verdict())).collect()
        };
        let meets = Some(Verdict::Meets);
        assert_eq!(
            found("plaintext"),
            [(Setup::Floor, None), (Setup::Kestrel, meets), (Setup::Nginx, meets)]
        );
        assert_eq!(found("yield")[1..], [(Setup::Kestrel, meets), (Setup::Nginx, None)]);
    }

    #[test]
    fn without_mews_there_is_nothing_to_compare() {
        assert!(of(&case("json", &[KESTREL, (Setup::Nginx, &[50.0])])).is_empty());
    }

    #[test]
    fn failed_requests_prove_nothing() {
        let mut case = case("plaintext", &[KESTREL, (Setup::Nginx, &[50.0; 3]), (OWN, &[20.0; 3])]);
        case.rounds.get_mut(&OWN).unwrap()[0].load.errors = 1;
        assert!(of(&case).iter().all(|line| line.verdict() == Some(Verdict::Inconclusive)));
        assert!(of(&case)[0].row()[7].contains("INCONCLUSIVE"));
    }
}
