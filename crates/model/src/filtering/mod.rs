//! Request filtering: which requests never reach the app.

mod check;
mod config;

pub use check::{Facts, Rejection};
pub use config::{
    FileExtensions, HeaderLimit, HiddenSegments, Listed, RequestFiltering, RequestLimits, Verbs,
};
