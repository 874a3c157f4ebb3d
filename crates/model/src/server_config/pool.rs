//! An application pool: when it starts, idles, recycles and gives up. Defaults are those of IIS.

use std::time::Duration;

use super::Isolation;

/// An application pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name, unique.
    pub name: String,
    /// Whether it may start at all before `mews start` says so (`autoStart`).
    pub auto_start: bool,
    /// When its worker is started.
    pub start: StartMode,
    /// How long it may be without a request before its worker is stopped; `None` for ever.
    pub idle_timeout: Option<Duration>,
    /// How long a start may take; `None`: what the application's `web.config` says.
    pub startup_limit: Option<Duration>,
    /// How long a worker may take to end; `None`: what the application's `web.config` says.
    pub shutdown_limit: Option<Duration>,
    /// How a hung worker is noticed; `None`: it is not looked for.
    pub ping: Option<Ping>,
    /// When its worker is replaced by a new one.
    pub recycle: Recycle,
    /// When it is given up; `None`: never.
    pub rapid_fail: Option<RapidFailProtection>,
    /// Variables for its workers and applications; those of an application's `web.config` win.
    pub environment: Vec<(String, String)>,
    /// As whom it runs and what it may use up.
    pub isolation: Isolation,
}

impl Pool {
    /// A pool for which nothing but its name is written.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            auto_start: true,
            start: StartMode::OnDemand,
            idle_timeout: Some(Duration::from_secs(20 * 60)),
            startup_limit: None,
            shutdown_limit: None,
            ping: Some(Ping::default()),
            recycle: Recycle::default(),
            rapid_fail: Some(RapidFailProtection::default()),
            environment: Vec::new(),
            isolation: Isolation::default(),
        }
    }
}

/// When a pool's worker is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartMode {
    /// With the first connection, which is held.
    #[default]
    OnDemand,
    /// With the host.
    Always,
}

/// How a hung worker is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// From one question to the next.
    pub interval: Duration,
    /// How long an answer may take; then the worker is replaced.
    pub response_limit: Duration,
}

impl Default for Ping {
    fn default() -> Self {
        Self { interval: Duration::from_secs(30), response_limit: Duration::from_secs(90) }
    }
}

/// When a pool's worker is replaced by a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recycle {
    /// Above this many bytes of memory (resident, not shared; of the worker and its programs).
    pub memory: Option<u64>,
    /// After this time.
    pub age: Option<Duration>,
    /// After so many requests.
    pub requests: Option<u64>,
    /// At these times of day, local time; in order.
    pub at: Vec<TimeOfDay>,
    /// Whether the new worker is started before the old one stops (`disallowOverlappingRotation` is the opposite).
    pub overlapped: bool,
    /// Whether a change of the configuration replaces it too (`disallowRotationOnConfigChange` is the opposite).
    pub on_change: bool,
}

impl Default for Recycle {
    fn default() -> Self {
        Self {
            memory: None,
            age: Some(Duration::from_secs(29 * 3600)),
            requests: None,
            at: Vec::new(),
            overlapped: true,
            on_change: true,
        }
    }
}

/// A minute of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

/// When a pool is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RapidFailProtection {
    /// After so many failures, at least 1,
    pub failures: u32,
    /// within this time.
    pub window: Duration,
}

impl Default for RapidFailProtection {
    fn default() -> Self {
        Self { failures: 5, window: Duration::from_secs(5 * 60) }
    }
}
