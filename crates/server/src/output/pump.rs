//! The way of queued bytes into the kernel, and what is done about a client that does not take them.

use super::{Backlog, Env, Framing, Output, Phase, Wire};
use crate::access::Ending;
use crate::clock;
use crate::error::Gone;

impl Output {
    /// Ends collecting: everything held is written as far as the kernel takes it.
    pub(crate) fn uncork(&mut self, wire: &Wire, env: Env<'_>) {
        if std::mem::replace(&mut self.corked, false) {
            if self.phase == Phase::Body && self.framing == Framing::Open {
                self.settle(env);
            }
            let _ = self.flush(wire, env);
        }
    }

    /// Sends queued bytes. `writable` = the socket has become writable since the last time. Answers
    /// whether the handler must now be told that it may write.
    pub(crate) fn pump(&mut self, wire: &Wire, env: Env<'_>, writable: bool) -> bool {
        if writable {
            self.queue.unblock();
        }
        if !self.corked && !self.queue.is_empty() {
            let _ = self.flush(wire, env);
        }
        let drained = self.queue.pending() <= env.limits.write_window / 2 && !self.queue.is_obstructed();
        let open = matches!(self.phase, Phase::Body | Phase::Raw | Phase::Dead);
        (drained || self.phase == Phase::Dead) && open && std::mem::take(&mut self.want_writable)
    }

    /// Whether the client has not taken a byte for too long, or has taken too few.
    pub(crate) fn is_stuck(&self, now: u64) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| backlog.is_over(now, self.queue.progress()))
    }

    /// When to look at [`Self::is_stuck`]; 0 = never.
    pub(crate) fn deadline(&self) -> u64 {
        self.backlog.as_ref().map_or(0, |backlog| backlog.deadline(self.queue.progress()))
    }

    /// Gives memory back; only while idle.
    pub(crate) fn free(&mut self) {
        self.queue.free();
        self.held = Vec::new();
    }

    pub(super) fn has_room(&self, env: Env<'_>) -> bool {
        let held = if self.framing == Framing::Open { self.held.len() } else { 0 };
        self.queue.pending() + held < env.limits.write_window.max(1) && !self.queue.is_obstructed()
    }

    pub(super) fn flush(&mut self, wire: &Wire, env: Env<'_>) -> Result<(), Gone> {
        if self.phase == Phase::Dead {
            return Err(Gone);
        }
        if self.phase == Phase::Body && self.framing == Framing::Open {
            // The head is not whole yet; it goes out when the framing is settled.
            return Ok(());
        }
        let flushed = self.queue.flush(wire);
        let empty = self.alive(wire, flushed)?;
        if empty && self.phase == Phase::Complete {
            self.end_account(self.queue.taken(), Ending::Complete);
        }
        if empty && self.ending == Some(false) && self.queue.finish(wire) {
            self.ending = Some(true);
        }
        self.update_backlog(wire, env);
        Ok(())
    }

    /// The current exchange is over when `position` has been reached among all bytes of the connection.
    pub(super) fn end_account(&mut self, position: u64, ending: Ending) {
        if let Some(account) = self.account.take() {
            account.end(self.status, position.saturating_sub(self.began), ending);
        }
    }

    pub(super) fn update_backlog(&mut self, wire: &Wire, env: Env<'_>) {
        if !self.queue.is_blocked() || self.queue.is_empty() {
            self.backlog = None;
            return;
        }
        let (now, progress) = (clock::coarse_ms(), self.queue.progress());
        match &mut self.backlog {
            Some(backlog) => backlog.update(now, progress, wire.kernel_buffer(), env.limits),
            None => self.backlog = Some(Backlog::new(now, progress, wire.kernel_buffer(), env.limits)),
        }
    }

    /// A failed write ends the connection; what the client got must not look complete.
    pub(super) fn alive<T>(&mut self, wire: &Wire, result: std::io::Result<T>) -> Result<T, Gone> {
        result.map_err(|error| {
            tracing::debug!(%error, "a response could not be sent");
            wire.reset();
            self.kill(Ending::ClientGone);
            Gone
        })
    }
}
