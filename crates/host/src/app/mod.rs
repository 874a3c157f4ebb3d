//! The app folder: what lies in it, what is to be started, with which settings and environment.

mod environment;
mod file;
mod folder;
mod launch;
mod site;
mod watch;

pub(crate) use site::{Plan, ResolveError, Site, SiteOptions};
pub(crate) use watch::Watch;
