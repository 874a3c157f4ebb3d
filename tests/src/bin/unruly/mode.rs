//! From the words of the command line to what the process does.

use crate::descendants;
use crate::fault::Fault;
use crate::listening::Place;
use crate::server::{Manner, Server};
use crate::shutdown::{self, Obedience};
use anyhow::{Context as _, Result};
use std::fs;
use std::process::ExitCode;
use std::time::Duration;

/// A mode that there is none of.
#[derive(Debug)]
pub(crate) struct Unknown(String);

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "there is no mode {:?}", self.0)
    }
}

impl std::error::Error for Unknown {}

/// Does what the words say, and answers with the exit code if that comes to an end.
pub(crate) fn run(words: &[String]) -> Result<ExitCode> {
    let mode = words.first().map_or("", String::as_str);
    let rest = words.get(1..).unwrap_or_default();
    let (mut manner, mut obedience, mut place) = (Manner::Decent, Obedience::Obeys, Place::AsTold);
    match mode {
        "echo" => {}
        "slow-start" => std::thread::sleep(Duration::from_millis(number(rest)?)),
        "never-listen" => descendants::sleep(),
        "other-port" => place = Place::OtherPort,
        "ipv6-only" => place = Place::Ipv6,
        "exit" => return exit(rest),
        "flaky" => {
            if is_early_start(number(rest)?)? {
                return Ok(ExitCode::from(3));
            }
        }
        "close-after-accept" => manner = Manner::ClosesAccepted,
        "random-close" => manner = Manner::ClosesAtRandom(number(rest)?),
        "only-first" => manner = Manner::AnswersOnce,
        "half" => manner = Manner::DiesInAnswer,
        "ignore-shutdown" => {
            shutdown::ignore_sigterm()?;
            obedience = Obedience::Ignores;
        }
        "sigterm-only" => {
            shutdown::end_at_sigterm(rest.first().map_or("sigterm.marker", String::as_str))?;
            obedience = Obedience::KnowsNot;
        }
        "wrapper" => return descendants::wrap(rest),
        "wrapper-exit" => return descendants::leave_at_once(rest),
        "wrapper-leave" => return descendants::leave_when_told(rest),
        "daemon" => return descendants::start_daemon(rest),
        descendants::SESSION => return descendants::start_session(rest),
        descendants::SLEEP => descendants::sleep(),
        "family" => descendants::found_family()?,
        other => {
            let fault = Fault::named(other).ok_or_else(|| Unknown(other.to_owned()))?;
            manner = Manner::Faulty(fault);
        }
    }
    Server::new(manner, obedience).run(place.listen()?)
}

fn number(words: &[String]) -> Result<u64> {
    let word = words.first().context("the mode needs a number")?;
    word.parse().with_context(|| format!("{word:?} is no number"))
}

fn exit(words: &[String]) -> Result<ExitCode> {
    let code = u8::try_from(number(words)?).context("an exit code is less than 256")?;
    let reason = words.get(1..).unwrap_or_default();
    if !reason.is_empty() {
        crate::complain(reason.join(" "));
    }
    Ok(ExitCode::from(code))
}

/// Counts the starts in this folder; whether this is one of the first `count`.
fn is_early_start(count: u64) -> Result<bool> {
    const FILE: &str = "flaky.starts";
    let before = fs::read(FILE).map_or(0, |marks| marks.len() as u64);
    fs::write(FILE, ".".repeat(usize::try_from(before + 1)?))?;
    Ok(before < count)
}
