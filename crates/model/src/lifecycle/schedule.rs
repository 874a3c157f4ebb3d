//! Times of day at which something happens, whatever the clock does meanwhile.

use std::time::Duration;

use crate::server_config::TimeOfDay;

/// Seconds of a day.
const DAY: i64 = 24 * 3600;

/// A point in local time, as clocks on the wall show it: seconds since some midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime(i64);

impl WallTime {
    /// The `second` of a day, of days counted from wherever the caller likes.
    pub fn new(day: i64, second: u32) -> Self {
        Self(day.saturating_mul(DAY).saturating_add(i64::from(second)))
    }
}

/// Times of day, and up to when they have been looked at.
#[derive(Clone, Debug)]
pub struct Schedule {
    at: Vec<TimeOfDay>,
    /// Added to each.
    later: Duration,
    looked: Option<WallTime>,
    /// The last that was told. A clock that was set back does not come to it again.
    told: Option<WallTime>,
}

impl Schedule {
    /// At these times of every day, `later`.
    pub fn new(at: &[TimeOfDay], later: Duration) -> Self {
        Self { at: at.to_vec(), later, looked: None, told: None }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// The time that has come since the last look; the last of several. A leap by a day or more is the setting of a
    /// clock, and no time that has passed.
    pub fn due(&mut self, now: WallTime) -> Option<TimeOfDay> {
        let before = self.looked.replace(now)?;
        if now.0.saturating_sub(before.0) >= DAY {
            return None;
        }
        let (moment, at) = self
            .moments(now)
            .filter(|(moment, _)| *moment > before && *moment <= now)
            .max_by_key(|(m, _)| *m)?;
        if self.told.is_some_and(|told| moment <= told && told.0 - moment.0 < DAY) {
            return None;
        }
        self.told = Some(moment);
        Some(at)
    }

    /// How long it is until the next, as long as nobody sets the clock.
    pub fn next_in(&self, now: WallTime) -> Option<Duration> {
        let left = self.moments(now).map(|(moment, _)| moment.0 - now.0).filter(|left| *left > 0);
        left.min().and_then(|left| u64::try_from(left).ok()).map(Duration::from_secs)
    }

    /// Those of the days around.
    fn moments(&self, now: WallTime) -> impl Iterator<Item = (WallTime, TimeOfDay)> {
        let midnight = now.0.div_euclid(DAY) * DAY;
        let later = i64::try_from(self.later.as_secs()).unwrap_or(0);
        let days = [-DAY, 0, DAY];
        days.into_iter().flat_map(move |day| {
            self.at.iter().map(move |at| {
                let second = i64::from(at.hour) * 3600 + i64::from(at.minute) * 60;
                (WallTime(midnight + day + second + later), *at)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: TimeOfDay = TimeOfDay { hour: 4, minute: 0 };

    fn at(day: i64, hour: u32, minute: u32) -> WallTime {
        WallTime::new(day, hour * 3600 + minute * 60)
    }

    fn schedule() -> Schedule {
        Schedule::new(&[FOUR, TimeOfDay { hour: 23, minute: 59 }], Duration::from_secs(90))
    }

    #[test]
    fn each_time_is_told_once_a_day() {
        let mut schedule = schedule();
        assert_eq!(schedule.due(at(7, 4, 2)), None, "what was before the first look is none of its business");
        assert_eq!(schedule.next_in(at(7, 4, 0)), Some(Duration::from_secs(90)));
        assert_eq!(schedule.due(at(8, 4, 1)), Some(TimeOfDay { hour: 23, minute: 59 }));
        assert_eq!(schedule.due(at(8, 4, 2)), Some(FOUR));
        assert_eq!(schedule.due(at(8, 4, 3)), None);
        assert_eq!(schedule.due(at(8, 23, 59)), None);
        // 90 s after 23:59 is another day.
        assert_eq!(schedule.due(at(9, 0, 1)), Some(TimeOfDay { hour: 23, minute: 59 }));
        assert_eq!(schedule.due(at(9, 5, 0)), Some(FOUR));
        assert!(Schedule::new(&[], Duration::ZERO).is_empty());
    }

    #[test]
    fn clocks_that_are_set_do_not_repeat_or_invent() {
        let mut schedule = schedule();
        schedule.due(at(7, 3, 0));
        assert_eq!(schedule.due(at(7, 5, 0)), Some(FOUR), "summer time leaps over it");
        assert_eq!(schedule.due(at(7, 3, 30)), None);
        assert_eq!(schedule.due(at(7, 4, 30)), None, "it comes again in winter");
        assert_eq!(schedule.due(at(8, 3, 0)), Some(TimeOfDay { hour: 23, minute: 59 }));
        assert_eq!(schedule.due(at(8, 4, 30)), Some(FOUR));
        // From 1970 to now.
        assert_eq!(schedule.due(at(20_000, 12, 0)), None);
        assert_eq!(schedule.due(at(20_001, 4, 30)), Some(FOUR));
        // And back: what comes is not what has been.
        assert_eq!(schedule.due(at(100, 1, 0)), None);
        assert_eq!(schedule.due(at(100, 4, 30)), Some(FOUR));
    }
}
