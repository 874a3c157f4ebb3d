//! The worker that shows a page.

use super::{AppPool, STABLE_AFTER, log};
use crate::lifecycle::{Backoff, Effect, Leave, Level, Moment, Shown, WorkerId};
use std::time::Duration;

/// Waits before a page worker that keeps ending is started again.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), STABLE_AFTER);

#[derive(Clone, Debug)]
pub(super) enum Page {
    /// A worker shows it (or is about to).
    Worker { id: WorkerId, since: Moment, shown: Shown },
    /// Its worker ended unexpectedly; another is started then.
    Lost { again_at: Moment, shown: Shown },
}

impl AppPool {
    pub(super) fn show(&mut self, shown: Shown, now: Moment, out: &mut Vec<Effect>) {
        self.page = Some(match self.page.take() {
            Some(Page::Worker { id, since, .. }) => {
                // Also when it is the same failure: the time of the next attempt has changed.
                out.push(Effect::UpdatePage(id, shown.clone()));
                Page::Worker { id, since, shown }
            }
            Some(Page::Lost { again_at, .. }) => Page::Lost { again_at, shown },
            None => {
                let id = self.new_id();
                out.push(Effect::SpawnPage(id, shown.clone()));
                Page::Worker { id, since: now, shown }
            }
        });
    }

    pub(super) fn hide(&mut self, now: Moment, out: &mut Vec<Effect>) {
        if let Some(Page::Worker { id, .. }) = self.page.take() {
            self.leave(id, Leave::Replaced, false, now, out);
        }
    }

    pub(super) fn page_lost(&mut self, lost: WorkerId, how: &str, now: Moment, out: &mut Vec<Effect>) {
        match self.page.take() {
            Some(Page::Worker { id, since, shown }) if id == lost => {
                log(out, Level::Error, None, format!("the worker that shows the page is gone: {how}"));
                let crashes = self.page_crashes.failed_after(now.since(since));
                if crashes == 0 {
                    self.show(shown, now, out);
                } else {
                    self.page = Some(Page::Lost { again_at: now + BACKOFF.after(crashes), shown });
                }
            }
            other => self.page = other,
        }
    }

    pub(super) fn page_is_due(&mut self, now: Moment, out: &mut Vec<Effect>) {
        if let Some(Page::Lost { again_at, shown }) = &self.page
            && *again_at <= now
        {
            let shown = shown.clone();
            self.page = None;
            self.show(shown, now, out);
        }
    }

    pub(super) fn page_again_at(&self) -> Option<Moment> {
        match &self.page {
            Some(Page::Lost { again_at, .. }) => Some(*again_at),
            _ => None,
        }
    }
}
