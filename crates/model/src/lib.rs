//! What Mews knows without touching anything: configuration and its diagnostics, statuses and
//! sub-statuses, listening URLs, the app's environment, and the lifecycle machines.
//!
//! Nothing here reads a file, an environment variable or a clock, starts a thread or awaits: every
//! function is a value in, a value out, and can be tested as such.
#![forbid(unsafe_code)]

pub mod articles;
pub mod authentication;
pub mod compression;
pub mod diagnostic;
pub mod environment;
pub mod expand;
pub mod failure;
pub mod filtering;
pub mod hosting_model;
pub mod lifecycle;
pub mod metrics;
pub mod module_event;
mod percent;
pub mod rewrite;
pub mod routing;
pub mod server_config;
pub mod status;
pub mod suggest;
pub mod url;
pub mod web_config;

pub use diagnostic::{Diagnostic, Severity, Source};
pub use failure::Failure;
pub use hosting_model::HostingModel;
pub use status::StatusCode;
