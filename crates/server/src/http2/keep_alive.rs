//! Whether a client that has open streams and says nothing is still there: it is asked, and has to answer in time.

use std::time::Duration;

use crate::config::Http2Limits;

/// See the module's documentation. Pure: times come in as coarse milliseconds.
#[derive(Debug)]
pub(super) struct KeepAlive {
    /// 0 = it is never asked.
    after: u64,
    timeout: u64,
    /// When it was asked, and has said nothing since; 0 = it was not.
    asked_at: u64,
    /// Questions that have not been answered.
    unanswered: u32,
}

/// What the client's silence calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// Nothing before then; `u64::MAX` = never.
    Until(u64),
    /// A PING, and a look at this time.
    Ask { until: u64 },
    /// The connection is over.
    Dead,
}

impl KeepAlive {
    pub(super) fn new(limits: &Http2Limits) -> Self {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self { after: ms(limits.ping_after), timeout: ms(limits.ping_timeout), asked_at: 0, unanswered: 0 }
    }

    /// A PING was acknowledged; whether it was one of ours.
    pub(super) fn answered(&mut self) -> bool {
        let ours = self.unanswered > 0;
        self.unanswered = self.unanswered.saturating_sub(1);
        ours
    }

    /// `heard_at`: when anything came last.
    pub(super) fn look(&mut self, now: u64, heard_at: u64) -> Silence {
        if self.after == 0 {
            return Silence::Until(u64::MAX);
        }
        if heard_at >= self.asked_at {
            // Whatever it said, it is there.
            self.asked_at = 0;
        }
        if self.asked_at != 0 {
            let until = self.asked_at.saturating_add(self.timeout);
            return if now >= until { Silence::Dead } else { Silence::Until(until) };
        }
        let ask_at = heard_at.saturating_add(self.after);
        if now < ask_at {
            return Silence::Until(ask_at);
        }
        self.asked_at = now;
        self.unanswered += 1;
        Silence::Ask { until: now.saturating_add(self.timeout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep_alive(after: u64, timeout: u64) -> KeepAlive {
        let limits = Http2Limits {
            ping_after: Duration::from_millis(after),
            ping_timeout: Duration::from_millis(timeout),
            ..Http2Limits::default()
        };
        KeepAlive::new(&limits)
    }

    #[test]
    fn who_says_nothing_is_asked_once_and_given_up() {
        let mut alive = keep_alive(100, 50);
        assert_eq!(alive.look(1000, 950), Silence::Until(1050));
        assert_eq!(alive.look(1050, 950), Silence::Ask { until: 1100 });
        assert_eq!(alive.look(1099, 950), Silence::Until(1100));
        assert_eq!(alive.look(1100, 950), Silence::Dead);
    }

    #[test]
    fn any_word_counts_as_an_answer() {
        let mut alive = keep_alive(100, 50);
        assert!(!alive.answered());
        assert_eq!(alive.look(1100, 1000), Silence::Ask { until: 1150 });
        assert_eq!(alive.look(1200, 1140), Silence::Until(1240));
        assert!(alive.answered() && !alive.answered());
        assert_eq!(alive.look(1240, 1140), Silence::Ask { until: 1290 });
    }

    #[test]
    fn it_can_be_off() {
        assert_eq!(keep_alive(0, 50).look(u64::MAX, 1), Silence::Until(u64::MAX));
    }
}
