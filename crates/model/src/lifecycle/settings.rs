//! What an application pool's machine goes by.

use std::time::Duration;

use crate::server_config::{Pool, RapidFailProtection, StartMode};

/// How long a start and an end may take: of the application, read anew before each start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `startupTimeLimit`: how long a start may take.
    pub startup: Duration,
    /// `shutdownTimeLimit`: how long a worker may take to end after it was told to.
    pub shutdown: Duration,
}

/// Settings of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether it starts at all before it is told to.
    pub auto_start: bool,
    /// When its worker is started.
    pub start: StartMode,
    /// Whether a worker that is started without a request starts everything of the application before it is ready.
    pub eager: bool,
    /// How long it may be without a request before its worker is stopped.
    pub idle_timeout: Option<Duration>,
    /// The age at which its worker is replaced.
    pub age: Option<Duration>,
    /// The number of requests after which its worker is replaced.
    pub requests: Option<u64>,
    /// The memory in bytes above which its worker is replaced.
    pub memory: Option<u64>,
    /// Whether the new worker is started before the old one stops.
    pub overlapped: bool,
    /// Whether a change of files or configuration replaces its worker.
    pub on_change: bool,
    /// When it is given up.
    pub rapid_fail: Option<RapidFailProtection>,
}

impl Settings {
    /// Of `mews run`: it starts at once, and stays.
    pub const FOREGROUND: Self = Self {
        auto_start: true,
        start: StartMode::Always,
        eager: false,
        idle_timeout: None,
        age: None,
        requests: None,
        memory: None,
        overlapped: true,
        on_change: true,
        rapid_fail: None,
    };

    /// Of a configured pool. `later` is added to the age at which it recycles, so that pools which began together
    /// do not recycle together.
    pub fn of(pool: &Pool, later: Duration) -> Self {
        Self {
            auto_start: pool.auto_start,
            start: pool.start,
            eager: pool.start == StartMode::Always,
            idle_timeout: pool.idle_timeout,
            age: pool.recycle.age.map(|age| age.saturating_add(later)),
            requests: pool.recycle.requests,
            memory: pool.recycle.memory,
            overlapped: pool.recycle.overlapped,
            on_change: pool.recycle.on_change,
            rapid_fail: pool.rapid_fail,
        }
    }

    /// Whether anything has to be measured.
    pub fn measures(&self) -> bool {
        self.idle_timeout.is_some() || self.requests.is_some() || self.memory.is_some()
    }
}
