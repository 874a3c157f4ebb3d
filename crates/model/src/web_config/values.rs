//! What a `web.config` says, typed.

use std::time::Duration;

use crate::expand::expand;
use crate::hosting_model::HostingModel;

/// `maxAllowedContentLength` when it is not given, in bytes.
pub const DEFAULT_CONTENT_LENGTH: u64 = 30_000_000;

/// A file without errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebConfig {
    /// The `aspNetCore` element, if there is one.
    pub asp_net_core: Option<AspNetCore>,
    /// `security/requestFiltering/requestLimits maxAllowedContentLength`, in bytes.
    pub max_content_length: u64,
    /// `webSocket enabled`.
    pub web_sockets: bool,
    /// `security/authentication`.
    pub authentication: Authentication,
}

/// Which authentication schemes are enabled; `None` when the file does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Authentication {
    /// `anonymousAuthentication`.
    pub anonymous: Option<bool>,
    /// `windowsAuthentication`.
    pub windows: Option<bool>,
    /// `basicAuthentication`.
    pub basic: Option<bool>,
}

/// The `aspNetCore` element. Texts are as written: `%VAR%` is not expanded yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AspNetCore {
    /// What to start.
    pub process_path: String,
    /// Its arguments, in the syntax of a Windows command line.
    pub arguments: String,
    /// `None` means out-of-process.
    pub hosting_model: Option<HostingModel>,
    /// How long a start may take.
    pub startup_time_limit: Duration,
    /// How long a stop may take.
    pub shutdown_time_limit: Duration,
    /// Crashes per minute that an out-of-process app is allowed.
    pub rapid_fails_per_minute: u64,
    /// How long an out-of-process app may be silent.
    pub request_timeout: Duration,
    /// Whether output goes to a file.
    pub stdout_log_enabled: bool,
    /// Which file.
    pub stdout_log_file: String,
    /// How many processes out-of-process.
    pub processes_per_application: u64,
    /// Whether an out-of-process app is told the Windows user.
    pub forward_windows_auth_token: bool,
    /// Whether start failures have no page.
    pub disable_start_up_error_page: bool,
    /// Name and value, in order, names unique in any case.
    pub environment_variables: Vec<(String, String)>,
    /// Name and value, in order; the first of a name counts, in any case.
    pub handler_settings: Vec<(String, String)>,
}

impl AspNetCore {
    /// A free-form switch; its name is compared in any case.
    pub fn handler_setting(&self, name: &str) -> Option<&str> {
        let found = self.handler_settings.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What is to be started, ready for use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launcher {
    /// What to start.
    pub process_path: String,
    /// Its arguments, in the syntax of a Windows command line.
    pub arguments: String,
}

/// What to start: `ANCM_LAUNCHER_PATH` and `ANCM_LAUNCHER_ARGS` of the environment when they are set and not
/// empty, otherwise the attributes; `%VAR%` expanded.
pub fn launcher(config: &AspNetCore, lookup: impl Fn(&str) -> Option<String>) -> Launcher {
    let choose = |variable: &str, attribute: &str| {
        let chosen = lookup(variable).filter(|value| !value.is_empty());
        // The configuration system expands attributes, and the in-process module expands whatever it got again.
        let chosen = chosen.unwrap_or_else(|| expand(attribute, &lookup));
        expand(&chosen, &lookup)
    };
    Launcher {
        process_path: choose("ANCM_LAUNCHER_PATH", &config.process_path),
        arguments: choose("ANCM_LAUNCHER_ARGS", &config.arguments),
    }
}
