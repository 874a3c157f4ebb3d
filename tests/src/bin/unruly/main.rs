//! Plays an app's own process and misbehaves on demand: `unruly MODE`. It listens on `ASPNETCORE_PORT`, answers HTTP/1.1 and tells on stdout what happens to it.
//!
//! | mode | what it does |
//! | --- | --- |
//! | `echo` | serves the [`pages`] as a decent server does |
//! | `slow-start MS` | listens after so many milliseconds |
//! | `never-listen` | goes on without listening |
//! | `other-port`, `ipv6-only` | listens where it was not told to |
//! | `exit CODE WORDS...` | ends with the code, and with the words on stderr |
//! | `flaky N` | ends with code 3 at its first N starts in a folder |
//! | `close-after-accept` | closes every connection at once |
//! | `random-close N` | makes one response in N the last of its connection and says so, and one in N without a word |
//! | `only-first` | ends every connection when its second request has come |
//! | `half` | dies in the middle of its first answer |
//! | the name of another [`fault`] | commits it whatever is asked |
//! | `ignore-shutdown` | acknowledges the shutdown message and goes on, also after SIGTERM |
//! | `sigterm-only [FILE]` | does not know the shutdown message; at SIGTERM it makes the file and ends |
//! | `wrapper MODE...` | a child does it; ends with the child |
//! | `wrapper-exit MODE...` | a child does it; ends at once |
//! | `wrapper-leave MODE...` | a child does it; ends when there is a file `leave` |
//! | `daemon MODE...` | a grandchild in a session of its own does it; ends at once |
//! | `family` | serves; has a child that sleeps, and a grandchild that sleeps in a session of its own |
//!
//! It obeys the message that IISIntegration obeys: 202 when path, method and token are right, and an end when no other request is being answered.

#![forbid(unsafe_code)]
// How the process ends is part of what it plays, on whichever thread that is decided.
#![allow(clippy::disallowed_methods)]

mod answer;
mod bodies;
mod connection;
mod descendants;
mod fault;
mod listening;
mod mode;
mod pages;
mod query;
mod request;
mod server;
mod shutdown;
mod tally;
mod tunnel;

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

/// As `sysexits.h` has it.
const WRONG_USAGE: u8 = 64;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    say(format_args!("started {}", words.join(" ")));
    match mode::run(&words) {
        Ok(code) => code,
        Err(error) => {
            complain(format_args!("unruly: {error:#}"));
            ExitCode::from(if error.is::<mode::Unknown>() { WRONG_USAGE } else { 1 })
        }
    }
}

/// Tells on stdout what has happened. Whoever reads it may have gone.
fn say(what: impl Display) {
    let _ = writeln!(std::io::stdout(), "unruly: {what}");
}

fn complain(what: impl Display) {
    let _ = writeln!(std::io::stderr(), "{what}");
}
