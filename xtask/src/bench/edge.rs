//! What stands on the public side, in-process beside Kestrel: TLS, HTTP/2 over it, idle connections; and what log and metrics cost.

mod idle;
mod load;

use super::contender::{Contender, Contenders, Server};
use super::process;
use super::report::Report;
use super::secured::Certificate;
use super::statistics::{Verdict, median, range};
use crate::prerequisites;
use anyhow::Result;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these
    #[arg(value_enum)]
    what: Vec<Part>,
    /// Rounds of each contender
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Seconds of load in a round
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Idle connections
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    idle: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Plaintext on kept connections over TLS
    Https,
    /// Full handshakes
    Handshakes,
    /// HTTP/2 over TLS: 10 connections of 100 streams
    Http2,
    /// Memory with idle connections, plain and over TLS
    Idle,
    /// Access log and metrics, on and off
    Observing,
}

/// One line of the table: the same of two, round by round.
struct Line {
    what: String,
    unit: &'static str,
    decimals: usize,
    /// Who the second is compared with, and the second.
    names: [&'static str; 2],
    values: [Vec<f64>; 2],
    limit: f64,
}

/// A server that answers on both addresses.
struct Both {
    server: Server,
    secure: SocketAddr,
}

impl Both {
    fn https(&self, path: &str) -> String {
        format!("https://{}{path}", self.secure)
    }

    /// The processor time that it has used, in seconds.
    fn used(&self) -> Result<f64> {
        used(&self.server)
    }
}

fn used(server: &Server) -> Result<f64> {
    Ok(process::usage(&[server.pid()])?.values().map(Duration::as_secs_f64).sum())
}

pub(crate) fn measure(contenders: &Contenders, options: &Options) -> Result<Report> {
    prerequisites::ensure(&[prerequisites::WRK, prerequisites::H2LOAD, prerequisites::OPENSSL])?;
    let pair = Pair { contenders, certificate: Certificate::new(contenders)? };
    let mut lines = Vec::new();
    for part in [Part::Https, Part::Handshakes, Part::Http2, Part::Idle, Part::Observing] {
        if !options.what.is_empty() && !options.what.contains(&part) {
            continue;
        }
        match part {
            Part::Https => lines.push(load::https(&pair, options)?),
            Part::Handshakes => lines.extend(load::handshakes(&pair, options)?),
            Part::Http2 => lines.push(load::http2(&pair, options)?),
            Part::Idle => lines.extend(idle::measure(&pair, options)?),
            Part::Observing => lines.push(load::observing(contenders, options)?),
        }
    }
    Ok(report(&lines))
}

/// How both are started.
struct Pair<'a> {
    contenders: &'a Contenders,
    certificate: Certificate,
}

impl Pair<'_> {
    fn start(&self, contender: Contender) -> Result<Both> {
        let name = contender.name();
        let (server, secure) = match contender {
            Contender::Kestrel => self.certificate.start_kestrel(self.contenders, name)?,
            Contender::Mews => self.certificate.start_mews(self.contenders, name, "InProcess")?,
        };
        Ok(Both { server, secure })
    }

    /// Both, in the order of [`Contender::ALL`].
    fn start_all(&self) -> Result<[Both; 2]> {
        Ok([self.start(Contender::Kestrel)?, self.start(Contender::Mews)?])
    }
}

/// Has `one` measured in turns; `one` answers what a request cost.
fn in_turns(
    what: &str,
    options: &Options,
    mut one: impl FnMut(Contender) -> Result<f64>,
) -> Result<[Vec<f64>; 2]> {
    let mut values = [Vec::new(), Vec::new()];
    for round in 0..options.rounds as usize {
        for contender in Contender::turn(round) {
            let value = one(contender)?;
            eprintln!("xtask: {what}, round {}: {}: {value:.2}", round + 1, contender.name());
            values[contender as usize].push(value);
        }
    }
    Ok(values)
}

fn report(lines: &[Line]) -> Report {
    let row = |line: &Line| {
        let [first, second] = &line.values;
        let ratios: Vec<f64> = second.iter().zip(first).map(|(second, first)| second / first).collect();
        let cell = |values: &[f64], decimals: usize| {
            let (low, high) = range(values);
            format!("{:.decimals$} ({low:.decimals$}–{high:.decimals$})", median(values))
        };
        let named = |name: &str, values: &[f64]| format!("{name}: {}", cell(values, line.decimals));
        vec![
            line.what.clone(),
            line.unit.to_owned(),
            named(line.names[0], first),
            named(line.names[1], second),
            cell(&ratios, 3),
            format!("≤ {:.2}: {}", line.limit, Verdict::of(&ratios, line.limit).word()),
        ]
    };
    let raw = lines.iter().map(|line| {
        json!({ "what": line.what, "unit": line.unit, "names": line.names, "values": line.values, "limit": line.limit })
    });
    Report {
        name: "edge",
        title: "The edge".to_owned(),
        header: ["what", "unit", "beside", "Mews", "ratio", "bar"].map(str::to_owned).to_vec(),
        rows: lines.iter().map(row).collect(),
        more: Vec::new(),
        plot: None,
        notes: vec![
            "medians, in brackets lowest and highest; processor time is that of all server processes".to_owned(),
            "handshakes are full ones (TLS 1.3, ECDSA P-256, no resumption) by `openssl s_time`, which shares the processors with the server: 1.3 times as many per second of the server's processor time is a ratio of 0.77".to_owned(),
            "memory is the proportional set size of all processes with the connections open, after each has asked once and all have rested".to_owned(),
        ],
        raw: raw.collect(),
    }
}
