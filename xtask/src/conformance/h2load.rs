//! h2load: many HTTP/2 streams, over TLS and with prior knowledge.

use super::Row;
use super::host::{Hosts, Model, tool};
use anyhow::Result;
use std::process::Command;
use std::time::Duration;

const REQUESTS: &str = "20000";
const LIMIT: Duration = Duration::from_secs(300);

pub(super) fn run(hosts: &Hosts, model: Model) -> Result<Vec<Row>> {
    let host = hosts.start(model, &["--http2", "always"])?;
    let mut rows = Vec::new();
    for (name, url) in [
        ("over TLS", format!("https://localhost:{}/", host.https)),
        ("prior knowledge", format!("http://127.0.0.1:{}/", host.http)),
    ] {
        let log = hosts.scratch.join(format!("h2load-{}-{}.log", model.name(), name.replace(' ', "-")));
        let mut command = Command::new("h2load");
        command.args(["-n", REQUESTS, "-c", "10", "-m", "100", "-t", "1", &url]);
        let output = tool(&mut command, &log, LIMIT)?;
        let line = |start: &str| output.lines().find(|line| line.starts_with(start)).unwrap_or_default();
        let (requests, statuses) = (line("requests: "), line("status codes: "));
        rows.push(Row {
            suite: "h2load",
            what: format!("{REQUESTS} requests, 10 connections of 100 streams, {name}, {}", model.name()),
            result: statuses.trim_start_matches("status codes: ").to_owned(),
            passed: requests.contains(&format!("{REQUESTS} succeeded, 0 failed, 0 errored"))
                && statuses.contains(&format!("{REQUESTS} 2xx")),
        });
    }
    Ok(rows)
}
