//! What sharing an address costs: the processor time of handing a connection over, and that of a request on a kept
//! connection, which the gateway has no part in.

use super::client::Connection;
use super::contender::{Contenders, Server, free_address};
use super::report::Report;
use super::{process, statistics, wrk};
use crate::{paths, prerequisites};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::process::Command;
use std::time::Duration;

/// Most processor time that handing a connection over may take, in microseconds.
const HAND_OVER: f64 = 30.0;
/// How much more a request on a kept connection may take.
const KEPT: f64 = 1.05;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Rounds of each setup
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Connections of a round, one after the other, each with one request
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(100..=20_000))]
    connections: u32,
    /// Seconds of load over kept connections
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
}

/// The app in a pool that has its address alone, or shares it with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setup {
    Alone,
    Shared,
}

impl Setup {
    const ALL: [Self; 2] = [Self::Alone, Self::Shared];

    fn name(self) -> &'static str {
        match self {
            Self::Alone => "an address of its own",
            Self::Shared => "a shared address",
        }
    }

    fn start(self, contenders: &Contenders) -> Result<Server> {
        let address = free_address()?;
        let app = contenders.assembly();
        let folder = app.parent().context("the app has a folder")?;
        let application = |path: &str, pool: &str| {
            format!(
                "[[site.application]]\npath = '{path}'\nphysical_path = '{}'\npool = '{pool}'\nhosting_model = 'InProcess'\n",
                folder.display()
            )
        };
        let mut text = format!("[[site]]\nname = 'bench'\nbindings = ['http://{address}']\n");
        text += &application("/", "bench");
        if self == Self::Shared {
            text += &application("/other", "other");
            text += "[pool.other]\n";
        }
        text += "[pool.bench]\nstart = 'always'\n";
        let file = contenders.scratch().join(format!("{self:?}.toml").to_lowercase());
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        let mut command = Command::new(paths::mews("release"));
        command.arg("serve").arg("--config").arg(&file);
        // Both run at once, and perhaps beside one that serves in earnest.
        command.arg("--control").arg(file.with_extension("sock"));
        command.envs(contenders.environment());
        contenders.start_any(&format!("gateway {self:?}"), command, address)
    }
}

/// Microseconds of processor time.
#[derive(Default)]
struct Costs {
    connection: Vec<f64>,
    request: Vec<f64>,
}

pub(crate) fn measure(contenders: &Contenders, options: &Options) -> Result<Report> {
    prerequisites::ensure(&[prerequisites::WRK])?;
    let mut costs = [Costs::default(), Costs::default()];
    let servers = Setup::ALL.map(|setup| setup.start(contenders));
    let [alone, shared] = servers;
    let servers = [alone?, shared?];
    for server in &servers {
        wrk::run(&server.url("/plaintext"), 64, options.seconds, None)?;
    }
    for round in 0..options.rounds {
        for (setup, server) in Setup::ALL.into_iter().zip(&servers) {
            let costs = &mut costs[setup as usize];
            let before = used(server)?;
            for _ in 0..options.connections {
                let status = Connection::open(server.address)?.get("/plaintext")?;
                ensure!(status == 200, "{}: status {status}", setup.name());
            }
            let per = |before: Duration, count: f64| -> Result<f64> {
                Ok((used(server)? - before).as_secs_f64() * 1e6 / count)
            };
            costs.connection.push(per(before, options.connections.into())?);
            let before = used(server)?;
            let load = wrk::run(&server.url("/plaintext"), 64, options.seconds, None)?;
            ensure!(load.errors == 0, "{}: {} errors", setup.name(), load.errors);
            costs.request.push(per(before, load.requests as f64)?);
            eprintln!(
                "xtask: round {}: {}: {:.1} µs per connection, {:.2} µs per request",
                round + 1,
                setup.name(),
                costs.connection.last().copied().unwrap_or_default(),
                costs.request.last().copied().unwrap_or_default()
            );
        }
    }
    for server in servers {
        server.stop()?;
    }
    Ok(report(&costs))
}

fn used(server: &Server) -> Result<Duration> {
    Ok(process::usage(&[server.pid()])?.into_values().sum())
}

fn report(costs: &[Costs; 2]) -> Report {
    let cell = |values: &[f64]| {
        let (low, high) = statistics::range(values);
        format!("{:.2} ({low:.2}–{high:.2})", statistics::median(values))
    };
    let rows = Setup::ALL
        .into_iter()
        .zip(costs)
        .map(|(setup, costs)| vec![setup.name().to_owned(), cell(&costs.connection), cell(&costs.request)]);
    let median = |values: &[f64]| statistics::median(values);
    let hand_over = median(&costs[1].connection) - median(&costs[0].connection);
    let kept = median(&costs[1].request) / median(&costs[0].request);
    let met = |met: bool| if met { "met" } else { "not met" };
    Report {
        name: "gateway",
        title: "Sharing an address".to_owned(),
        header: ["", "connection with one request", "request on a kept connection"]
            .map(str::to_owned)
            .to_vec(),
        rows: rows.collect(),
        more: Vec::new(),
        plot: None,
        notes: vec![
            "Processor time of all processes of the server in µs; medians, in brackets lowest and highest."
                .to_owned(),
            format!(
                "Handing a connection over costs {hand_over:.1} µs; at most {HAND_OVER} was aimed at: {}.",
                met(hand_over <= HAND_OVER)
            ),
            format!(
                "A request on a kept connection costs {kept:.2} times as much; at most {KEPT} was aimed at: {}.",
                met(kept <= KEPT)
            ),
        ],
        raw: json!(
            Setup::ALL
                .into_iter()
                .zip(costs)
                .map(|(setup, costs)| json!({
                    "setup": setup.name(), "connection": costs.connection, "request": costs.request,
                }))
                .collect::<Vec<_>>()
        ),
    }
}
