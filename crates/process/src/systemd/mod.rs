//! What systemd, or another service manager that speaks its protocols, tells a service and wants to hear from it.

mod notify;
mod sockets;

pub use notify::{Notifier, NotifyError, watchdog_limit};
pub use sockets::{Passed, PassedError, take};

/// The variables of these protocols. They are meant for one process: what that process starts must not see them.
pub const VARIABLES: [&str; 6] =
    ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];
