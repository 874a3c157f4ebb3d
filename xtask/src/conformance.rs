//! `cargo xtask conformance`: suites that nobody here wrote, and the framing table with other servers before Mews. Each
//! tool is installed by its package's name. What was run and what came out is printed, and published with `--publish`.

mod autobahn;
mod framing;
mod h2load;
mod host;
mod peers;
mod slow;
mod tls;

use crate::command::cargo;
use crate::dotnet::Toolchain;
use crate::{managed, paths, prerequisites};
use anyhow::{Context as _, Result, bail};
use host::Model;
use std::fmt::Write as _;

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

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Suite {
    /// Ambiguous messages, straight to Mews and through nginx, HAProxy and Caddy
    Framing,
    /// testssl.sh
    Tls,
    /// slowhttptest: slow heads, slow bodies, slow readers
    Slow,
    /// h2load: HTTP/2 with and without TLS
    H2load,
    /// The cases of the Autobahn test suite: WebSockets
    Autobahn,
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
    cargo().args(["build", "--package", "mews"]).cure("see the compiler's errors above").run()?;
    let hosts = host::Hosts::new(&toolchain.runtime, &paths::managed_output().join(APP))?;
    let mut rows = Vec::new();
    for suite in suites {
        match suite {
            Suite::Framing => {
                for model in [Model::InProcess, Model::OutOfProcess] {
                    rows.extend(framing::run(&hosts, model)?);
                }
            }
            Suite::Tls => rows.extend(tls::run(&hosts)?),
            Suite::Slow => {
                for model in [Model::InProcess, Model::OutOfProcess] {
                    rows.extend(slow::run(&hosts, model)?);
                }
            }
            Suite::H2load => {
                for model in [Model::InProcess, Model::OutOfProcess] {
                    rows.extend(h2load::run(&hosts, model)?);
                }
            }
            Suite::Autobahn => {
                let suite = autobahn::install(&hosts)?;
                for model in [Model::InProcess, Model::OutOfProcess] {
                    rows.extend(autobahn::run(&hosts, &suite, model)?);
                }
            }
        }
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
    Written by `cargo xtask conformance --publish`; each tool comes from its Debian package, the driver of Autobahn's cases from PyPI. What the rows of the framing table are is in \
    [its reference](reference/http-framing.md).\n\n";

fn table(rows: &[Row]) -> String {
    let mut out = String::from("| suite | what was run | result | |\n| --- | --- | --- | --- |\n");
    for row in rows {
        let mark = if row.passed { "passed" } else { "**failed**" };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| {} | {} | {} | {mark} |", row.suite, row.what, row.result);
    }
    out
}
