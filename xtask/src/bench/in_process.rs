//! Processor time per request: the app in Mews beside the app in Kestrel, same load, taking turns.

use super::contender::{Contender, Contenders, Server};
use super::report::Report;
use super::statistics::{Verdict, median, range};
use super::{process, wrk};
use crate::prerequisites;
use anyhow::{Result, bail};
use serde_json::{Value, json};

/// Paths of the app, and how much of Kestrel's processor time Mews may take.
const WORK: [(&str, f64); 4] = [("/plaintext", 0.65), ("/json", 0.65), ("/yield", 1.00), ("/loopback", 0.90)];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Length of a measured round
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Measured rounds of each contender
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Keep-alive connections
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// Load before the first round, not measured, in seconds
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=600))]
    warm_up: u32,
    /// Only these paths
    #[arg(long)]
    path: Vec<String>,
}

/// One measured round.
struct Round {
    /// Processor microseconds per request.
    cost: f64,
    load: wrk::Load,
}

/// All rounds of one path, by contender.
struct Case {
    path: &'static str,
    limit: f64,
    kestrel: Vec<Round>,
    mews: Vec<Round>,
}

pub(crate) fn measure(contenders: &Contenders, options: &Options) -> Result<Report> {
    prerequisites::ensure(&prerequisites::FOR_BENCH)?;
    if let Some(unknown) = options.path.iter().find(|path| !WORK.iter().any(|(known, _)| known == path)) {
        bail!("{unknown:?} is not measured; known are {}", WORK.map(|(path, _)| path).join(", "));
    }
    let work =
        WORK.iter().filter(|(path, _)| options.path.is_empty() || options.path.iter().any(|p| p == path));
    let kestrel = contenders.start(Contender::Kestrel)?;
    let mews = contenders.start(Contender::Mews)?;
    let mut cases = Vec::new();
    for (path, limit) in work {
        let mut case = Case { path, limit: *limit, kestrel: Vec::new(), mews: Vec::new() };
        for server in [&kestrel, &mews] {
            wrk::run(&server.url(path), options.connections, options.warm_up)?;
        }
        for number in 0..options.rounds as usize {
            for contender in Contender::turn(number) {
                let (server, rounds) = match contender {
                    Contender::Kestrel => (&kestrel, &mut case.kestrel),
                    Contender::Mews => (&mews, &mut case.mews),
                };
                let round = one_round(server, path, options)?;
                let (name, cost, rate) = (contender.name(), round.cost, round.load.rate);
                eprintln!(
                    "xtask: {path} round {}: {name}: {cost:.1} µs/request, {rate:.0} requests/s",
                    number + 1
                );
                rounds.push(round);
            }
        }
        cases.push(case);
    }
    kestrel.stop()?;
    mews.stop()?;
    Ok(report(&cases, options))
}

fn one_round(server: &Server, path: &str, options: &Options) -> Result<Round> {
    let before = process::processor_time(server.pid())?;
    let load = wrk::run(&server.url(path), options.connections, options.seconds)?;
    let used = process::processor_time(server.pid())?.saturating_sub(before);
    if load.requests == 0 {
        bail!("{} answered no request", server.url(path));
    }
    Ok(Round { cost: used.as_secs_f64() * 1e6 / load.requests as f64, load })
}

impl Case {
    /// Mews by Kestrel, round by round.
    fn ratios(&self) -> Vec<f64> {
        self.kestrel.iter().zip(&self.mews).map(|(kestrel, mews)| mews.cost / kestrel.cost).collect()
    }

    fn errors(&self) -> u64 {
        self.kestrel.iter().chain(&self.mews).map(|round| round.load.errors).sum()
    }

    fn verdict(&self) -> Verdict {
        if self.errors() > 0 { Verdict::Inconclusive } else { Verdict::of(&self.ratios(), self.limit) }
    }
}

