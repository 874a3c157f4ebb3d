//! testssl.sh, against a certificate of an authority that it trusts, and SSLyze, which compares with what Mozilla recommends.

use super::host::{Host, Hosts, Model, tool};
use super::{Row, python};
use crate::command::Step;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(1200);

/// Findings of these severities are failures, but for three kinds: what a certificate that was made a moment ago cannot have;
/// headers, which are the app's; and that the client's order of ciphers counts, as it shall where all of them are good:
/// phones choose one that is cheap for them.
const BAD: [&str; 4] = ["LOW", "MEDIUM", "HIGH", "CRITICAL"];
const EXCUSED: [&str; 10] = [
    "cert_revocation",
    "cert_crlDistributionPoints",
    "cert_ocspURL",
    "OCSP_stapling",
    "DNS_CAArecord",
    "certificate_transparency",
    "cert_mustStapleExtension",
    "HSTS",
    "security_headers",
    "cipher_order",
];

const SSLYZE: &str = include_str!("sslyze.txt");

/// What SSLyze prints behind the server's name when nothing differs.
const COMPLIANT: &str = ": OK - Compliant.";

pub(super) fn run(hosts: &Hosts) -> Result<Vec<Row>> {
    let host = hosts.start(Model::InProcess, &[])?;
    Ok(vec![testssl(hosts, &host)?, sslyze(hosts, &host)?])
}

fn testssl(hosts: &Hosts, host: &Host) -> Result<Row> {
    let report = hosts.scratch.join("testssl.json");
    let mut command = Command::new("testssl");
    command
        .args(["--quiet", "--color", "0", "--warnings", "batch", "--ip", "127.0.0.1"])
        .arg("--add-ca")
        .arg(hosts.scratch.join("ca.pem"))
        .arg("--jsonfile")
        .arg(&report)
        .arg(format!("localhost:{}", host.https));
    tool(&mut command, &hosts.scratch.join("testssl.log"), LIMIT)?;
    let text = std::fs::read_to_string(&report).context("testssl.sh wrote no report")?;
    let findings: Vec<Value> = serde_json::from_str(&text).context("testssl.sh's report")?;
    Ok(judged(&findings, &version()?))
}

/// What testssl.sh calls itself.
fn version() -> Result<String> {
    let said = Step::new("testssl").arg("--version").capture()?.stdout;
    let version = said.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    version.map(str::to_owned).context("testssl.sh names no version")
}

fn judged(findings: &[Value], version: &str) -> Row {
    let field = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let grade = findings.iter().find(|finding| finding["id"] == "overall_grade");
    let grade = grade.map(|finding| field(finding, "finding"));
    let (mut excused, mut bad) = (BTreeSet::new(), Vec::new());
    for finding in findings.iter().filter(|finding| BAD.contains(&&*field(finding, "severity"))) {
        let id = field(finding, "id");
        match EXCUSED.iter().find(|excused| id.starts_with(**excused)) {
            Some(_) => _ = excused.insert(id.split(' ').next().unwrap_or_default().to_owned()),
            None => bad.push(format!("{id}: {}", field(finding, "finding"))),
        }
    }
    let found = if bad.is_empty() { "nothing".to_owned() } else { bad.join("; ").replace('|', "/") };
    let names: Vec<String> = excused.into_iter().map(|id| format!("`{id}`")).collect();
    let excused = if names.is_empty() {
        String::new()
    } else {
        format!(
            " but {}, which the test's certificate and app do not have, or which is meant",
            names.join(", ")
        )
    };
    let graded = grade
        .as_ref()
        .map_or_else(|| "no grade: this version gives none".to_owned(), |grade| format!("grade {grade}"));
    Row {
        suite: "testssl.sh",
        what: format!("all checks of version {version} ({} findings)", findings.len()),
        result: format!("found {found}{excused}; {graded}"),
        passed: !findings.is_empty() && bad.is_empty() && grade.is_none_or(|grade| grade.starts_with('A')),
    }
}

fn sslyze(hosts: &Hosts, host: &Host) -> Result<Row> {
    let program = python::install(hosts, "sslyze", SSLYZE)?;
    let mut command = Command::new(program);
    command.arg("--certinfo_ca_file").arg(hosts.scratch.join("ca.pem"));
    command.args(["--certinfo", "--mozilla_config", "intermediate", &format!("localhost:{}", host.https)]);
    let output = tool(&mut command, &hosts.scratch.join("sslyze.log"), LIMIT)?;
    let passed = output.contains(COMPLIANT);
    let differs = output
        .lines()
        .map(str::trim)
        .filter_map(|line| line.strip_prefix("* ").filter(|line| line.contains(": ")));
    let differs: Vec<&str> = differs.collect();
    Ok(Row {
        suite: "SSLyze",
        what: "compared with Mozilla's recommendation \"intermediate\"".to_owned(),
        result: if passed {
            "complies".to_owned()
        } else {
            format!("differs: {}", differs.join("; ")).replace('|', "/")
        },
        passed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_excused_is_named_and_what_is_not_fails() {
        let finding = |id: &str, severity: &str| json!({ "id": id, "severity": severity, "finding": "a|b" });
        let mut findings = vec![finding("TLS1_2", "OK"), finding("HSTS", "LOW")];
        let good = judged(&findings, "3.0");
        assert!(good.passed && good.result.starts_with("found nothing but `HSTS`,"), "{}", good.result);
        assert!(good.result.ends_with("; no grade: this version gives none"), "{}", good.result);
        findings.push(json!({ "id": "overall_grade", "severity": "OK", "finding": "A+" }));
        assert!(judged(&findings, "3.2").passed);
        findings.push(finding("heartbleed", "CRITICAL"));
        let bad = judged(&findings, "3.2");
        assert!(!bad.passed && bad.result.starts_with("found heartbleed: a/b but `HSTS`"), "{}", bad.result);
        findings.truncate(2);
        findings.push(json!({ "id": "overall_grade", "severity": "OK", "finding": "B" }));
        assert!(!judged(&findings, "3.2").passed && !judged(&[], "3.2").passed);
    }
}
