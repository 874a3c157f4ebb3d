//! Where the app runs, and which processes of a host that concerns.

use super::{HostBuilder, TestHost};
use crate::{paths, proc};

/// The hosting models. A scenario that both must play through is written once, for the model that it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// The app runs in the worker.
    InProcess,
    /// The app is a process of its own, with its own server, and the worker forwards to it.
    OutOfProcess,
}

impl Model {
    /// As the command line names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InProcess => "InProcess",
            Self::OutOfProcess => "OutOfProcess",
        }
    }

    /// Whether the app is a process of its own.
    pub const fn is_out_of_process(self) -> bool {
        matches!(self, Self::OutOfProcess)
    }
}

impl HostBuilder {
    /// `--hosting-model`, whatever `web.config` says.
    #[must_use]
    pub fn model(self, model: Model) -> Self {
        self.flag("--hosting-model").flag(model.name())
    }

    /// A folder whose `web.config` makes the program `unruly` the app's own process, in a mode that its source tells of.
    pub(super) fn unruly(words: &str) -> Self {
        let builder = Self::empty_folder();
        std::fs::copy(paths::unruly(), builder.folder().join("unruly")).expect("the copy is writable");
        builder.web_config(&format!(
            "<configuration><system.webServer><aspNetCore processPath=\"./unruly\" arguments=\"{words}\" hostingModel=\"OutOfProcess\" /></system.webServer></configuration>"
        ))
    }
}

impl TestHost {
    /// Begins to describe a host whose app is the program `unruly` in a mode, out-of-process.
    pub fn unruly(words: &str) -> HostBuilder {
        HostBuilder::unruly(words)
    }

    /// The processes that the workers have started, and what came from those.
    pub fn programs(&self) -> Vec<u32> {
        let workers = self.workers();
        let is_program = |pid: &u32| *pid != self.supervisor() && !workers.contains(pid);
        proc::marked(&self.id).into_iter().filter(is_program).collect()
    }

    /// The workers and all that they have started: what serves requests.
    pub fn servers(&self) -> Vec<u32> {
        let mut all = self.workers();
        all.extend(self.programs());
        all
    }

    /// The process that runs the app in this model, once there is one.
    ///
    /// # Panics
    /// There are several.
    pub fn app_process(&self, model: Model) -> Option<u32> {
        let found = if model.is_out_of_process() { self.programs() } else { self.workers() };
        assert!(found.len() < 2, "several processes: {found:?}\n{}", self.story());
        found.first().copied()
    }

    /// Resident memory of all [`TestHost::servers`] in MiB.
    pub fn resident_mib(&self) -> u64 {
        self.servers().into_iter().map(proc::resident_kib).sum::<u64>() / 1024
    }
}
