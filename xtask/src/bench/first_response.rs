//! Time from the start of the process to the first successful response.

use super::contender::{Contender, Contenders};
use super::report::Report;
use super::statistics::{Verdict, median, range};
use anyhow::Result;
use serde_json::json;

/// How much later than `dotnet App.dll` Mews may answer, in milliseconds.
const LIMIT: f64 = 50.0;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Starts of each contender
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
}

pub(crate) fn measure(contenders: &Contenders, options: &Options) -> Result<Report> {
    let mut times = [Vec::new(), Vec::new()];
    // The first start of each reads from the disk what the others find in memory.
    for contender in Contender::ALL {
        contenders.start(contender)?.stop()?;
    }
    for round in 0..options.rounds as usize {
        for contender in Contender::turn(round) {
            let server = contenders.start(contender)?;
            let time = server.first_response.as_secs_f64() * 1e3;
            server.stop()?;
            eprintln!("xtask: start {}: {}: {time:.0} ms", round + 1, contender.name());
            times[contender as usize].push(time);
        }
    }
    let [kestrel, mews] = times;
    let differences: Vec<f64> = mews.iter().zip(&kestrel).map(|(mews, kestrel)| mews - kestrel).collect();
    let cell = |values: &[f64]| {
        let (low, high) = range(values);
        format!("{:.0} ({low:.0}–{high:.0})", median(values))
    };
    let verdict = Verdict::of(&differences, LIMIT);
    let mut notes = vec![
        "milliseconds from the start of the process; medians, in brackets lowest and highest".to_owned(),
    ];
    if verdict == Verdict::Inconclusive {
        notes.push(format!(
            "**INCONCLUSIVE**: the rounds stand on both sides of {LIMIT:.0} ms, or are fewer than three"
        ));
    }
    Ok(Report {
        name: "first-response",
        title: "First response".to_owned(),
        header: ["`dotnet App.dll`", "`mews run`", "difference", "bar"].map(str::to_owned).to_vec(),
        rows: vec![vec![
            cell(&kestrel),
            cell(&mews),
            cell(&differences),
            format!("≤ {LIMIT:.0}: {}", verdict.word()),
        ]],
        notes,
        raw: json!({ "limit_ms": LIMIT, "kestrel_ms": kestrel, "mews_ms": mews }),
    })
}
