//! testssl.sh, against a certificate of an authority that it trusts.

use super::Row;
use super::host::{Hosts, Model, tool};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

const UNKNOWN: &str = "unknown";
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

pub(super) fn run(hosts: &Hosts) -> Result<Vec<Row>> {
    let host = hosts.start(Model::InProcess, &[])?;
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
    let field = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let of = |id: &str| {
        let found = findings.iter().find(|finding| finding["id"] == id);
        found.map_or_else(|| UNKNOWN.to_owned(), |finding| field(finding, "finding"))
    };
    let bad: Vec<String> = findings
        .iter()
        .filter(|finding| BAD.contains(&&*field(finding, "severity")))
        .filter(|finding| !EXCUSED.iter().any(|excused| field(finding, "id").starts_with(excused)))
        .map(|finding| format!("{}: {}", field(finding, "id"), field(finding, "finding")))
        .collect();
    // Debian 12's version gives no grades.
    let grade = of("overall_grade");
    let what = format!("all checks of testssl.sh ({} findings)", findings.len());
    let result = if bad.is_empty() {
        format!("nothing found; grade {grade}")
    } else {
        format!("{}; grade {grade}", bad.join("; ").replace('|', "/"))
    };
    let passed = bad.is_empty() && (grade == UNKNOWN || grade.starts_with('A'));
    Ok(vec![Row { suite: "testssl.sh", what, result, passed }])
}
