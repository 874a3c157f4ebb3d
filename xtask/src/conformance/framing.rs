//! The framing table, straight to Mews and with other servers in front of it. Both must find the same number of messages in
//! what a client sends: Mews tells in its access log what it has seen, the server in front by what it answers.

#[allow(unreachable_pub, reason = "the tests share it")]
#[path = "../../../tests/src/framing.rs"]
mod table;

use super::Row;
use super::host::{Host, Hosts, Model};
use super::peers::{Kind, Peer};
use crate::paths;
use anyhow::{Context as _, Result, anyhow, bail};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;
use table::{Case, FOLLOWER};

/// Longer than any server here holds a message that it takes for incomplete.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(hosts: &Hosts, model: Model) -> Result<Vec<Row>> {
    let page = paths::root().join("docs/reference/http-framing.md");
    let text = std::fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
    let cases = table::cases(&text);
    if cases.is_empty() {
        bail!("{} holds no rows", page.display());
    }
    let mut rows = vec![straight(&cases, &hosts.start(model, &[])?, model)?];
    // Each with a log of its own: most of the time is spent on waiting for what does not come.
    let behind = |kind: Kind| {
        let mut host = hosts.start(model, &[])?;
        // What starting has asked for is not of interest.
        host.seen()?;
        let peer = Peer::start(kind, host.http, hosts)?;
        behind(&cases, &mut host, &peer, kind, model)
    };
    std::thread::scope(|scope| {
        let each = Kind::ALL.map(|kind| scope.spawn(move || behind(kind)));
        for row in each {
            rows.push(row.join().map_err(|_| anyhow!("a thread of the framing table has panicked"))??);
        }
        Ok(rows)
    })
}

fn straight(cases: &[Case], host: &Host, model: Model) -> Result<Row> {
    let mut wrong = Vec::new();
    for case in cases {
        let answers = statuses(&send(host.http, &case.message)?);
        if answers != case.statuses {
            wrong.push(format!("{}: {answers:?}", case.name));
        }
    }
    Ok(row(format!("{} messages straight to Mews, {}", cases.len(), model.name()), "as in the table", &wrong))
}

fn behind(cases: &[Case], host: &mut Host, peer: &Peer, kind: Kind, model: Model) -> Result<Row> {
    let mut wrong = Vec::new();
    let mut passed_on = 0;
    for case in cases {
        let answer = send(peer.port, &case.message)?;
        // What HTTP/0.9 answers has no status.
        let answers = statuses(&answer).len().max(usize::from(!answer.is_empty()));
        let seen = host.seen()?;
        passed_on += usize::from(!seen.is_empty());
        if seen.len() > answers {
            wrong.push(format!("{}: {answers} answers, but Mews saw {seen:?}", case.name));
        }
    }
    let result = format!("no disagreement; {passed_on} were passed on, at least in part");
    let what = format!("{} messages through {}, {}", cases.len(), kind.name(), model.name());
    Ok(row(what, &result, &wrong))
}

fn row(what: String, good: &str, wrong: &[String]) -> Row {
    let passed = wrong.is_empty();
    let result = if passed { good.to_owned() } else { wrong.join("; ").replace('|', "/") };
    Row { suite: "framing", what, result, passed }
}

/// Everything that is answered to a message with the follower behind it.
fn send(port: u16, message: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("cannot connect")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // Whoever refuses the message may have closed already.
    let _ = stream.write_all(&[message, FOLLOWER.as_bytes()].concat());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Ok(answer)
}

/// The statuses of final answers.
fn statuses(answer: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answer);
    let codes = text.match_indices("HTTP/1.").filter_map(|(at, _)| text.get(at + 9..at + 12)?.parse().ok());
    codes.filter(|status| *status >= 200).collect()
}
