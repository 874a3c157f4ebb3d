//! What separates a child from us and from other children: its user, its limits, its control group.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use rustix::process::{Resource, getrlimit};

use crate::cgroup::PoolGroup;
use crate::identity::Identity;

/// What separates a child. Nothing by default: it is as we are.
#[derive(Clone, Debug, Default)]
pub struct Confinement {
    /// As whom it runs. It then also gains no rights by executing files that would give it some (`no_new_privs`).
    pub identity: Option<Identity>,
    /// Most open descriptors of a process (`RLIMIT_NOFILE`, soft and hard).
    pub open_files: Option<u64>,
    /// The control group that it, and whatever it starts, belongs to.
    pub group: Option<Arc<PoolGroup>>,
}

impl Confinement {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.identity.is_none() && self.open_files.is_none() && self.group.is_none()
    }

    pub(crate) fn group_list(&self) -> io::Result<Option<OwnedFd>> {
        self.group.as_ref().map(|group| group.processes().as_fd().try_clone_to_owned()).transpose()
    }
}

/// The most open descriptors that a limit can allow, when it cannot allow as many as asked for.
pub fn most_open_files(wanted: u64) -> Option<u64> {
    use rustix::thread::{CapabilitySet, capabilities};
    let most = getrlimit(Resource::Nofile).maximum?;
    let may_raise = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_RESOURCE));
    (wanted > most && !may_raise).then_some(most)
}