fn report(cases: &[Case], options: &Options) -> Report {
    let mut rows = Vec::new();
    let mut notes = vec![
        "processor time of all processes of a server (user and system), divided by the requests that the load generator counted; \
         medians of the rounds, in brackets lowest and highest"
            .to_owned(),
        "ratio: Mews by Kestrel in the same round".to_owned(),
    ];
    for case in cases {
        let cost = |rounds: &[Round]| {
            let costs: Vec<f64> = rounds.iter().map(|round| round.cost).collect();
            let (low, high) = range(&costs);
            format!("{:.1} ({low:.1}–{high:.1})", median(&costs))
        };
        let rate = |rounds: &[Round]| {
            let rates: Vec<f64> = rounds.iter().map(|round| round.load.rate).collect();
            format!("{:.0}", median(&rates))
        };
        let ratios = case.ratios();
        let (low, high) = range(&ratios);
        rows.push(vec![
            format!("`{}`", case.path),
            cost(&case.kestrel),
            cost(&case.mews),
            format!("{:.2} ({low:.2}–{high:.2})", median(&ratios)),
            format!("≤ {:.2}: {}", case.limit, case.verdict().word()),
            rate(&case.kestrel),
            rate(&case.mews),
        ]);
        if case.errors() > 0 {
            notes.push(format!(
                "**INCONCLUSIVE** `{}`: {} responses or connections failed; see the logs in target/bench",
                case.path,
                case.errors()
            ));
        } else if case.verdict() == Verdict::Inconclusive {
            notes.push(format!(
                "**INCONCLUSIVE** `{}`: the rounds stand on both sides of {:.2}, or are fewer than three: quieten the machine, or more and longer rounds",
                case.path, case.limit
            ));
        }
    }
    let header = [
        "path",
        "Kestrel µs/request",
        "Mews µs/request",
        "ratio",
        "bar",
        "Kestrel requests/s",
        "Mews requests/s",
    ];
    let raw_rounds = |rounds: &[Round]| -> Vec<Value> {
        let one = |round: &Round| {
            let wrk::Load { requests, rate, errors, p50, p99 } = round.load;
            json!({ "cost_us": round.cost, "requests": requests, "rate": rate, "errors": errors, "p50_ms": p50, "p99_ms": p99 })
        };
        rounds.iter().map(one).collect()
    };
    let raw = cases.iter().map(|case| {
        let (kestrel, mews) = (raw_rounds(&case.kestrel), raw_rounds(&case.mews));
        json!({ "path": case.path, "limit": case.limit, "kestrel": kestrel, "mews": mews })
    });
    Report {
        name: "in-process",
        title: format!("In-process, {} connections, {} s a round", options.connections, options.seconds),
        header: header.map(str::to_owned).to_vec(),
        rows,
        more: Vec::new(),
        notes,
        raw: raw.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(costs: &[f64], errors: u64) -> Vec<Round> {
        let load = || wrk::Load { requests: 10, rate: 2.0, errors, p50: 1.0, p99: 1.0 };
        costs.iter().map(|cost| Round { cost: *cost, load: load() }).collect()
    }

    fn case(kestrel: &[f64], mews: &[f64], errors: u64) -> Case {
        Case { path: "/x", limit: 0.65, kestrel: rounds(kestrel, 0), mews: rounds(mews, errors) }
    }

    #[test]
    fn rounds_are_compared_pairwise() {
        let case = case(&[10.0, 20.0, 10.0], &[5.0, 10.0, 6.0], 0);
        assert_eq!(case.ratios(), [0.5, 0.5, 0.6]);
        assert_eq!(case.verdict(), Verdict::Meets);
    }

    #[test]
    fn errors_and_spread_are_said_loudly() {
        let options = Options { seconds: 5, rounds: 3, connections: 64, warm_up: 3, path: Vec::new() };
        for case in [case(&[10.0; 3], &[5.0; 3], 7), case(&[10.0; 3], &[6.0, 7.0, 6.0], 0)] {
            let report = report(&[case], &options);
            assert!(report.rows[0][4].contains("INCONCLUSIVE"), "{:?}", report.rows);
            assert!(report.notes.iter().any(|note| note.contains("INCONCLUSIVE")), "{:?}", report.notes);
        }
    }
}
