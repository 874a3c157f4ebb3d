//! The app: what lies in its folder, what is to be started, with which settings and environment, what it prints and how
//! it ends.

pub(crate) mod ending;
pub(crate) mod environment;
pub(crate) mod file;
mod folder;
mod launch;
mod output;
mod plan;
mod rules;
mod runtime_config;
mod settings;
mod site;
mod watch;

pub(crate) use output::{Output, Outputs, open_log};
pub(crate) use plan::{Hosting, Plan};
pub(crate) use site::{ResolveError, Site, SiteOptions};
pub(crate) use watch::{News, Watch};
