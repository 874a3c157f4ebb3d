//! The cases of the Autobahn test suite against the app's WebSocket echo. The suite itself is a Python 2 program, which no
//! distribution runs any more; `kosoku` drives its case files from Python 3.

use super::host::{Hosts, Model, tool};
use super::{Row, python};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const REQUIREMENT: &str = "kosoku==0.1.0 \
    --hash=sha256:a9b34e593defe29d931e346c88947b58a015495f09dd13643e4cc952c75602ac\n";
const LIMIT: Duration = Duration::from_secs(1200);

pub(super) fn install(hosts: &Hosts) -> Result<PathBuf> {
    python::install(hosts, "kosoku", REQUIREMENT)
}

pub(super) fn run(hosts: &Hosts, suite: &Path, model: Model) -> Result<Vec<Row>> {
    let host = hosts.start(model, &[])?;
    let groups = [
        ("framing, UTF-8, closing, sizes (1 to 10)", uncompressed(), "/ws?whole"),
        (
            "permessage-deflate, five kinds of content (12; but for the first, up to 32 KiB)",
            compressed(12, 5),
            "/ws?whole&deflate",
        ),
        (
            "permessage-deflate, seven ways to agree on windows and contexts (13; but for the first, up to 32 KiB)",
            compressed(13, 7),
            "/ws?whole&deflate",
        ),
    ];
    let mut rows = Vec::new();
    for (number, (name, cases, path)) in groups.into_iter().enumerate() {
        let report = hosts.scratch.join(format!("autobahn-{}-{number}", model.name()));
        let mut command = Command::new(suite);
        command.args(["--mode", "fuzzingclient", "--parallelism", "4", "--outdir"]).arg(&report);
        command.args(cases).arg(format!("127.0.0.1:{}{path}", host.http));
        tool(&mut command, &report.with_extension("log"), LIMIT)?;
        let index = report.join("index.json");
        let text =
            std::fs::read_to_string(&index).with_context(|| format!("there is no {}", index.display()))?;
        rows.push(row(format!("{name}, {}", model.name()), &serde_json::from_str(&text)?));
    }
    Ok(rows)
}

fn uncompressed() -> Vec<String> {
    ["-x", "12.*", "-x", "13.*"].map(str::to_owned).to_vec()
}

/// Of a chapter on compression the first section, and of each other one the cases with messages of up to 32 KiB, whole and
/// fragmented: the larger ones repeat them with 128 MB each way, which takes long.
fn compressed(chapter: u8, sections: u8) -> Vec<String> {
    let first = format!("{chapter}.1.*");
    let others = (2..=sections).flat_map(|section| {
        let small = (1..=8).chain(11..=13);
        small.map(move |case| format!("{chapter}.{section}.{case}"))
    });
    std::iter::once(first).chain(others).flat_map(|case| ["-i".to_owned(), case]).collect()
}

/// What the suite says of each case, counted. It calls what the protocol leaves open non-strict or informational.
fn row(what: String, index: &Value) -> Row {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut bad = Vec::new();
    let servers = index.as_object().into_iter().flatten();
    for (case, result) in servers.flat_map(|(_, cases)| cases.as_object().into_iter().flatten()) {
        let of = |name: &str| result[name].as_str().unwrap_or("nothing").to_owned();
        let (behavior, close) = (of("behavior"), of("behaviorClose"));
        let passes = |word: &str| matches!(word, "OK" | "NON-STRICT" | "INFORMATIONAL");
        if !passes(&behavior) || !passes(&close) {
            bad.push(format!("{case}: {behavior}, closing {close}"));
        }
        *counts.entry(behavior).or_default() += 1;
    }
    let total: usize = counts.values().sum();
    let counted: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    let mut result = format!("{total} cases: {}", counted.join(", "));
    if !bad.is_empty() {
        result.push_str(&format!("; {}", bad.join("; ")));
    }
    Row { suite: "Autobahn", what, result, passed: total > 0 && bad.is_empty() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_good_is_named() {
        let case = |behavior: &str| json!({ "behavior": behavior, "behaviorClose": "OK" });
        let good = row(String::new(), &json!({ "mews": { "1.1": case("OK"), "6.4": case("NON-STRICT") } }));
        assert_eq!((good.result.as_str(), good.passed), ("2 cases: 1 NON-STRICT, 1 OK", true));
        let bad = row(String::new(), &json!({ "mews": { "1.1": case("OK"), "9.1": case("FAILED") } }));
        assert_eq!(
            (bad.result.as_str(), bad.passed),
            ("2 cases: 1 FAILED, 1 OK; 9.1: FAILED, closing OK", false)
        );
        let unimplemented = row(String::new(), &json!({ "mews": { "12.1": case("UNIMPLEMENTED") } }));
        assert!(!unimplemented.passed && !row(String::new(), &json!({})).passed);
    }
}
