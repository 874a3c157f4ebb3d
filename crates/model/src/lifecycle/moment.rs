//! A point in time as the machines know it.

use std::ops::Add;
use std::time::Duration;

/// Milliseconds since some fixed point that the caller chooses; it only has to grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// The moment that lies `since` after the caller's fixed point.
    pub fn at(since: Duration) -> Self {
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    /// Saturates at the far end of time.
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(Self::at(span).0))
    }
}
