//! Memory of an idle server that has worked: the proportional set size of all its processes.

use super::contender::{Contender, Contenders};
use super::report::Report;
use super::statistics::{Verdict, median, range};
use super::{process, wrk};
use crate::prerequisites;
use anyhow::Result;
use serde_json::json;
use std::time::Duration;

/// How much more than `dotnet App.dll` Mews may take, in MB.
const LIMIT: f64 = 15.0;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Starts of each contender
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Length of the load before
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=600))]
    warm_up: u32,
    /// Idle time between load and measurement, in seconds
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=600))]
    idle: u32,
}

pub(crate) fn measure(contenders: &Contenders, options: &Options) -> Result<Report> {
    prerequisites::ensure(&prerequisites::FOR_BENCH)?;
    let mut sizes = [Vec::new(), Vec::new()];
    for round in 0..options.rounds as usize {
        for contender in Contender::turn(round) {
            // One at a time: pages that both use would count half for each.
            let server = contenders.start(contender)?;
            wrk::run(&server.url("/plaintext"), 64, options.warm_up)?;
            std::thread::sleep(Duration::from_secs(options.idle.into()));
            let processes = process::tree(server.pid())?.len();
            let size = process::memory(server.pid())? as f64 * 1024.0 / 1e6;
            server.stop()?;
            eprintln!(
                "xtask: round {}: {}: {size:.1} MB in {processes} processes",
                round + 1,
                contender.name()
            );
            sizes[contender as usize].push(size);
        }
    }
    let [kestrel, mews] = sizes;
    let differences: Vec<f64> = mews.iter().zip(&kestrel).map(|(mews, kestrel)| mews - kestrel).collect();
    let cell = |values: &[f64]| {
        let (low, high) = range(values);
        format!("{:.1} ({low:.1}–{high:.1})", median(values))
    };
    let verdict = Verdict::of(&differences, LIMIT);
    let mut notes = vec![
        "proportional set size (Pss) of all processes in MB after load and rest; medians, in brackets lowest and highest".to_owned(),
    ];
    if verdict == Verdict::Inconclusive {
        notes.push(format!(
            "**INCONCLUSIVE**: the rounds stand on both sides of {LIMIT:.0} MB, or are fewer than three"
        ));
    }
    Ok(Report {
        name: "idle-memory",
        title: "Idle memory".to_owned(),
        header: ["`dotnet App.dll`", "`mews run`", "difference", "bar"].map(str::to_owned).to_vec(),
        rows: vec![vec![
            cell(&kestrel),
            cell(&mews),
            cell(&differences),
            format!("≤ {LIMIT:.0}: {}", verdict.word()),
        ]],
        notes,
        raw: json!({ "limit_mb": LIMIT, "kestrel_mb": kestrel, "mews_mb": mews }),
    })
}
