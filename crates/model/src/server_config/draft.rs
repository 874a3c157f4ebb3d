//! What a file says, with its places, before the parts are held against each other.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Application, Binding, Format, HostName, Http2, Pool, Site};
use crate::url::ListenUrl;
use crate::web_config::report::Place;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) at: Place,
}

/// A whole file.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) sites: Vec<SiteDraft>,
    pub(super) pools: Vec<PoolDraft>,
    pub(super) admin: Option<SocketAddr>,
    /// What it was written in: messages show how to write something.
    pub(super) format: Format,
    /// Settings that have been complained about, or were meant by misspelt ones: that they are missing is not told.
    pub(super) told: Vec<&'static str>,
}

impl Draft {
    pub(super) fn read_admin(&mut self, text: Placed<&str>) -> Result<(), String> {
        let address = text.value.parse();
        self.admin =
            Some(address.map_err(|_| "write an IP address and a port, as in 127.0.0.1:9090".to_owned())?);
        Ok(())
    }
}

/// A site. What needs no place is in `site` already; bindings, applications and the number are put there in the end.
#[derive(Debug)]
pub(super) struct SiteDraft {
    /// The whole site.
    pub(super) at: Place,
    pub(super) site: Site,
    pub(super) name: Placed<String>,
    pub(super) id: Option<Placed<u32>>,
    pub(super) bindings: Vec<BindingDraft>,
    pub(super) applications: Vec<ApplicationDraft>,
    /// The application `/`, where the site itself says what it is.
    pub(super) short: Option<ApplicationDraft>,
}

/// A binding. Without an address it has been complained about.
#[derive(Debug)]
pub(super) struct BindingDraft {
    pub(super) at: Place,
    pub(super) listen: Option<ListenUrl>,
    pub(super) host: HostName,
    /// `None`: what the site says.
    pub(super) http2: Option<bool>,
}

/// An application.
#[derive(Debug)]
pub(super) struct ApplicationDraft {
    pub(super) application: Application,
    pub(super) path: Placed<String>,
    pub(super) physical_path: Option<Placed<PathBuf>>,
    /// `None`: a pool of its own.
    pub(super) pool: Option<Placed<String>>,
}

/// An application pool.
#[derive(Debug)]
pub(super) struct PoolDraft {
    /// Its name.
    pub(super) at: Place,
    pub(super) pool: Pool,
}

impl BindingDraft {
    pub(super) fn new(at: Place) -> Self {
        Self { at, listen: None, host: HostName::Any, http2: None }
    }

    /// What it comes to, in a site that says this of HTTP/2; `None` without an address.
    pub(super) fn value(&self, http2: Http2) -> Option<Binding> {
        let listen = self.listen.clone()?;
        let http2 = self.http2.unwrap_or_else(|| http2.at(listen.scheme));
        Some(Binding { listen, host: self.host.clone(), http2 })
    }
}

impl SiteDraft {
    pub(super) fn new(at: Place) -> Self {
        let site = Site { auto_start: true, ..Site::default() };
        let name = Placed { value: String::new(), at };
        Self { at, site, name, id: None, bindings: Vec::new(), applications: Vec::new(), short: None }
    }
}

impl ApplicationDraft {
    pub(super) fn new(at: Place) -> Self {
        let application = Application {
            path: String::new(),
            physical_path: PathBuf::new(),
            pool: String::new(),
            hosting_model: None,
            authentication: None,
            inherited: None,
        };
        let path = Placed { value: "/".to_owned(), at };
        Self { application, path, physical_path: None, pool: None }
    }
}
