//! As whom a pool runs and what it may use up.

/// What separates a pool from the others. Nothing by default: it runs as the host does, without limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Isolation {
    /// The user, by name or number; needs the host to run as root.
    pub user: Option<String>,
    /// The group, by name or number; the user's own otherwise.
    pub group: Option<String>,
    /// Bytes of memory that its processes may use together (control group).
    pub memory_limit: Option<u64>,
    /// Thousandths of one processor that its processes may use together (control group): 1500 is one and a half.
    pub cpu_limit: Option<u32>,
    /// Most processes and threads at a time (control group).
    pub tasks_limit: Option<u32>,
    /// Most open descriptors of a process (`RLIMIT_NOFILE`).
    pub open_files: Option<u64>,
}
