//! The comparison's tables, plot, notes and raw data.

use super::comparison::{self, Comparison};
use super::{Case, Kind, Options, Preset, Round, TRANSFER};
use crate::bench::plot::{Bars, Plot};
use crate::bench::report::{Report, Table};
use crate::bench::setup::Setup;
use crate::bench::statistics::{Verdict, median, range};
use serde_json::{Map, Value, json};

pub(super) fn report(
    preset: Preset,
    cases: &[Case],
    versions: &[(Setup, String)],
    options: &Options,
) -> Report {
    let comparisons: Vec<Comparison> = cases.iter().flat_map(comparison::of).collect();
    let (transfers, small): (Vec<&Case>, Vec<&Case>) =
        cases.iter().partition(|case| case.work.kind == Kind::Transfer);
    let mut notes = vec![
        "a setup's processor time is that of all its processes, user and system, by the kernel's accounting; divided by the requests that the load generator counted"
            .to_owned(),
        "hop: what is above Kestrel alone in the same round; medians of the rounds, in brackets lowest and highest".to_owned(),
        "`paced`: each connection waits 5 to 15 ms before each request, so that response times are not those of a full machine".to_owned(),
        if options.forwarded {
            "the app evaluates X-Forwarded-For and X-Forwarded-Proto behind every proxy".to_owned()
        } else {
            "the app evaluates X-Forwarded-For and X-Forwarded-Proto, and checks the pairing token, behind Mews out-of-process only: that work counts as Mews's hop".to_owned()
        },
        format!("versions: {}", versions.iter().map(|(_, version)| version.as_str()).collect::<Vec<_>>().join("; ")),
    ];
    notes.extend(unclear(cases, &comparisons));
    let mut more = Vec::new();
    if !transfers.is_empty() {
        more.push(transfer_table(&transfers, options));
    }
    if !comparisons.is_empty() {
        let header = ["work", "figure", "Mews", "beside", "Mews's", "the other's", "both", "bar"];
        more.push(Table {
            title: "Mews beside the others".to_owned(),
            header: words(&header),
            rows: comparisons.iter().map(Comparison::row).collect(),
        });
    }
    let header = [
        "work",
        "setup",
        "µs/request",
        "hop",
        "without the app's process",
        "requests/s",
        "p50 ms",
        "p90 ms",
        "p99 ms",
        "memory MiB",
        "errors",
    ];
    Report {
        name: preset.name(),
        title: format!(
            "{}, {} connections, {} s a round",
            preset.title(),
            options.connections,
            options.seconds
        ),
        header: words(&header),
        rows: small.iter().flat_map(|case| case.rounds.keys().map(|setup| small_row(case, *setup))).collect(),
        more,
        plot: Some(plot(preset, cases)),
        notes,
        raw: raw(cases, versions, options),
    }
}

fn small_row(case: &Case, setup: Setup) -> Vec<String> {
    let figure = |figure: &dyn Fn(&Round) -> f64, decimals| spread(&case.figures(setup, figure), decimals);
    vec![
        format!("`{}`", case.work.name),
        setup.name().to_owned(),
        figure(&Round::cost, 1),
        hop(case, setup, &Round::cost),
        figure(&Round::cost_before_app, 1),
        format!("{:.0}", median(&case.figures(setup, |round| round.load.rate))),
        figure(&|round| round.load.p50, 2),
        figure(&|round| round.load.p90, 2),
        figure(&|round| round.load.p99, 2),
        figure(&|round| round.memory as f64 / 1024.0, 0),
        case.errors(setup).to_string(),
    ]
}

fn transfer_table(cases: &[&Case], options: &Options) -> Table {
    let row = |case: &Case, setup: Setup| {
        vec![
            format!("`{}`", case.work.name),
            setup.name().to_owned(),
            spread(&case.figures(setup, |round| round.load.rate * TRANSFER), 0),
            spread(&case.figures(setup, |round| round.cost() / TRANSFER), 0),
            hop(case, setup, &|round| round.cost() / TRANSFER),
            case.errors(setup).to_string(),
        ]
    };
    Table {
        title: format!("Bodies of {TRANSFER} MiB, {} connections", options.transfers),
        header: words(&["work", "setup", "MiB/s", "µs/MiB", "hop", "errors"]),
        rows: cases.iter().flat_map(|case| case.rounds.keys().map(|setup| row(case, *setup))).collect(),
    }
}

fn hop(case: &Case, setup: Setup, figure: &dyn Fn(&Round) -> f64) -> String {
    let is_before_app = setup.has_app() && !matches!(setup, Setup::Kestrel | Setup::MewsInProcess);
    if is_before_app { spread(&case.above_kestrel(setup, figure), 1) } else { "–".to_owned() }
}

