//! Setups beside each other under the same load: the app in Kestrel alone, behind proxies, in Mews in both hosting models, and two floors that have
//! no app.
//!
//! Each setup has its own copy of the app; all run at once and take turns under load. A setup's processor time is that of all its processes. What is
//! above Kestrel alone in the same round is the *hop* of a setup with a process before the app.

mod comparison;
mod table;
mod work;

use super::contender::Contenders;
use super::report::Report;
use super::secured::Certificate;
use super::setup::{self, Running, Setup};
use super::{h2load, process, websocket, wrk};
use crate::prerequisites;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use work::{ALL, Generator, Kind, Work};

/// What one request of [`Kind::Transfer`] moves, in MiB.
const TRANSFER: f64 = 10.0;

/// Streams at a time on a connection of [`Generator::H2load`].
const STREAMS: u32 = 100;

/// A setup is warm when another stretch of load costs more than this part of the stretch before.
const STEADY: f64 = 0.95;

/// Stretches of load to become warm, at most.
const MOST_WARM_UPS: u32 = 10;

/// Which setups take part, and in what, when nothing is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preset {
    /// Mews in-process beside Kestrel alone, nginx before Kestrel, and the floors.
    InProcess,
    /// Mews out-of-process beside every proxy.
    OutOfProcess,
    /// Everybody in everything.
    All,
}

impl Preset {
    fn name(self) -> &'static str {
        match self {
            Self::InProcess => "in-process",
            Self::OutOfProcess => "out-of-process",
            Self::All => "all",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::InProcess => "In-process",
            Self::OutOfProcess => "Out-of-process",
            Self::All => "All setups",
        }
    }

    fn setups(self) -> &'static [Setup] {
        match self {
            Self::InProcess => {
                &[Setup::Floor, Setup::Native, Setup::Kestrel, Setup::Nginx, Setup::MewsInProcess]
            }
            Self::OutOfProcess => &[
                Setup::Kestrel,
                Setup::Nginx,
                Setup::NginxUnix,
                Setup::HaProxy,
                Setup::HaProxyUnix,
                Setup::Caddy,
                Setup::CaddyUnix,
                Setup::MewsOutOfProcess,
            ],
            Self::All => &[
                Setup::Floor,
                Setup::Native,
                Setup::Kestrel,
                Setup::Nginx,
                Setup::NginxUnix,
                Setup::HaProxy,
                Setup::HaProxyUnix,
                Setup::Caddy,
                Setup::CaddyUnix,
                Setup::MewsInProcess,
                Setup::MewsOutOfProcess,
            ],
        }
    }
}

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Length of a measured round
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Measured rounds of each setup
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Keep-alive connections of the small requests
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// Keep-alive connections of the 10 MiB bodies
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    transfers: u32,
    /// Load before the first round of each kind of work, in seconds; repeated until it no longer makes a setup faster
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=600))]
    warm_up: u32,
    /// Only this work
    #[arg(long)]
    work: Vec<String>,
    /// Only these setups; Kestrel alone always belongs to them
    #[arg(long)]
    setup: Vec<Setup>,
    /// Let the app behind a proxy evaluate X-Forwarded-For and -Proto too, as it does behind Mews out-of-process
    #[arg(long)]
    forwarded: bool,
}

impl Options {
    /// Whether `mews` takes part.
    pub(crate) fn needs_mews(&self, preset: Preset) -> bool {
        self.setups(preset).into_iter().any(Setup::is_mews)
    }

    fn setups(&self, preset: Preset) -> Vec<Setup> {
        let named = if self.setup.is_empty() { preset.setups() } else { &self.setup };
        let mut setups = named.to_vec();
        setups.push(Setup::Kestrel);
        setups.sort_unstable();
        setups.dedup();
        setups
    }
}

/// One measured round.
struct Round {
    /// Processor time by program.
    used: BTreeMap<String, Duration>,
    /// Proportional set size of all processes afterwards, in KiB.
    memory: u64,
    load: wrk::Load,
}

/// All rounds of one kind of work, by setup.
struct Case {
    work: &'static Work,
    rounds: BTreeMap<Setup, Vec<Round>>,
}

