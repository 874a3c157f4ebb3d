//! Log lines as records of the systemd journal, with fields that `journalctl` can filter by.
//!
//! A record goes out in one datagram that never waits: the supervisor must not stand still because the journal does.
//! What cannot be sent, because the journal is away, behind, or the record too long for one datagram, is written to
//! stderr as text, which for a service is the journal as well.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;

use super::Writers;
use super::text;

/// Where the journal listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";

/// Whether stderr leads to the journal: systemd tells a service the device and inode of that stream in
/// `JOURNAL_STREAM`, and the variable outlives a redirection of stderr.
pub(super) fn is_journal(journal_stream: &str, device: u64, inode: u64) -> bool {
    let Some((of_device, of_inode)) = journal_stream.split_once(':') else { return false };
    of_device.parse() == Ok(device) && of_inode.parse() == Ok(inode)
}

/// Sends events to the journal.
pub(super) struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
    otherwise: Writers,
}

impl Journal {
    /// Ready to send to the journal that listens at `path`; `otherwise` takes what it does not.
    ///
    /// # Errors
    /// Nothing listens there, or no socket can be made.
    pub(super) fn open(path: &Path, otherwise: Writers) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        // An empty datagram is ignored by the journal, and refused when nobody listens.
        socket.send_to(&[], path)?;
        Ok(Self { socket, path: path.to_owned(), otherwise })
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut record = Record(Vec::with_capacity(256));
        let level = *event.metadata().level();
        record.put("PRIORITY", priority(level));
        record.put("SYSLOG_IDENTIFIER", "mews");
        record.put("TARGET", event.metadata().target());
        event.record(&mut record);
        // By name each time, so that a journal that was restarted is found again.
        if self.socket.send_to(&record.0, &self.path).is_err() {
            let mut line = self.otherwise.make_writer();
            // Nobody is left to be told.
            let _ = writeln!(line, "{level:>5}{}", text::body(event));
        }
    }
}

/// As syslog numbers them.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        Level::DEBUG | Level::TRACE => "7",
    }
}

/// A record in the journal's own format.
struct Record(Vec<u8>);

impl Record {
    fn put(&mut self, name: &str, value: &str) {
        self.0.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            // A value of several lines comes after its length.
            self.0.push(b'\n');
            self.0.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            self.0.push(b'=');
        }
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'\n');
    }
}

impl Visit for Record {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(&field_name(field.name()), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{value:?}");
        self.put(&field_name(field.name()), &text);
    }
}

/// `event_id` → `EVENT_ID`. The journal takes capital letters, digits and `_`, beginning with a letter, up to 64.
fn field_name(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_uppercase());
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(64).collect()
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::log::LogTarget;

    fn records(log: impl FnOnce()) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journal = UnixDatagram::bind(&path).unwrap();
        journal.set_nonblocking(true).unwrap();
        let layer = Journal::open(&path, Writers(LogTarget::Stderr)).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let mut buffer = vec![0; 1 << 16];
        std::iter::from_fn(|| {
            let length = journal.recv(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
        })
        .filter(|record| !record.is_empty())
        .collect()
    }

    #[test]
    fn stderr_is_the_journal_when_device_and_inode_are_its() {
        assert!(is_journal("8:1234", 8, 1234));
        for other in ["8:1235", "9:1234", "8", "", ":", "8:1234:5", "x:1234"] {
            assert!(!is_journal(other, 8, 1234), "{other}");
        }
    }

    #[test]
    fn a_record_has_fields() {
        let records = records(|| tracing::warn!(event_id = 1005, pid = 7, name = "Shop", "it is {}", "slow"));
        assert_eq!(records.len(), 1);
        let mut lines: Vec<&str> = records[0].lines().collect();
        lines.retain(|line| !line.starts_with("TARGET="));
        assert_eq!(
            lines,
            [
                "PRIORITY=4",
                "SYSLOG_IDENTIFIER=mews",
                "MESSAGE=it is slow",
                "EVENT_ID=1005",
                "PID=7",
                "NAME=Shop"
            ]
        );
    }

    #[test]
    fn a_text_of_several_lines_cannot_forge_fields() {
        let records = records(|| tracing::error!("a\nPRIORITY=7"));
        assert!(records[0].contains("MESSAGE\n\u{c}\0\0\0\0\0\0\0a\nPRIORITY=7\n"), "{records:?}");
    }

    #[test]
    fn names_are_made_to_fit() {
        for (name, expected) in [("event_id", "EVENT_ID"), ("_x.y-1", "X_Y_1"), ("9lives", "LIVES")] {
            assert_eq!(field_name(name), expected);
        }
        assert_eq!(field_name(&"n".repeat(99)).len(), 64);
    }

    #[test]
    fn without_a_journal_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Journal::open(&folder.path().join("socket"), Writers(LogTarget::Stderr)).is_err());
    }

    #[test]
    fn what_the_journal_does_not_take_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journal = UnixDatagram::bind(&path).unwrap();
        let file = folder.path().join("stderr");
        let sink =
            mews_process::output::Sink::start("test", std::fs::File::create(&file).unwrap().into()).unwrap();
        let layer = Journal::open(&path, Writers(LogTarget::Sink(sink.clone()))).unwrap();
        drop(journal);
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || tracing::warn!(event_id = 1005, "kept"));
        assert!(sink.flush(std::time::Duration::from_secs(30)));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), " WARN [1005] kept\n");
    }
}
