//! A fast endpoint while many requests block their threads: what `Thread.Sleep` in one handler costs everybody else.

use super::client::Connection;
use super::contender::{Contender, Contenders};
use super::report::Report;
use super::statistics::{median, percentile};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The 99th percentile of the fast endpoint under Mews, at most, in milliseconds.
const LIMIT: f64 = 20.0;

/// Between two probes of one kind.
const PACE: Duration = Duration::from_millis(5);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Requests that block at any time; each for one second
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=2000))]
    connections: u32,
    /// How long
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=600))]
    seconds: u32,
}

/// What one contender did.
struct Outcome {
    contender: Contender,
    /// Response times in milliseconds, on one connection kept open.
    kept: Vec<f64>,
    /// The same, with a new connection for each request.
    fresh: Vec<f64>,
    blocked: u64,
}

pub(crate) fn measure(contenders: &Contenders, options: &Options) -> Result<Report> {
    let mut outcomes = Vec::new();
    for contender in Contender::ALL {
        let server = contenders.start(contender)?;
        let outcome = one(contender, server.address, options)?;
        server.stop()?;
        let (kept, fresh) = (percentile(&outcome.kept, 99.0), percentile(&outcome.fresh, 99.0));
        eprintln!(
            "xtask: {}: p99 {kept:.1} ms on a kept connection, {fresh:.1} ms on fresh ones",
            contender.name()
        );
        outcomes.push(outcome);
    }
    Ok(report(&outcomes, options))
}

fn one(contender: Contender, address: SocketAddr, options: &Options) -> Result<Outcome> {
    // Compiled code before the clock runs; the first blocking request is part of what is measured.
    let mut warm_up = Connection::open(address)?;
    for _ in 0..200 {
        expect_200(warm_up.get("/plaintext")?)?;
    }
    let stop = AtomicBool::new(false);
    let blocked = AtomicU64::new(0);
    let end = Instant::now() + Duration::from_secs(options.seconds.into());
    let (kept, fresh) = std::thread::scope(|scope| {
        let blockers: Vec<_> = (0..options.connections)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    let mut connection = Connection::open(address)?;
                    while !stop.load(Ordering::Relaxed) {
                        expect_200(connection.get("/block")?)?;
                        blocked.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        let fresh = scope.spawn(|| probe(end, || Connection::open(address)?.get("/plaintext")));
        let kept = Connection::open(address).and_then(|mut kept| probe(end, || kept.get("/plaintext")));
        let fresh = joined(fresh.join());
        stop.store(true, Ordering::Relaxed);
        let blockers: Result<Vec<()>> = blockers.into_iter().map(|blocker| joined(blocker.join())).collect();
        blockers.context("a blocking request failed")?;
        anyhow::Ok((kept.context("a probe failed")?, fresh.context("a probe failed")?))
    })?;
    Ok(Outcome { contender, kept, fresh, blocked: blocked.into_inner() })
}

fn joined<T>(result: std::thread::Result<Result<T>>) -> Result<T> {
    result.unwrap_or_else(|_| bail!("a thread panicked"))
}

/// Asks at a steady pace until `end`. A slow answer delays no later question: what would have been asked meanwhile is counted as
/// having waited since its own time.
fn probe(end: Instant, mut ask: impl FnMut() -> Result<u16>) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    let mut due = Instant::now();
    while due < end {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        expect_200(ask()?)?;
        let now = Instant::now();
        while due < now && due < end {
            times.push((now - due).as_secs_f64() * 1e3);
            due += PACE;
        }
    }
    Ok(times)
}

fn expect_200(status: u16) -> Result<()> {
    match status {
        200 => Ok(()),
        other => bail!("answered {other}"),
    }
}

fn report(outcomes: &[Outcome], options: &Options) -> Report {
    let mut rows = Vec::new();
    let mut raw = Vec::new();
    for outcome in outcomes {
        let Outcome { contender, kept, fresh, blocked } = outcome;
        let worst = percentile(kept, 99.0).max(percentile(fresh, 99.0));
        let bar = match contender {
            Contender::Kestrel => "–".to_owned(),
            Contender::Mews => {
                format!("p99 ≤ {LIMIT:.0}: {}", if worst <= LIMIT { "meets" } else { "**misses**" })
            }
        };
        let cells = |times: &[f64]| {
            [median(times), percentile(times, 99.0), percentile(times, 100.0)]
                .map(|time| format!("{time:.1}"))
        };
        let mut row = vec![contender.name().to_owned()];
        row.extend(cells(kept));
        row.extend(cells(fresh));
        row.extend([format!("{:.1}", *blocked as f64 / f64::from(options.seconds)), bar]);
        rows.push(row);
        raw.push(
            json!({ "contender": contender.name(), "kept_ms": kept, "fresh_ms": fresh, "blocked": blocked }),
        );
    }
    let header =
        ["", "p50", "p99", "worst", "fresh p50", "fresh p99", "fresh worst", "blocking requests/s", "bar"];
    Report {
        name: "blocking",
        title: format!("`/plaintext` while {} requests block for 1 s each", options.connections),
        header: header.map(str::to_owned).to_vec(),
        rows,
        more: Vec::new(),
        plot: None,
        notes: vec![format!(
            "milliseconds; a probe every {} ms for {} s on one kept connection, and one on fresh connections; from the first blocking request on",
            PACE.as_millis(),
            options.seconds
        )],
        raw: Value::Array(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_counts_for_all_it_delays() {
        let mut first = true;
        let times = probe(Instant::now() + PACE * 20, || {
            if std::mem::take(&mut first) {
                std::thread::sleep(PACE * 10);
            }
            Ok(200)
        })
        .unwrap();
        let late = times.iter().filter(|time| **time >= PACE.as_secs_f64() * 1e3).count();
        assert!(late >= 8, "{times:?}");
    }

    #[test]
    fn a_failed_probe_is_an_error() {
        assert!(probe(Instant::now() + PACE, || Ok(503)).is_err());
    }
}
