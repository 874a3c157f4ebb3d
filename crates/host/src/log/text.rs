//! A log line for people: time, level, the event's number if it has one, the message, the other fields.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The field that holds the number of a module event.
pub(super) const EVENT_ID: &str = "event_id";

/// The field that holds the name of the application pool a line is about.
pub(super) const POOL: &str = "pool";

/// Formats lines like `2026-01-01T00:00:00.000000Z  WARN [1005] the app did not stop in time pid=7`.
pub(super) struct TextFormat;

impl<S, N> FormatEvent<S, N> for TextFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let colours = writer.has_ansi_escapes();
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let level = *event.metadata().level();
        if colours {
            write!(writer, "\x1b[2m{time}\x1b[0m \x1b[{}m{level:>5}\x1b[0m", colour(level))?;
        } else {
            write!(writer, "{time} {level:>5}")?;
        }
        writeln!(writer, "{}", body(event))
    }
}

/// What follows the level, each part with a space before it: ` [1005] message name=value`.
pub(super) fn body(event: &Event<'_>) -> String {
    let mut fields = Fields::default();
    event.record(&mut fields);
    let mut body = String::new();
    // Writing to a `String` cannot fail.
    let _ = fields.id.map_or(Ok(()), |id| write!(body, " [{id}]"));
    let _ = fields.pool.as_deref().map_or(Ok(()), |pool| write!(body, " {pool}:"));
    let _ = write!(body, " {}{}", fields.message, fields.others);
    body
}

fn colour(level: Level) -> u8 {
    match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        Level::TRACE => 35,
    }
}

#[derive(Default)]
struct Fields {
    id: Option<u64>,
    pool: Option<String>,
    message: String,
    others: String,
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            EVENT_ID => self.id = Some(value),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        match (field.name(), u64::try_from(value)) {
            (EVENT_ID, Ok(id)) => self.id = Some(id),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            POOL => {
                let mut tame = String::new();
                // Writing to a `String` cannot fail.
                let _ = Tame(&mut tame).write_str(value);
                self.pool = Some(tame);
            }
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a `String` cannot fail.
        let _ = match field.name() {
            "message" => write!(Tame(&mut self.message), "{value:?}"),
            name => write!(Tame(&mut self.others), " {name}={value:?}"),
        };
    }
}

/// Lines may hold what an app or a client said, which must not steer the reader's terminal.
struct Tame<'a>(&'a mut String);

impl fmt::Write for Tame<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '\n' | '\t' => self.0.push(c),
                c if c.is_control() => self.0.extend(c.escape_default()),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(colours: bool, log: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(colours)
            .event_format(TextFormat)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    /// Without the time.
    fn line(log: impl FnOnce()) -> String {
        logged(false, log).split_once(' ').unwrap().1.to_owned()
    }

    #[test]
    fn the_number_of_an_event_stands_after_the_level() {
        assert_eq!(line(|| tracing::warn!(event_id = 1005, "slow")), " WARN [1005] slow\n");
        let id: u16 = 1030;
        assert_eq!(
            line(|| tracing::error!(event_id = id, pid = 7, "it {}", "ended")),
            "ERROR [1030] it ended pid=7\n"
        );
        assert_eq!(line(|| tracing::info!(event_id = Some(1001_u16), "x")), " INFO [1001] x\n");
        assert_eq!(
            line(|| tracing::info!(event_id = None::<u16>, name = "Shop", "x")),
            " INFO x name=\"Shop\"\n"
        );
    }

    #[test]
    fn what_is_logged_cannot_steer_the_terminal() {
        let text = line(|| tracing::info!(path = %"/\u{1b}[2J", "a\u{1b}]0;x\u{7}\tb\n   at C"));
        assert_eq!(text, " INFO a\\u{1b}]0;x\\u{7}\tb\n   at C path=/\\u{1b}[2J\n");
    }

    #[test]
    fn colours_are_only_around_time_and_level() {
        let text = logged(true, || tracing::warn!(event_id = 1005, "slow"));
        assert!(text.ends_with("\u{1b}[33m WARN\u{1b}[0m [1005] slow\n"), "{text:?}");
    }
}