pub(crate) fn measure(preset: Preset, contenders: &Contenders, options: &Options) -> Result<Report> {
    prerequisites::ensure(&[prerequisites::WRK, prerequisites::H2LOAD, prerequisites::OPENSSL])?;
    let work = chosen(preset, options)?;
    let setups = options.setups(preset);
    setup::prepare(&setups)?;
    let mut versions = Vec::new();
    for setup in &setups {
        versions.extend(setup.version()?.map(|version| (*setup, version)));
    }
    let certificate = Certificate::new(contenders)?;
    let start = |setup: &Setup| Running::start(*setup, contenders, &certificate, options.forwarded);
    let running = setups.iter().map(start).collect::<Result<Vec<Running>>>()?;
    let mut cases = Vec::new();
    for work in work {
        cases.push(measure_work(work, &running, contenders, options)?);
    }
    for setup in running {
        setup.stop()?;
    }
    Ok(table::report(preset, &cases, &versions, options))
}

fn chosen(preset: Preset, options: &Options) -> Result<Vec<&'static Work>> {
    static WORK: [Work; ALL.len()] = ALL;
    if let Some(unknown) = options.work.iter().find(|name| !WORK.iter().any(|work| work.name == **name)) {
        bail!("{unknown:?} is not measured; known are {}", WORK.each_ref().map(|work| work.name).join(", "));
    }
    let is_chosen = |work: &&Work| match options.work.is_empty() {
        true => work.belongs_to(preset),
        false => options.work.iter().any(|name| name == work.name),
    };
    Ok(WORK.iter().filter(is_chosen).collect())
}

fn measure_work(
    work: &'static Work,
    running: &[Running],
    contenders: &Contenders,
    options: &Options,
) -> Result<Case> {
    let load = Load::new(work, contenders, options)?;
    let running: Vec<&Running> = running.iter().filter(|running| work.suits(running.setup)).collect();
    let round = |running: &Running, seconds| {
        load.round(running, seconds).with_context(|| format!("{}: {}", work.name, running.setup.name()))
    };
    for running in &running {
        warm_up(running, || round(running, options.warm_up))?;
    }
    let mut case = Case { work, rounds: BTreeMap::new() };
    for number in 0..options.rounds as usize {
        for index in turn(number, running.len()) {
            let running = running[index];
            let round = round(running, options.seconds)?;
            eprintln!(
                "xtask: {} round {}: {}: {:.1} µs/request, {:.0} requests/s, p50 {:.2} ms, {} errors",
                work.name,
                number + 1,
                running.setup.name(),
                round.cost(),
                round.load.rate,
                round.load.p50,
                round.load.errors
            );
            case.rounds.entry(running.setup).or_default().push(round);
        }
    }
    Ok(case)
}

/// Puts load on a setup until another stretch of it makes a request no cheaper: .NET compiles what runs often anew, in several steps and beside
/// the load, and the busier the machine, the longer that takes.
fn warm_up(running: &Running, mut stretch: impl FnMut() -> Result<Round>) -> Result<()> {
    let mut before = f64::INFINITY;
    for number in 1..=MOST_WARM_UPS {
        let cost = stretch()?.cost();
        eprintln!("xtask: warm-up {number}: {}: {cost:.1} µs/request", running.setup.name());
        if cost > before * STEADY || !running.setup.has_app() {
            return Ok(());
        }
        before = cost;
    }
    eprintln!("xtask: {} still gets faster; measured as it is", running.setup.name());
    Ok(())
}

/// A kind of work, ready to be put on setups.
struct Load {
    work: &'static Work,
    connections: u32,
    script: Option<PathBuf>,
}

impl Load {
    fn new(work: &'static Work, contenders: &Contenders, options: &Options) -> Result<Self> {
        let otherwise = if work.kind == Kind::Transfer { options.transfers } else { options.connections };
        let script = match work.generator {
            Generator::Script(name, text) => {
                let file = contenders.scratch().join(name);
                std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
                Some(file)
            }
            Generator::Wrk | Generator::WebSocket | Generator::H2load => None,
        };
        Ok(Self { work, connections: work.connections.unwrap_or(otherwise), script })
    }

    fn url(&self, running: &Running) -> Result<String> {
        let path = self.work.path;
        if self.work.secure { running.secure_url(path) } else { Ok(running.url(path)) }
    }

    fn round(&self, running: &Running, seconds: u32) -> Result<Round> {
        let before = process::usage(&running.roots())?;
        let load = match self.work.generator {
            Generator::WebSocket => {
                websocket::run(running.address(), self.work.path, self.connections, seconds)?
            }
            Generator::H2load => h2load::run(&self.url(running)?, self.connections, STREAMS, seconds)?,
            Generator::Wrk | Generator::Script(..) => {
                wrk::run(&self.url(running)?, self.connections, seconds, self.script.as_deref())?
            }
        };
        let mut used = process::usage(&running.roots())?;
        for (program, time) in &mut used {
            *time = time.saturating_sub(before.get(program).copied().unwrap_or_default());
        }
        if load.requests == 0 {
            bail!("no request was answered");
        }
        let memory = running.roots().into_iter().map(process::memory).sum::<Result<u64>>()?;
        Ok(Round { used, memory, load })
    }
}

