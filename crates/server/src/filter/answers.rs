//! The answers to requests that go no further. Refusals are rendered once for each status, and logged at most once a
//! second for each: whoever sends many of them must not cost much.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use mews_model::StatusCode;
use mews_model::filtering::Rejection;

use super::request::Seen;
use crate::clock;
use crate::output::reason;
use crate::pages::{Page, PageHandler};
use crate::sync::lock;

/// Between two log lines about the same status.
const QUIET_MS: u64 = 1000;
/// Causes that are remembered; header limits make more than one for a status.
const REMEMBERED: usize = 64;

/// Makes the page for a refusal.
pub type Pages = dyn Fn(&Rejection) -> PageHandler + Send + Sync;

struct Known {
    page: Arc<PageHandler>,
    quiet_until: u64,
    unmentioned: u64,
}

pub(crate) struct Answers {
    pages: Box<Pages>,
    known: Mutex<HashMap<String, Known>>,
    /// Until when nothing is logged about a rule or another cause, by its name.
    quiet: Mutex<HashMap<String, u64>>,
}

impl Answers {
    pub(crate) fn new(pages: Box<Pages>) -> Self {
        Self { pages, known: Mutex::default(), quiet: Mutex::default() }
    }

    /// The page for a request that filtering refused.
    pub(crate) fn refused(&self, rejection: &Rejection, seen: &Seen<'_>) -> Arc<PageHandler> {
        let path = seen.target.split('?').next().unwrap_or_default();
        let now = clock::coarse_ms();
        let mut known = lock(&self.known);
        let Some(entry) = known.get_mut(&rejection.cause) else {
            let page = Arc::new((self.pages)(rejection));
            tracing::info!(
                "{} {} was refused ({}): {}",
                shown(&seen.method),
                shown(path),
                rejection.code,
                rejection.cause
            );
            if known.len() < REMEMBERED {
                let entry = Known { page: page.clone(), quiet_until: now + QUIET_MS, unmentioned: 0 };
                known.insert(rejection.cause.clone(), entry);
            }
            return page;
        };
        if now < entry.quiet_until {
            entry.unmentioned += 1;
        } else {
            entry.quiet_until = now + QUIET_MS;
            let before = std::mem::take(&mut entry.unmentioned);
            tracing::info!(
                "{} {} was refused ({}): {} {before} more since the last such line",
                shown(&seen.method),
                shown(path),
                rejection.code,
                rejection.cause
            );
        }
        entry.page.clone()
    }

    /// The page for what is too usual to be logged.
    pub(crate) fn page(&self, rejection: &Rejection) -> Arc<PageHandler> {
        let mut known = lock(&self.known);
        if let Some(entry) = known.get(&rejection.cause) {
            return entry.page.clone();
        }
        let page = Arc::new((self.pages)(rejection));
        if known.len() < REMEMBERED {
            let entry = Known { page: page.clone(), quiet_until: 0, unmentioned: 0 };
            known.insert(rejection.cause.clone(), entry);
        }
        page
    }

    /// The answer that a rule gives in its own words.
    pub(super) fn own(&self, status: u16, sub_status: u16, phrase: &str, description: &str) -> PageHandler {
        if description.is_empty() && phrase.is_empty() && status < 400 {
            return PageHandler::bare(status);
        }
        let title = if phrase.is_empty() { reason(status) } else { phrase };
        let page = Page {
            status,
            sub_status,
            title: title.to_owned(),
            message: description.to_owned(),
            ..Page::default()
        };
        PageHandler::new(&page).with_reason(phrase)
    }

    /// Whether it is time to log something about this rule or cause again.
    pub(crate) fn may_tell(&self, cause: &str) -> bool {
        let now = clock::coarse_ms();
        let mut quiet = lock(&self.quiet);
        if quiet.len() >= REMEMBERED {
            quiet.retain(|_, until| now < *until);
        }
        let full = quiet.len() >= REMEMBERED;
        match quiet.get_mut(cause) {
            Some(until) if now < *until => return false,
            Some(until) => *until = now + QUIET_MS,
            None if full => return false,
            None => {
                quiet.insert(cause.to_owned(), now + QUIET_MS);
            }
        }
        true
    }

    /// The answer when a rule is at fault.
    pub(super) fn broken(&self) -> Arc<PageHandler> {
        let code = StatusCode::CANNOT_RESOLVE;
        let cause = "A rewrite rule of this site cannot be applied to the request.".to_owned();
        Arc::new((self.pages)(&Rejection { code, cause }))
    }
}

/// For the log: not too long, and without what could pass for other lines.
fn shown(text: &str) -> String {
    text.chars().take(200).map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}
