//! How the requests for an application are accounted for.

use std::fmt;

use super::account::Unserved;
use super::log::AccessLog;

/// Names that requests are accounted for under, and the log that is kept of them.
#[derive(Clone, Default)]
pub struct Accounting {
    site: String,
    application: String,
    log: Option<AccessLog>,
}

impl Accounting {
    /// For an application of a site, by its path there; without a log.
    pub fn new(site: impl Into<String>, application: impl Into<String>) -> Self {
        Self { site: site.into(), application: application.into(), log: None }
    }

    /// With a log.
    #[must_use]
    pub fn with_log(mut self, log: Option<AccessLog>) -> Self {
        self.log = log;
        self
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
