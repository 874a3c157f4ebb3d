//! The access log of a site: where it goes, how its lines look, and when a file gives way to the next.

use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A site's access log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessLog {
    /// The file that is written to, absolute; one that is called `-` is stderr.
    pub file: PathBuf,
    /// How its lines look.
    pub format: AccessLogFormat,
    /// A new file is begun with each of these.
    pub period: Period,
    /// A new file is begun when this one has so many bytes.
    pub max_bytes: Option<u64>,
    /// How many files that were filled are kept; `None`: all.
    pub keep: Option<u32>,
}

impl AccessLog {
    /// Whether its lines go to stderr.
    pub fn is_stderr(&self) -> bool {
        self.file.file_name().is_some_and(|name| name == "-")
    }
}

impl Default for AccessLog {
    fn default() -> Self {
        Self {
            file: PathBuf::new(),
            format: AccessLogFormat::W3c,
            period: Period::Daily,
            max_bytes: None,
            keep: Some(30),
        }
    }
}

/// How the lines of an access log look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessLogFormat {
    /// W3C extended, with the fields that IIS writes.
    #[default]
    W3c,
    /// The combined format of Apache and nginx.
    Combined,
    /// One JSON object for each line.
    Json,
}

impl AccessLogFormat {
    /// What it is called in configuration files and on the command line.
    pub const NAMES: [(&'static str, Self); 3] =
        [("w3c", Self::W3c), ("combined", Self::Combined), ("json", Self::Json)];
}

/// When a new log file is begun; by UTC, as IIS does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Period {
    /// Only by size.
    Never,
    /// With each hour.
    Hourly,
    /// With each day.
    #[default]
    Daily,
    /// With each Monday.
    Weekly,
    /// With each month.
    Monthly,
}

impl Period {
    /// What it is called in configuration files and on the command line.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("never", Self::Never),
        ("hourly", Self::Hourly),
        ("daily", Self::Daily),
        ("weekly", Self::Weekly),
        ("monthly", Self::Monthly),
    ];
}

macro_rules! named {
    ($type:ty, $what:literal) => {
        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let found = Self::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
                found.map(|(_, value)| *value).ok_or_else(|| {
                    let names: Vec<&str> = Self::NAMES.iter().map(|(name, _)| *name).collect();
                    format!(concat!("'{}' is no ", $what, "; use one of {}"), text, names.join(", "))
                })
            }
        }
    };
}

named!(AccessLogFormat, "format of an access log");
named!(Period, "period");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case() {
        assert_eq!("W3C".parse(), Ok(AccessLogFormat::W3c));
        assert_eq!("Daily".parse(), Ok(Period::Daily));
        let error = "yearly".parse::<Period>().unwrap_err();
        assert_eq!(error, "'yearly' is no period; use one of never, hourly, daily, weekly, monthly");
    }
}
