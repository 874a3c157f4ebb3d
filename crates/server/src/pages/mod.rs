//! Answers every request with one fixed page: starting, offline, failed, stopping.

mod html;
mod page;

pub use page::{Page, PageHandler};
