//! Request filtering: which requests never reach the app.

mod config;

pub use config::{
    FileExtensions, HeaderLimit, HiddenSegments, Listed, RequestFiltering, RequestLimits, Verbs,
};
