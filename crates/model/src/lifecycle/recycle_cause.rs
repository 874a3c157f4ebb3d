//! Why a worker is replaced.

use std::fmt;
use std::time::Duration;

/// Why a worker is replaced by another although it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecycleCause {
    /// It uses too much memory.
    Memory {
        /// Bytes that it used.
        used: u64,
        /// The limit.
        limit: u64,
    },
    /// It has run long enough.
    Age(Duration),
    /// It has answered enough requests.
    Requests(u64),
    /// It is the time of day for it.
    Clock {
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
    /// A command asked for it.
    Command,
    /// The application's `web.config` has changed.
    WebConfig,
    /// The application's folder is a link that leads elsewhere now.
    Release,
    /// The host's configuration has changed.
    Configuration,
}

impl RecycleCause {
    /// Whether a worker that was started before this is not as it should be.
    pub fn is_change(self) -> bool {
        matches!(self, Self::Command | Self::WebConfig | Self::Release | Self::Configuration)
    }
}

impl fmt::Display for RecycleCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { used, limit } => {
                write!(f, "it uses {} of memory, more than {}", Bytes(*used), Bytes(*limit))
            }
            Self::Age(age) => write!(f, "it has run for {}", Span(*age)),
            Self::Requests(count) => write!(f, "it has answered {count} requests"),
            Self::Clock { hour, minute } => write!(f, "it is {hour:02}:{minute:02}"),
            Self::Command => f.write_str("a command asked for it"),
            Self::WebConfig => f.write_str("its web.config has changed"),
            Self::Release => f.write_str("its folder is another one now"),
            Self::Configuration => f.write_str("the configuration has changed"),
        }
    }
}

/// A span as people write it: `90 s`, `20 min`, `29 h`.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        match seconds {
            0 => write!(f, "{millis} ms"),
            1..10 if millis > 0 => write!(f, "{seconds}.{} s", millis / 100),
            _ if seconds >= 7200 && seconds.is_multiple_of(3600) => write!(f, "{} h", seconds / 3600),
            _ if seconds >= 120 && seconds.is_multiple_of(60) => write!(f, "{} min", seconds / 60),
            _ => write!(f, "{seconds} s"),
        }
    }
}

/// A number of bytes as people write it: `512 KiB`, `1.5 GiB`.
#[derive(Clone, Copy, Debug)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match units.into_iter().find(|(size, _)| self.0 >= *size) {
            Some((size, unit)) => {
                let (whole, tenths) = (self.0 / size, self.0 % size * 10 / size);
                if tenths == 0 { write!(f, "{whole} {unit}") } else { write!(f, "{whole}.{tenths} {unit}") }
            }
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_clauses() {
        let memory = RecycleCause::Memory { used: 1_610_612_736, limit: 1 << 30 };
        assert_eq!(memory.to_string(), "it uses 1.5 GiB of memory, more than 1 GiB");
        assert_eq!(RecycleCause::Age(Duration::from_secs(29 * 3600)).to_string(), "it has run for 29 h");
        assert_eq!(RecycleCause::Clock { hour: 4, minute: 5 }.to_string(), "it is 04:05");
        for (span, text) in [(90, "90 s"), (1200, "20 min"), (0, "0 ms"), (7201, "7201 s")] {
            assert_eq!(Span(Duration::from_secs(span)).to_string(), text);
        }
        assert_eq!(Span(Duration::from_millis(1250)).to_string(), "1.2 s");
        assert_eq!(Bytes(1023).to_string(), "1023 bytes");
    }
}
