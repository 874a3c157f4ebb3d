//! Metrics: their names, what workers tell of them, and the text that Prometheus reads.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `table` | every metric: the one table for the host, the reader's text and the reference page |
//! | `limits` | every limit that a client can meet, and the reference page about them |
//! | `snapshot` | values at a moment, and how those of several processes become one |
//! | `text` | Prometheus' text format |
//! | `reference` | the reference page |
//!
//! Values come out of other processes as they are, so that a library's registry would be nothing but its encoder.

mod limits;
mod reference;
mod snapshot;
mod table;
mod text;

pub use limits::{LIMITS, Limit, reference as limits_reference};
pub use reference::reference;
pub use snapshot::{Sample, Snapshot, Value};
pub use table::{ALL, BUCKETS_SECONDS, Kind, METHODS, Metric, names};
pub use text::CONTENT_TYPE;
