//! The lifecycle of applications as pure machines: `(state, event, now) → (state, effects)`.
//!
//! The supervisor feeds events in and performs the effects of the pool's machine, an out-of-process worker those
//! of its processes' machine; nothing here knows how.

mod apart;
mod app_pool;
mod backoff;
mod effect;
mod event;
mod fail_window;
mod failures;
mod moment;
mod process_effect;
mod process_event;
mod process_failure;
mod process_manager;
mod process_table;
mod rapid_fail;
mod recycle_cause;
mod schedule;
mod settings;
mod table;

pub use apart::apart;
pub use app_pool::{AppPool, Phase, Record, Recycled, Why};
pub use backoff::Backoff;
pub use effect::{Effect, Leave, Level, Shown};
pub use event::{Event, Exit, Measured, Refusal, WorkerId};
pub use fail_window::FailWindow;
pub use failures::Failures;
pub use moment::Moment;
pub use process_effect::{ProcessEffect, Route};
pub use process_event::{ProcessEvent, RunId, Seen, Slot};
pub use process_manager::{ProcessManager, ProcessSettings, SlotPhase};
pub use process_table::process_table;
pub use rapid_fail::RapidFail;
pub use recycle_cause::{Bytes, RecycleCause, Span};
pub use schedule::{Schedule, WallTime};
pub use settings::{Limits, Settings};
pub use table::state_table;
