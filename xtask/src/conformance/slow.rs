//! slowhttptest: clients that hold connections by being slow, while another asks for a page.

use super::Row;
use super::host::{Hosts, Model, tool};
use anyhow::Result;
use std::process::Command;
use std::time::Duration;

const SECONDS: &str = "20";
const LIMIT: Duration = Duration::from_secs(120);

pub(super) fn run(hosts: &Hosts, model: Model) -> Result<Vec<Row>> {
    let host = hosts.start(model, &[])?;
    let common = ["-c", "400", "-r", "200", "-l", SECONDS, "-p", "3"];
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", host.http);
    let attacks: [(&str, &[&str], String); 3] = [
        ("slow heads (-H)", &["-H", "-i", "5", "-t", "GET"], url("/")),
        ("slow bodies (-B)", &["-B", "-i", "5", "-s", "8192", "-t", "POST"], url("/echo")),
        (
            "slow readers (-X)",
            &["-X", "-w", "8", "-y", "16", "-n", "5", "-z", "1", "-k", "1"],
            url("/large?bytes=5000000"),
        ),
    ];
    let mut rows = Vec::new();
    for (name, options, url) in attacks {
        let log = hosts.scratch.join(format!("slowhttptest-{}-{}.log", model.name(), &options[0][1..]));
        let mut command = Command::new("slowhttptest");
        command.args(options).args(common).args(["-u", &url]);
        let output = tool(&mut command, &log, LIMIT)?;
        let (up, down) = (output.matches("YES").count(), output.matches("service available:").count());
        let available = up.min(down);
        rows.push(Row {
            suite: "slowhttptest",
            what: format!("{name}, 400 connections for {SECONDS} s, {}", model.name()),
            result: format!("the service answered at {available} of {down} looks"),
            passed: down > 0 && available == down,
        });
    }
    Ok(rows)
}