/// Everybody once; each round begins with another one, and every other round goes the other way round.
fn turn(round: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    if !round.is_multiple_of(2) {
        order.reverse();
    }
    order.rotate_left((round / 2) % count.max(1));
    order
}

impl Round {
    /// Processor microseconds of all processes per request.
    fn cost(&self) -> f64 {
        self.used.values().sum::<Duration>().as_secs_f64() * 1e6 / self.load.requests as f64
    }

    /// As [`Round::cost`], without the app's process.
    fn cost_before_app(&self) -> f64 {
        let others = self.used.iter().filter(|(program, _)| *program != "dotnet");
        others.map(|(_, time)| *time).sum::<Duration>().as_secs_f64() * 1e6 / self.load.requests as f64
    }
}

impl Case {
    /// One figure of each round of a setup; nothing when it takes no part.
    fn figures(&self, setup: Setup, figure: impl Fn(&Round) -> f64) -> Vec<f64> {
        self.rounds.get(&setup).into_iter().flatten().map(figure).collect()
    }

    /// The same less that of Kestrel alone in the same round.
    fn above_kestrel(&self, setup: Setup, figure: impl Fn(&Round) -> f64) -> Vec<f64> {
        let alone = self.figures(Setup::Kestrel, &figure);
        self.figures(setup, figure).iter().zip(alone).map(|(figure, alone)| figure - alone).collect()
    }

    fn errors(&self, setup: Setup) -> u64 {
        self.rounds.get(&setup).into_iter().flatten().map(|round| round.load.errors).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A case whose rounds cost so many microseconds and have that median.
    pub(super) fn case(work: &'static str, rounds: &[(Setup, &[f64])]) -> Case {
        let options = Options { work: vec![work.to_owned()], ..options() };
        let work = chosen(Preset::All, &options).unwrap()[0];
        let round = |cost: &f64| Round {
            used: BTreeMap::from([("dotnet".to_owned(), Duration::from_secs_f64(cost * 1e-6))]),
            memory: 1024,
            load: wrk::Load {
                requests: 1,
                rate: 100.0 / cost,
                errors: 0,
                p50: *cost,
                p90: *cost,
                p99: 2.0 * cost,
            },
        };
        let rounds = rounds.iter().map(|(setup, costs)| (*setup, costs.iter().map(round).collect()));
        Case { work, rounds: rounds.collect() }
    }

    pub(super) fn options() -> Options {
        Options {
            seconds: 5,
            rounds: 3,
            connections: 64,
            transfers: 8,
            warm_up: 3,
            work: Vec::new(),
            setup: Vec::new(),
            forwarded: false,
        }
    }

    #[test]
    fn a_hop_is_what_is_above_kestrel_in_the_same_round() {
        let case = case("json", &[(Setup::Kestrel, &[10.0, 20.0]), (Setup::Nginx, &[50.0, 70.0])]);
        let hops = case.above_kestrel(Setup::Nginx, Round::cost);
        assert!(hops.iter().zip([40.0, 50.0]).all(|(hop, due)| (hop - due).abs() < 1e-6), "{hops:?}");
        assert!(case.above_kestrel(Setup::MewsOutOfProcess, Round::cost).is_empty());
        assert_eq!(case.figures(Setup::Nginx, Round::cost_before_app), [0.0, 0.0]);
    }

    #[test]
    fn turns_change_who_comes_first() {
        assert_eq!(turn(0, 4), [0, 1, 2, 3]);
        assert_eq!(turn(1, 4), [3, 2, 1, 0]);
        assert_eq!(turn(2, 4), [1, 2, 3, 0]);
        assert!((0..9).all(|round| turn(round, 3).len() == 3));
        assert!(turn(0, 0).is_empty());
    }

    #[test]
    fn kestrel_always_takes_part_and_presets_name_mews() {
        let only = Options { setup: vec![Setup::Nginx], ..options() };
        assert_eq!(only.setups(Preset::All), [Setup::Kestrel, Setup::Nginx]);
        assert!(!only.needs_mews(Preset::All));
        for preset in [Preset::InProcess, Preset::OutOfProcess, Preset::All] {
            assert!(options().needs_mews(preset) && !chosen(preset, &options()).unwrap().is_empty());
        }
    }
}
