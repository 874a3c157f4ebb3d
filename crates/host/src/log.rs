//! Log lines on stderr: as text or JSON, or as records of the journal when that is where stderr leads.

mod journal;
mod text;

use std::io;
use std::path::Path;

use clap::ValueEnum;
use mews_process::output::{Sink, Source};
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::journal::Journal;
use self::text::TextFormat;
use crate::fatal::Fatal;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object for each line.
    Json,
    /// Records of the systemd journal: what becomes of `Text` when stderr leads there.
    #[value(skip)]
    Journal,
}

/// Our own lines; output of workers has their numbers.
pub(crate) const OURS: Source = Source(0);

/// Where log lines go.
#[derive(Clone, Debug)]
pub(crate) enum LogTarget {
    /// Through the supervisor's queue, which never waits for a slow reader.
    Sink(Sink),
    /// Straight to stderr: in a worker that is a pipe which the supervisor always empties.
    Stderr,
}

/// Starts logging. `MEWS_LOG` holds the level or a filter; `info` when it is not set. Answers the format that came
/// out, for the workers: only here can be seen whether stderr is the journal.
pub(crate) fn start(format: LogFormat, target: LogTarget) -> Result<LogFormat, Fatal> {
    let filter = match std::env::var("MEWS_LOG") {
        Ok(text) if !text.is_empty() => filter(&text)?,
        _ => EnvFilter::new("info"),
    };
    let wanted = match format {
        LogFormat::Text if stderr_is_journal() => LogFormat::Journal,
        format => format,
    };
    let writers = Writers(target);
    let journal = (wanted == LogFormat::Journal)
        .then(|| Journal::open(Path::new(journal::SOCKET), writers.clone()).ok())
        .flatten();
    if let Some(journal) = journal {
        tracing_subscriber::registry().with(filter).with(journal).try_init().map_err(Fatal::failed)?;
        return Ok(LogFormat::Journal);
    }
    let colours = matches!(writers.0, LogTarget::Sink(_))
        && wanted == LogFormat::Text
        && io::IsTerminal::is_terminal(&io::stderr())
        && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(colours)
        .with_writer(writers);
    let (started, format) = match wanted {
        LogFormat::Json => {
            (builder.json().flatten_event(true).with_current_span(false).try_init(), LogFormat::Json)
        }
        // A journal that cannot be reached leaves its stream, which takes text.
        LogFormat::Text | LogFormat::Journal => {
            (builder.event_format(TextFormat).try_init(), LogFormat::Text)
        }
    };
    started.map_err(Fatal::failed)?;
    Ok(format)
}

fn stderr_is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(rustix::stdio::stderr())
        .is_ok_and(|stat| journal::is_journal(&stream, stat.st_dev, stat.st_ino))
}

/// A bare word that is no level would be taken for the name of a module, and everything else be silenced.
fn filter(text: &str) -> Result<EnvFilter, Fatal> {
    let refuse = |problem: String| {
        let cure = "write error, warn, info, debug or trace";
        Fatal::Usage(format!("MEWS_LOG='{text}' is not a log level{problem}; {cure}"))
    };
    let bare = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if bare && text.parse::<LevelFilter>().is_err() {
        return Err(refuse(String::new()));
    }
    EnvFilter::try_new(text).map_err(|error| refuse(format!(" ({error})")))
}

#[derive(Clone, Debug)]
struct Writers(LogTarget);

/// Takes one line in one piece.
pub(crate) struct LineWriter {
    target: LogTarget,
    line: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Writers {
    type Writer = LineWriter;

    fn make_writer(&'a self) -> LineWriter {
        LineWriter { target: self.0.clone(), line: Vec::new() }
    }
}

impl io::Write for LineWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        match &self.target {
            LogTarget::Sink(sink) => sink.write(OURS, &self.line),
            LogTarget::Stderr => {
                // Nobody is left to be told.
                let _ = io::Write::write_all(&mut io::stderr(), &self.line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for text in ["info", "DEBUG", "off", "3", "mews=debug", "warn,mews_server=trace"] {
            assert!(filter(text).is_ok(), "{text}");
        }
        for text in ["verbose", "inof", "9", "mews=loud"] {
            let error = filter(text).unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("trace"), "{error}");
        }
    }
}
