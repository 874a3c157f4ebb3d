//! `cargo xtask conformance`: suites that nobody here wrote, and the framing table with other servers before Mews. Each
//! tool is installed by its package's name. What was run and what came out is printed, and published with `--publish`.

mod autobahn;
mod framing;
mod h2load;
mod host;
mod peers;
mod python;
mod slow;
mod tls;

use crate::command::cargo;
use crate::dotnet::Toolchain;
use crate::{managed, paths, prerequisites};
use anyhow::{Context as _, Result, anyhow, bail};
use host::{Hosts, Model};
use std::fmt::Write as _;
use std::time::Instant;

/// The app behind Mews.
const APP: &str = "Minimal";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these suites
    #[arg(value_enum)]
    suites: Vec<Suite>,

    /// Write the table to docs/conformance.md
    #[arg(long, conflicts_with = "suites")]
    publish: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Suite {
    /// Ambiguous messages, straight to Mews and through nginx, HAProxy and Caddy
    Framing,
    /// testssl.sh, and SSLyze with Mozilla's recommendation
    Tls,
    /// slowhttptest: slow heads, slow bodies, slow readers
    Slow,
    /// h2load: HTTP/2 with and without TLS
    H2load,
    /// The cases of the Autobahn test suite: WebSockets
    Autobahn,
}

impl Suite {
    /// Whether most of its time goes by with waiting, so that others may run meanwhile.
    fn waits(self) -> bool {
        matches!(self, Self::Framing | Self::Tls | Self::Slow)
    }
}

/// What came out of one thing that was run.
struct Row {
    suite: &'static str,
    what: String,
    result: String,
    passed: bool,
}

pub(crate) fn task(options: &Options) -> Result<()> {
    let all = [Suite::Framing, Suite::Tls, Suite::Slow, Suite::H2load, Suite::Autobahn];
    let suites: Vec<Suite> =
        all.into_iter().filter(|suite| options.suites.is_empty() || options.suites.contains(suite)).collect();
    let toolchain = Toolchain::get()?;
    prerequisites::ensure(&prerequisites::FOR_CONFORMANCE)?;
    managed::build(&toolchain, &["Mews.Server".to_owned(), APP.to_owned()])?;
    cargo()
        .args(["build", "--release", "--package", "mews"])
        .cure("see the compiler's errors above")
        .run()?;
    let hosts = Hosts::new(&toolchain.runtime, &paths::managed_output().join(APP))?;
    let (waiting, working): (Vec<Suite>, Vec<Suite>) = suites.into_iter().partition(|suite| suite.waits());
    let mut rows = Vec::new();
    std::thread::scope(|scope| {
        let hosts = &hosts;
        // All are begun before the first is waited for.
        let each: Vec<_> =
            waiting.into_iter().map(|suite| scope.spawn(move || rows_of(suite, hosts))).collect();
        for one in each {
            rows.extend(one.join().map_err(|_| anyhow!("a suite has panicked"))?);
        }
        anyhow::Ok(())
    })?;
    for suite in working {
        rows.extend(rows_of(suite, &hosts));
    }
    let table = table(&rows);
    println!("{table}");
    if options.publish {
        let page = paths::root().join("docs/conformance.md");
        std::fs::write(&page, format!("{INTRODUCTION}{table}"))
            .with_context(|| format!("cannot write {}", page.display()))?;
    }
    let failed = rows.iter().filter(|row| !row.passed).count();
    if failed > 0 {
        bail!("{failed} of {} did not pass; see the table above", rows.len());
    }
    Ok(())
}

const INTRODUCTION: &str = "# Conformance\n\n\
    Written by one run of `cargo xtask conformance --publish`, with a release build. Each tool comes from its Debian package, SSLyze and the driver of Autobahn's cases from PyPI. What the rows of the framing table are is in \
    [its reference](reference/http-framing.md).\n\n";

/// What came out of a suite; one that cannot be run has failed, and keeps the others' results from nobody.
fn rows_of(suite: Suite, hosts: &Hosts) -> Vec<Row> {
    let began = Instant::now();
    let rows = run(suite, hosts).unwrap_or_else(|error| {
        let result = format!("{error:#}").replace('\n', " ").replace('|', "/");
        vec![Row { suite: "xtask", what: format!("{suite:?} could not be run"), result, passed: false }]
    });
    eprintln!("xtask: {suite:?} took {} s", began.elapsed().as_secs());
    rows
}

/// One suite, in both models where it is about more than TLS.
fn run(suite: Suite, hosts: &Hosts) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    match suite {
        Suite::Tls => rows.extend(tls::run(hosts)?),
        Suite::Autobahn => {
            let program = autobahn::install(hosts)?;
            for model in Model::BOTH {
                rows.extend(autobahn::run(hosts, &program, model)?);
            }
        }
        Suite::Framing | Suite::Slow | Suite::H2load => {
            for model in Model::BOTH {
                rows.extend(match suite {
                    Suite::Framing => framing::run(hosts, model)?,
                    Suite::Slow => slow::run(hosts, model)?,
                    _ => h2load::run(hosts, model)?,
                });
            }
        }
    }
    Ok(rows)
}

fn table(rows: &[Row]) -> String {
    let mut out = String::from("| suite | what was run | result | |\n| --- | --- | --- | --- |\n");
    for row in rows {
        let mark = if row.passed { "passed" } else { "**failed**" };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| {} | {} | {} | {mark} |", row.suite, row.what, row.result);
    }
    out
}
