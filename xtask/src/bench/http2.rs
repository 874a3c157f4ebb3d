//! HTTP/2 without TLS under `h2load`: processor time of each request, in-process beside Kestrel.

use super::contender::{Contender, Contenders, Server, free_address};
use super::process;
use super::report::Report;
use super::statistics::{Verdict, median, range};
use crate::command::Step;
use crate::prerequisites;
use anyhow::{Context as _, Result, bail};
use serde_json::json;

/// How much of Kestrel's processor time Mews may need.
const LIMIT: f64 = 0.80;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Rounds of each contender
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Requests in a round
    #[arg(long, default_value_t = 300_000, value_parser = clap::value_parser!(u32).range(1000..))]
    requests: u32,
    /// Connections
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    connections: u32,
    /// Streams at a time on each
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    streams: u32,
}

pub(crate) fn measure(contenders: &Contenders, options: &Options) -> Result<Report> {
    prerequisites::ensure(&[prerequisites::H2LOAD])?;
    let servers = [kestrel(contenders)?, mews(contenders)?];
    let mut costs = [Vec::new(), Vec::new()];
    for (_, url) in &servers {
        load(url, options)?;
    }
    for round in 0..options.rounds as usize {
        for contender in Contender::turn(round) {
            let (server, url) = &servers[contender as usize];
            let before = used(server)?;
            load(url, options)?;
            let cost = (used(server)? - before) * 1e6 / f64::from(options.requests);
            eprintln!("xtask: round {}: {}: {cost:.2} µs/request", round + 1, contender.name());
            costs[contender as usize].push(cost);
        }
    }
    for (server, _) in servers {
        server.stop()?;
    }
    Ok(report(&costs, options))
}

/// Kestrel speaks HTTP/2 without TLS only where it speaks nothing else: on an address beside the one that is waited for.
fn kestrel(contenders: &Contenders) -> Result<(Server, String)> {
    let (ready, address) = (free_address()?, free_address()?);
    let mut command = contenders.kestrel();
    command
        .current_dir(contenders.assembly().parent().context("the app is in a folder")?)
        .env("Kestrel__Endpoints__Ready__Url", format!("http://{ready}"))
        .env("Kestrel__Endpoints__Measured__Url", format!("http://{address}"))
        .env("Kestrel__Endpoints__Measured__Protocols", "Http2");
    let server = contenders.start_any(Contender::Kestrel.name(), command, ready)?;
    Ok((server, format!("http://{address}/plaintext")))
}

fn mews(contenders: &Contenders) -> Result<(Server, String)> {
    let mut command = contenders.mews("InProcess");
    command.args(["--http2", "always"]);
    let server = contenders.start_app(Contender::Mews.name(), command)?;
    let url = server.url("/plaintext");
    Ok((server, url))
}

fn used(server: &Server) -> Result<f64> {
    Ok(process::usage(&[server.pid()])?.values().map(std::time::Duration::as_secs_f64).sum())
}

fn load(url: &str, options: &Options) -> Result<()> {
    let Options { requests, connections, streams, .. } = options;
    let output = Step::new("h2load")
        .args([format!("-n{requests}"), format!("-c{connections}"), format!("-m{streams}")])
        .arg(url)
        .capture()?;
    if output.stdout.contains(&format!("{requests} succeeded, 0 failed, 0 errored")) {
        return Ok(());
    }
    bail!("not every request succeeded:\n{}", output.stdout)
}

fn report(costs: &[Vec<f64>; 2], options: &Options) -> Report {
    let [kestrel, mews] = costs;
    let ratios: Vec<f64> = mews.iter().zip(kestrel).map(|(mews, kestrel)| mews / kestrel).collect();
    let cell = |values: &[f64]| {
        let (low, high) = range(values);
        format!("{:.2} ({low:.2}–{high:.2})", median(values))
    };
    let verdict = Verdict::of(&ratios, LIMIT);
    let (connections, streams) = (options.connections, options.streams);
    Report {
        name: "http2",
        title: "HTTP/2".to_owned(),
        header: ["Kestrel", "Mews in-process", "ratio", "bar"].map(str::to_owned).to_vec(),
        rows: vec![vec![
            cell(kestrel),
            cell(mews),
            cell(&ratios),
            format!("≤ {LIMIT:.2}: {}", verdict.word()),
        ]],
        more: Vec::new(),
        plot: None,
        notes: vec![format!(
            "processor time of all server processes in µs per request; plaintext, no TLS, {connections} connections × {streams} streams; medians, in brackets lowest and highest"
        )],
        raw: json!({ "limit": LIMIT, "kestrel": kestrel, "mews": mews }),
    }
}
