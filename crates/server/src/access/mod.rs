//! What is kept of each request until its end, and the access log that is written of it then.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `account` | one request, from its head to the end of its response |
//! | `ending` | the ways in which a request can end |
//! | `accounting` | how the requests for an application are accounted for |
//! | `tally` | what is counted of an application's requests |
//! | `trace` | the trace context of a request |
//! | `record` | a request that is over, as the log sees it |
//! | `format` | the lines of the log |
//! | `escape` | how the words of clients are kept from passing for others |
//! | `log` | the queue of lines and the thread that writes them |
//! | `file` | the file, and when it gives way to the next |

mod account;
mod accounting;
mod ending;
mod escape;
mod file;
mod format;
mod log;
mod record;
mod tally;
mod trace;

pub use accounting::Accounting;
pub use file::{FileError, RotatingFile};
pub use log::{AccessLog, Sink};

pub(crate) use account::{Account, Unserved};
pub(crate) use ending::{Cause, Ending};
pub use trace::TraceId;
pub(crate) use trace::{Trace, Traced};