/// Processor time by work and setup.
fn plot(preset: Preset, cases: &[Case]) -> Plot {
    let groups = cases.iter().map(|case| {
        let (unit, figure): (_, fn(&Round) -> f64) = match case.work.kind {
            Kind::Transfer => ("µs/MiB", |round| round.cost() / TRANSFER),
            _ => ("µs/request", Round::cost),
        };
        Bars {
            title: format!("{}, {unit}", case.work.name),
            bars: case
                .rounds
                .keys()
                .map(|setup| (setup.name(), case.figures(*setup, figure), setup.is_mews()))
                .map(|(name, rounds, own)| (name.to_owned(), rounds, own))
                .collect(),
        }
    });
    Plot {
        title: format!("{}: processor time of all processes of a setup; less is better", preset.title()),
        groups: groups.collect(),
    }
}

/// What the reader must not conclude.
fn unclear(cases: &[Case], comparisons: &[Comparison]) -> Vec<String> {
    let mut notes = Vec::new();
    for case in cases {
        for setup in case.rounds.keys().filter(|setup| case.errors(**setup) > 0) {
            notes.push(format!(
                "**INCONCLUSIVE** `{}`: {} responses or connections of {} failed; see the logs in target/bench",
                case.work.name,
                case.errors(*setup),
                setup.name()
            ));
        }
    }
    let turned = |line: &&Comparison| line.errors == 0 && line.verdict() == Some(Verdict::Inconclusive);
    notes.extend(comparisons.iter().filter(turned).map(|line| {
        format!(
            "**INCONCLUSIVE** `{}`, {} of {} beside {}: the rounds stand on both sides of the bar, are fewer than three, or show no hop to compare with: quieten the machine, or more and longer rounds",
            line.work,
            line.figure,
            line.subject.name(),
            line.peer.name()
        )
    }));
    notes
}

fn raw(cases: &[Case], versions: &[(Setup, String)], options: &Options) -> Value {
    let round = |round: &Round| {
        let used: Map<String, Value> =
            round.used.iter().map(|(program, time)| (program.clone(), time.as_secs_f64().into())).collect();
        let crate::bench::wrk::Load { requests, rate, errors, p50, p90, p99 } = round.load;
        json!({
            "processor_s": used, "requests": requests, "rate": rate, "errors": errors, "p50_ms": p50, "p90_ms": p90, "p99_ms": p99,
            "memory_kib": round.memory,
        })
    };
    let case = |case: &Case| {
        let setups: Map<String, Value> = case
            .rounds
            .iter()
            .map(|(setup, rounds)| (setup.key().to_owned(), rounds.iter().map(round).collect()))
            .collect();
        json!({ "work": case.work.name, "path": case.work.path, "rounds": setups })
    };
    let configurations: Map<String, Value> = versions
        .iter()
        .filter_map(|(setup, _)| Some((setup.key().to_owned(), setup.configuration()?.into())))
        .collect();
    let versions: Map<String, Value> =
        versions.iter().map(|(setup, version)| (setup.key().to_owned(), version.clone().into())).collect();
    json!({
        "connections": options.connections, "transfers": options.transfers, "seconds": options.seconds,
        "forwarded": options.forwarded, "versions": versions, "configurations": configurations,
        "work": cases.iter().map(case).collect::<Vec<_>>(),
    })
}

fn spread(values: &[f64], decimals: usize) -> String {
    if values.iter().any(|value| value.is_nan()) {
        return "–".to_owned();
    }
    let (low, high) = range(values);
    format!("{:.decimals$} ({low:.decimals$}–{high:.decimals$})", median(values))
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{case, options};
    use super::*;

    #[test]
    fn each_setup_has_a_row_and_the_bars_a_table() {
        let rounds: [(Setup, &[f64]); 3] =
            [(Setup::Kestrel, &[10.0; 3]), (Setup::Nginx, &[50.0; 3]), (Setup::MewsOutOfProcess, &[20.0; 3])];
        let cases = [case("plaintext", &rounds), case("upload", &rounds)];
        let report = report(Preset::All, &cases, &[(Setup::Nginx, "nginx/1".to_owned())], &options());
        assert_eq!((report.rows.len(), report.more.len()), (3, 2));
        assert_eq!(report.rows[1][3], "40.0 (40.0–40.0)");
        assert!(report.more[1].rows[0].last().unwrap().contains("meets"), "{:?}", report.more[1].rows);
        assert!(report.notes.iter().any(|note| note.contains("nginx/1")));
        assert_eq!(report.raw["work"][0]["rounds"]["mews-out-of-process"].as_array().unwrap().len(), 3);
        assert!(report.notes.iter().all(|note| !note.contains("INCONCLUSIVE")), "{:?}", report.notes);
    }

    #[test]
    fn an_unclear_result_is_said_loudly() {
        let rounds: [(Setup, &[f64]); 3] = [
            (Setup::Kestrel, &[10.0; 3]),
            (Setup::Nginx, &[50.0; 3]),
            (Setup::MewsOutOfProcess, &[20.0, 40.0, 20.0]),
        ];
        let report = report(Preset::All, &[case("plaintext", &rounds)], &[], &options());
        assert!(report.notes.iter().any(|note| note.contains("INCONCLUSIVE")), "{:?}", report.notes);
    }
}
