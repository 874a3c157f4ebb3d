//! What a request costs between Mews and the app alone: no sockets, no HTTP. Kept in the documents, so that a regression is seen.

use super::contender::Contenders;
use super::report::Report;
use crate::command::{Step, cargo};
use crate::dotnet::Dotnet;
use crate::paths;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// What the app is asked for: nothing, then a body, then something that takes two threads.
const WORK: [(&str, &str); 4] = [
    ("/none", "404 without a body"),
    ("/plaintext", "13 bytes in one write"),
    ("/json", "a small object, serialised"),
    ("/yield", "the same after `Task.Yield`"),
];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Requests of a turn
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    requests: u32,
}

pub(crate) fn measure(contenders: &Contenders, dotnet: &Dotnet, options: &Options) -> Result<Report> {
    cargo()
        .args(["build", "--release", "--package", "mews-clr", "--example", "boundary"])
        .cure("see the compiler's errors above")
        .run()?;
    let output = Step::new(paths::target().join("release/examples/boundary"))
        .arg(contenders.assembly())
        .arg(paths::managed_output().join("Mews.Server/Mews.Server.dll"))
        .arg(options.requests.to_string())
        .args(WORK.map(|(path, _)| path))
        .envs(&dotnet.environment())
        .cure("see what the app printed above")
        .capture()?;
    report(&output.stdout, options)
}

fn report(printed: &str, options: &Options) -> Result<Report> {
    let mut rows = Vec::new();
    let mut raw = Vec::new();
    // The app may print lines of its own.
    for line in printed.lines().filter(|line| line.starts_with("{\"")) {
        let value: Value = serde_json::from_str(line).with_context(|| format!("not understood: {line}"))?;
        if let Some(report) = value.get("report") {
            bail!("the app could not be started: {report}");
        }
        let number = |key: &str| {
            value[key].as_f64().with_context(|| format!("{key} is missing in what was printed: {line}"))
        };
        let path = value["path"].as_str().unwrap_or_default();
        let what = WORK.iter().find(|(known, _)| *known == path).map_or("", |(_, what)| what);
        rows.push(vec![
            format!("`{path}`: {what}"),
            format!("{:.2}", number("ns")? / 1e3),
            format!("{:.1}", number("native_allocations")?),
            format!("{:.0}", number("native_bytes")?),
            format!("{:.0}", number("managed_bytes")?),
            format!("{:.1}", number("calls_back")?),
            format!("{:.0} %", number("at_once")? * 100.0),
        ]);
        raw.push(value);
    }
    if rows.len() != WORK.len() {
        bail!("{} paths were measured, {} were asked for:\n{printed}", rows.len(), WORK.len());
    }
    let header = [
        "request",
        "µs",
        "native allocations",
        "native bytes",
        "managed bytes",
        "calls back",
        "complete at return",
    ];
    Ok(Report {
        name: "boundary",
        title: format!("The boundary to the app, {} requests one after another", options.requests),
        header: header.map(str::to_owned).to_vec(),
        rows,
        more: Vec::new(),
        plot: None,
        notes: vec![
            "wall time of the fastest turn of several; one thread sends, and nothing else runs beside it".to_owned(),
            "native: what the calling thread allocates with Rust's allocator, one of it the measuring program's own for the response; managed: `GC.GetTotalAllocatedBytes`, of the app and of Mews's server in it"
                .to_owned(),
            "each request is one call of the app; calls back: functions of the table that the managed side called for it".to_owned(),
        ],
        raw: Value::Array(raw),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(path: &str) -> String {
        format!(
            "{{\"path\":{path:?},\"ns\":1500.0,\"native_allocations\":1.0,\"native_bytes\":88.0,\"managed_bytes\":0.0,\"calls_back\":0.000,\"at_once\":1.000}}\n"
        )
    }

    #[test]
    fn each_path_is_a_row() {
        let options = Options { requests: 10 };
        let printed: String = WORK.iter().map(|(path, _)| line(path)).collect();
        let report = report(&format!("info: hello\n{printed}"), &options).unwrap();
        assert_eq!(report.rows.len(), WORK.len());
        assert_eq!(report.rows[0][1..4], ["1.50", "1.0", "88"]);
        assert_eq!(report.rows[0][6], "100 %");
    }

    #[test]
    fn what_is_missing_is_said() {
        let options = Options { requests: 10 };
        assert!(report(&line("/none"), &options).is_err());
        assert!(report("{\"report\":\"no server\"}\n", &options).is_err());
    }
}
