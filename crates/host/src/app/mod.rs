//! The app folder: what lies in it, what is to be started, with which settings and environment.

mod environment;
mod folder;
mod launch;
mod site;
mod watch;

pub(crate) use site::{Plan, Site, SiteOptions};
pub(crate) use watch::Watch;
