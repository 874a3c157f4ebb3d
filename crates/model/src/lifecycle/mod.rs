//! The lifecycle of applications as pure machines: `(state, event, now) → (state, effects)`.
//!
//! The supervisor feeds events in and performs the effects of the pool's machine, an out-of-process worker those
//! of its processes' machine; nothing here knows how.

mod app_pool;
mod backoff;
mod effect;
mod event;
mod fail_window;
mod moment;
mod process_effect;
mod process_event;
mod process_failure;
mod process_manager;
mod process_table;
mod rapid_fail;
mod table;

pub use app_pool::{AppPool, Phase, Settings};
pub use backoff::Backoff;
pub use effect::{Effect, Level};
pub use event::{Event, Exit, Refusal, WorkerId};
pub use fail_window::FailWindow;
pub use moment::Moment;
pub use process_effect::{ProcessEffect, Route};
pub use process_event::{ProcessEvent, RunId, Seen, Slot};
pub use process_manager::{ProcessManager, ProcessSettings, SlotPhase};
pub use process_table::process_table;
pub use rapid_fail::RapidFail;
pub use table::state_table;
