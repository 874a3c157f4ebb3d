//! The lifecycle of applications as pure machines: `(state, event, now) → (state, effects)`.
//!
//! The supervisor feeds events in and performs the effects; nothing here knows how.

mod app_pool;
mod backoff;
mod effect;
mod event;
mod moment;
mod rapid_fail;
mod table;

pub use app_pool::{AppPool, Phase, Settings};
pub use backoff::Backoff;
pub use effect::{Effect, Level};
pub use event::{Event, Exit, WorkerId};
pub use moment::Moment;
pub use rapid_fail::RapidFail;
pub use table::state_table;
