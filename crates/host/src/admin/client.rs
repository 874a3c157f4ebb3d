//! The commands, as a client of the socket.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::{Answer, Command, Request, path, table};
use crate::cli::AdminArguments;
use crate::fatal::Fatal;
use crate::stdout;

/// How long a host may take to answer what costs it no time.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Asks, and prints what is answered; the exit code is 1 when that is not what was wanted.
pub(crate) fn run(command: Command, arguments: &AdminArguments) -> Result<u8, Fatal> {
    let path = path(arguments.control.as_deref()).map_err(|error| Fatal::Usage(error.to_string()))?;
    let request = Request { command, name: arguments.name.clone() };
    let text = ask(&path, &request)?;
    let answer: Answer = serde_json::from_str(&text).map_err(|error| {
        Fatal::failed(format!("{} does not answer as a mews does: {error}", path.display()))
    })?;
    if arguments.json {
        let value: serde_json::Value = serde_json::from_str(&text).map_err(Fatal::failed)?;
        stdout::print(&format!("{value:#}\n"))?;
    }
    match answer {
        Answer::Refused(why) => Err(Fatal::Failed(why)),
        Answer::Status(status) => {
            if !arguments.json {
                stdout::print(&table::text(&status))?;
            }
            Ok(0)
        }
        Answer::Done(outcomes) => {
            if !arguments.json {
                let lines = outcomes.iter().map(|outcome| format!("{}: {}\n", outcome.pool, outcome.text));
                stdout::print(&lines.collect::<String>())?;
            }
            Ok(u8::from(outcomes.iter().any(|outcome| !outcome.ok)))
        }
    }
}

fn ask(path: &Path, request: &Request) -> Result<String, Fatal> {
    let mut stream = UnixStream::connect(path).map_err(|error| {
        let cure = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                "is 'mews serve' running? Its control socket is named by --control or MEWS_CONTROL"
            }
            io::ErrorKind::PermissionDenied => "commands are for root and for the user that mews runs as",
            _ => "look at the path",
        };
        Fatal::failed(format!("{} cannot be asked: {error}; {cure}", path.display()))
    })?;
    let silent = |error: io::Error| {
        let what = match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                format!("has not answered within {} s", ANSWER_LIMIT.as_secs())
            }
            _ => format!("cannot be asked: {error}"),
        };
        Fatal::failed(format!("the mews at {} {what}", path.display()))
    };
    // The others last as long as a start or an end may.
    let limit = (request.command == Command::Status).then_some(ANSWER_LIMIT);
    stream.set_read_timeout(limit).map_err(silent)?;
    stream.set_write_timeout(Some(ANSWER_LIMIT)).map_err(silent)?;
    let mut line = serde_json::to_string(request).map_err(Fatal::failed)?;
    line.push('\n');
    stream.write_all(line.as_bytes()).map_err(silent)?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(silent)?;
    if text.is_empty() {
        return Err(Fatal::failed(format!("the mews at {} ended before it answered", path.display())));
    }
    Ok(text)
}
