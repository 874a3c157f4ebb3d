//! `mews serve`: sites and pools of a configuration file.

use super::builder::copy;
use super::{HostBuilder, Model, TestHost};
use crate::{Client, PATIENCE, Request, Response, paths};
use std::fs;
use std::net::SocketAddr;

/// A site of a `mews.toml`, at any free port of 127.0.0.N, with one application in the folder and the pool of its name.
pub fn site(name: &str, n: u8, model: Model) -> String {
    format!(
        "[[site]]\nname = '{name}'\nbindings = ['http://127.0.0.{n}:0']\n[[site.application]]\npath = '/'\n\
         physical_path = '{name}'\npool = '{name}'\nhosting_model = '{}'\n",
        model.name()
    )
}

impl HostBuilder {
    /// A copy of the published app `name` in the sub-folder `folder`.
    ///
    /// # Panics
    /// It cannot be made.
    #[must_use]
    pub fn with_app(self, folder: &str, name: &str) -> Self {
        let target = self.folder().join(folder);
        fs::create_dir_all(&target).expect("a folder can be made");
        copy(&paths::app(name), &target);
        self
    }

    /// Starts the host and waits until it listens everywhere, whatever becomes of its apps.
    ///
    /// # Panics
    /// It does not come to that.
    pub fn serve(self) -> TestHost {
        let host = self.launch();
        let line = host.stderr.wait_for(PATIENCE, |line| line.contains("serving "));
        assert!(line.is_some(), "mews does not say that it serves\n{}", host.story());
        host
    }
}

impl TestHost {
    /// Begins to describe a `mews serve` with this `mews.toml`, in a folder that [`HostBuilder::with_app`] puts apps into.
    pub fn configured(mews_toml: &str) -> HostBuilder {
        let mut builder = HostBuilder::empty_folder().file("mews.toml", mews_toml);
        builder.serves = true;
        builder
    }

    /// Where a `mews serve` listens, in the order of its configuration. Pools that are not to share an address in a test
    /// listen on 127.0.0.1, 127.0.0.2 and so on.
    ///
    /// # Panics
    /// It has not said so.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let line = self.stderr.wait_for(PATIENCE, |line| line.contains("serving "));
        let line = line.unwrap_or_else(|| panic!("no addresses\n{}", self.story()));
        let (_, urls) = line.split_once(" on ").expect("the line names URLs");
        let (urls, _) = urls.rsplit_once(" (pid").expect("the line names the process");
        let address = |url: &str| url.split_once("://").and_then(|(_, address)| address.parse().ok());
        urls.split(", ").filter_map(address).collect()
    }

    /// A new connection to the address with this index.
    ///
    /// # Panics
    /// There is none.
    pub fn client_at(&self, index: usize) -> Client {
        Client::connect_to(self.addresses()[index])
    }

    /// A `GET` on a connection of its own to the address with this index.
    ///
    /// # Panics
    /// There is no whole response.
    pub fn get_at(&self, index: usize, target: &str) -> Response {
        match self.client_at(index).request(&Request::get(target)) {
            Ok(response) => response,
            Err(error) => panic!("GET {target}: {error:#}\n{}", self.story()),
        }
    }

    /// Changes a file of the configuration's folder while the host runs, in one step.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn put(&self, name: &str, text: &str) {
        let path = self.folder().join(name);
        let next = path.with_extension("next");
        fs::write(&next, text).expect("a file can be written");
        fs::rename(&next, &path).expect("a file can be renamed");
    }
}
