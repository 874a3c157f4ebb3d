//! The time of day at which pools recycle.

use std::time::{Duration, Instant};

use jiff::Zoned;
use mews_model::lifecycle::{Event, RecycleCause, Schedule, WallTime};
use mews_model::server_config::TimeOfDay;

use super::pool::Pool;

/// Clocks may be set while nobody looks.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// When a pool recycles, and when it looks at the clock next.
#[derive(Debug)]
pub(super) struct Clock {
    schedule: Schedule,
    next_look: Option<Instant>,
}

impl Clock {
    pub(super) fn new(at: &[TimeOfDay], later: Duration) -> Self {
        let mut schedule = Schedule::new(at, later);
        let next_look = (!schedule.is_empty()).then(|| {
            let now = wall_time();
            // What has been today is over.
            schedule.due(now);
            next_look(&schedule, now)
        });
        Self { schedule, next_look }
    }

    pub(super) fn next_look(&self) -> Option<Instant> {
        self.next_look
    }

    fn look(&mut self) -> Option<TimeOfDay> {
        let now = wall_time();
        let due = self.schedule.due(now);
        self.next_look = Some(next_look(&self.schedule, now));
        due
    }
}

fn next_look(schedule: &Schedule, now: WallTime) -> Instant {
    Instant::now() + schedule.next_in(now).unwrap_or(LOOK_EVERY).min(LOOK_EVERY)
}

/// Local time.
fn wall_time() -> WallTime {
    let now = Zoned::now();
    let civil = now.datetime();
    let days = civil.date().since(jiff::civil::date(1970, 1, 1)).map_or(0, |span| i64::from(span.get_days()));
    let second = |value: i8| u32::try_from(value).unwrap_or(0);
    WallTime::new(days, second(civil.hour()) * 3600 + second(civil.minute()) * 60 + second(civil.second()))
}

impl Pool {
    pub(super) fn look_at_clock(&mut self) {
        if self.clock.next_look.is_some_and(|at| at <= Instant::now())
            && let Some(TimeOfDay { hour, minute }) = self.clock.look()
        {
            self.events.push_back(Event::Recycle(RecycleCause::Clock { hour, minute }));
        }
    }
}
