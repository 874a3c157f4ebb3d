//! An app's `web.config`: what the hosting module reads of it, with every problem told at once.
//!
//! Other sections of IIS are skipped here. Merging with machine-level files does not exist.

mod decode;
mod problems;
mod reader;
mod schema;
mod values;

pub use problems::Problems;
pub use reader::read;
pub use schema::{ASP_NET_CORE, Attribute, Kind};
pub use values::{AspNetCore, Authentication, DEFAULT_CONTENT_LENGTH, Launcher, WebConfig, launcher};
