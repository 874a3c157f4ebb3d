//! `mews serve`: sites and pools of a configuration file.

use super::builder::copy;
use super::{Finished, HostBuilder, Model, TestHost, tool};
use crate::{Client, PATIENCE, Request, Response, paths, wait};
use serde_json::Value;
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
        Self::served("mews.toml", mews_toml)
    }

    /// The same with a file of IIS.
    pub fn configured_by_iis(application_host: &str) -> HostBuilder {
        Self::served("applicationHost.config", application_host)
    }

    fn served(name: &'static str, text: &str) -> HostBuilder {
        let mut builder = HostBuilder::empty_folder().file(name, text);
        builder.serves = Some(name);
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

    /// The process that shares connections out among pools, as of the last start.
    ///
    /// # Panics
    /// There is none.
    pub fn gateway(&self) -> u32 {
        let lines = self.stderr.lines();
        let line = lines.iter().rev().find(|line| line.contains("sharing out connections"));
        let pid = line.and_then(|line| line.rsplit_once("(pid ")?.1.trim_end_matches(')').parse().ok());
        pid.unwrap_or_else(|| panic!("there is no gateway\n{}", self.story()))
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

    /// Runs a command of `mews` against the host's control socket.
    ///
    /// # Panics
    /// It cannot be run.
    pub fn admin(&self, arguments: &[&str]) -> Finished {
        let socket = self.folder().join("control.sock");
        let mut all = arguments.to_vec();
        all.extend(["--control", socket.to_str().expect("the temporary folder has a plain name")]);
        tool(&all)
    }

    /// What `mews status --json` says about a pool.
    ///
    /// # Panics
    /// It cannot be asked, or there is no such pool.
    pub fn status(&self, pool: &str) -> Value {
        let finished = self.admin(&["status", pool, "--json"]);
        assert_eq!(finished.code, Some(0), "{finished:?}\n{}", self.story());
        let status: Value = serde_json::from_str(&finished.stdout).expect("status is JSON");
        status["status"]["pools"][0].clone()
    }

    /// The state of a pool, in one word.
    ///
    /// # Panics
    /// As [`TestHost::status`].
    pub fn state(&self, pool: &str) -> String {
        self.status(pool)["state"].as_str().expect("the state is a word").to_owned()
    }

    /// Waits until a pool is in a state.
    ///
    /// # Panics
    /// It does not come to that in time.
    pub fn wait_state(&self, pool: &str, state: &str) {
        let found = wait::poll(PATIENCE, || (self.state(pool) == state).then_some(()));
        assert!(found.is_some(), "{pool} is not {state}: {:#}\n{}", self.status(pool), self.story());
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
