//! slowhttptest: clients that hold connections by being slow, while another asks for a page. All are given up in time.

use super::Row;
use super::host::{Hosts, Model, tool};
use anyhow::{Result, anyhow};
use std::process::Command;
use std::time::Duration;

/// Longer than the longest of the limits that end these connections: one that takes nothing is given up after 60 s.
const SECONDS: &str = "100";
const LIMIT: Duration = Duration::from_secs(200);

/// More of them that take nothing make the kernel short of memory for all sockets of the machine.
const CONNECTIONS: usize = 200;

/// What the tool says when it has lost all of its connections before its time was over.
const GIVEN_UP: &str = "No open connections left";

/// Name, options, path.
type Attack = (&'static str, &'static [&'static str], &'static str);

const ATTACKS: [Attack; 3] = [
    ("slow heads (-H)", &["-H", "-i", "5", "-t", "GET"], "/"),
    ("slow bodies (-B)", &["-B", "-i", "5", "-s", "8192", "-t", "POST"], "/echo"),
    (
        "slow readers (-X)",
        &["-X", "-w", "8", "-y", "16", "-n", "5", "-z", "1", "-k", "1"],
        "/large?bytes=5000000",
    ),
];

pub(super) fn run(hosts: &Hosts, model: Model) -> Result<Vec<Row>> {
    std::thread::scope(|scope| {
        let each = ATTACKS.map(|attack| scope.spawn(move || one(hosts, model, attack)));
        each.into_iter()
            .map(|row| row.join().map_err(|_| anyhow!("a thread of slowhttptest has panicked"))?)
            .collect()
    })
}

fn one(hosts: &Hosts, model: Model, (name, options, path): Attack) -> Result<Row> {
    let host = hosts.start(model, &[])?;
    let log = hosts.scratch.join(format!("slowhttptest-{}-{}.log", model.name(), &options[0][1..]));
    let mut command = Command::new("slowhttptest");
    command.args(options).args(["-c", &CONNECTIONS.to_string(), "-r", "100", "-l", SECONDS, "-p", "3"]);
    command.args(["-u", &format!("http://127.0.0.1:{}{path}", host.http)]);
    let output = tool(&mut command, &log, LIMIT)?;
    let what = format!("{name}, {CONNECTIONS} connections, {}", model.name());
    Ok(judged(what, &output, host.too_slow()))
}

/// `too_slow` is how many connections Mews says to have reset: who reads a byte now and then does not notice in time.
fn judged(what: String, output: &str, too_slow: usize) -> Row {
    let (up, looks) = (output.matches("YES").count(), output.matches("service available:").count());
    // "Test ended on 9th second"
    let ended = output.rsplit("Test ended on ").next().and_then(|rest| rest.split_whitespace().next());
    let ended = ended.map(|nth| nth.trim_end_matches(|letter: char| letter.is_ascii_alphabetic()));
    let end = match ended {
        Some(seconds) if output.contains(GIVEN_UP) => format!("all were gone after {seconds} s"),
        _ => format!("{too_slow} were reset"),
    };
    let given_up = output.contains(GIVEN_UP) || too_slow >= CONNECTIONS;
    let result = format!("the service answered at {up} of {looks} looks; {end}");
    Row { suite: "slowhttptest", what, result, passed: looks > 0 && up == looks && given_up }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_have_to_be_given_up_and_others_answered() {
        let output = |available: &str, end: &str| {
            format!(
                "service available:   YES\nservice available:   {available}\nTest ended on 9th second\nExit status: {end}\n"
            )
        };
        let row = |output: &str, too_slow| judged(String::new(), output, too_slow);
        let good = row(&output("YES", GIVEN_UP), 0);
        assert!(
            good.passed && good.result.ends_with("2 of 2 looks; all were gone after 9 s"),
            "{}",
            good.result
        );
        let held = "Hit test time limit";
        assert!(
            row(&output("YES", held), CONNECTIONS).passed
                && !row(&output("YES", held), CONNECTIONS - 1).passed
        );
        assert!(!row(&output("NO", GIVEN_UP), CONNECTIONS).passed && !row("", CONNECTIONS).passed);
    }
}
