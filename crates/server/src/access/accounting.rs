//! How the requests for an application are accounted for.

use std::fmt;

use mews_model::compression::Coding;
use mews_model::metrics::Snapshot;

use super::account::Unserved;
use super::log::AccessLog;
use super::tally::Tally;

/// Names that requests are accounted for under, what is counted of them, and the log that is kept of them.
#[derive(Default)]
pub struct Accounting {
    site: String,
    application: String,
    log: Option<AccessLog>,
    tally: Tally,
}

impl Accounting {
    /// For an application of a site, by its path there; without a log.
    pub fn new(site: impl Into<String>, application: impl Into<String>) -> Self {
        Self { site: site.into(), application: application.into(), ..Self::default() }
    }

    /// With a log.
    #[must_use]
    pub fn with_log(mut self, log: Option<AccessLog>) -> Self {
        self.log = log;
        self
    }

    /// Adds what was counted of its requests.
    pub fn fill(&self, snapshot: &mut Snapshot) {
        self.tally.fill(snapshot, &self.site, &self.application);
    }

    /// A response was compressed.
    pub(crate) fn compressed(&self, coding: Coding, before: u64, after: u64) {
        self.tally.compressed(coding, before, after);
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn log(&self) -> Option<&AccessLog> {
        self.log.as_ref()
    }

    pub(super) fn site(&self) -> &str {
        &self.site
    }

    pub(super) fn application(&self) -> &str {
        &self.application
    }

    /// Accounts for what ended before it was a request that could be handled.
    pub(crate) fn unserved(&self, unserved: &Unserved<'_>) {
        if let Some(log) = &self.log {
            log.push(&unserved.record(self));
        }
    }
}

impl fmt::Debug for Accounting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounting")
            .field("site", &self.site)
            .field("application", &self.application)
            .field("logged", &self.log.is_some())
            .finish()
    }
}
