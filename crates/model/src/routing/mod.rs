//! Which site and application a request is for: by the address it came to, its host name and its path.
//!
//! A [`Router`] is made once from a configuration. Each connection finds its [`Endpoint`] (the sites of one address),
//! by the listener that took it and the address it came to; each request finds its site there by its host name, and the
//! site's application by its path. Nothing is allocated on the way.
//!
//! Paths are taken as `filtering` and `rewrite` take them: decoded once, encoded slashes and `\` as slashes, dot segments
//! removed. However a path is written, it leads to the application that this path belongs to.

mod address;
mod endpoint;
mod host;
mod path;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use address::{covers, overlap};
pub use endpoint::{Endpoint, Listener};
pub use host::named_by;
pub use path::{Target, split_target};
pub use tree::{MOST_SEGMENT_BYTES, MOST_SEGMENTS};
pub(crate) use tree::{Tree, fold};

use serde::{Deserialize, Serialize};

use crate::server_config::{Binding, ServerConfig, Site};

/// Finds sites and applications. Indices are those of the configuration's lists.
#[derive(Clone, Debug)]
pub struct Router {
    listeners: Vec<Listener>,
    /// One per site.
    applications: Vec<Tree>,
}

/// A site as far as requests are told apart by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutedSite {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub bindings: Vec<Binding>,
    /// The paths of its applications.
    pub paths: Vec<String>,
}

impl From<&Site> for RoutedSite {
    fn from(site: &Site) -> Self {
        let paths = site.applications.iter().map(|application| application.path.clone()).collect();
        Self { name: site.name.clone(), bindings: site.bindings.clone(), paths }
    }
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Index of the site.
    pub site: usize,
    /// Index of the application in its site.
    pub application: usize,
}

impl Router {
    /// For a configuration that was read without errors.
    pub fn new(config: &ServerConfig) -> Self {
        Self::of(&config.sites.iter().map(RoutedSite::from).collect::<Vec<_>>())
    }

    /// The same for sites of which no more is known. Indices are those of this list and of the lists of paths.
    pub fn of(sites: &[RoutedSite]) -> Self {
        let applications = sites.iter().map(|site| Tree::new(&site.paths)).collect();
        Self { listeners: endpoint::listeners(sites), applications }
    }

    /// The addresses to listen on, in the order of the file. An address that another one covers is not among them:
    /// `127.0.0.1:80` beside `*:80`.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Where a request goes that came to this endpoint; `None` when no site takes its host name. `host` is the name
    /// that counts for the request ([`Target::host`], or else its `Host` field), also with a port.
    pub fn route(&self, endpoint: &Endpoint, host: &[u8], path: &[u8]) -> Option<Route> {
        let site = endpoint.site(host)?;
        Some(Route { site, application: self.application(site, path) })
    }

    /// The application of a site for a path, as sent: what follows a `?` does not count. The one with the path `/` for
    /// whatever has no path, such as `*`.
    pub fn application(&self, site: usize, path: &[u8]) -> usize {
        self.applications.get(site).map_or(0, |tree| tree.find(path))
    }
}
