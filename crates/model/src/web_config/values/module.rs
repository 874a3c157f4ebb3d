//! The values of `aspNetCore`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::expand::expand;
use crate::hosting_model::HostingModel;
use crate::suggest::nearest;
use crate::web_config::hints::{advice, shorten};
use crate::web_config::kinds;
use crate::web_config::report::Report;
use crate::web_config::schema::{DEBUG_LEVEL, HANDLER_SETTINGS, Kind};
use crate::web_config::tree::Set;

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
    /// The same, typed.
    pub settings: HandlerSettings,
}

impl AspNetCore {
    /// A free-form switch; its name is compared in any case.
    pub fn handler_setting(&self, name: &str) -> Option<&str> {
        let found = self.handler_settings.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The known `handlerSettings`, typed. Texts are as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlerSettings {
    /// `handlerVersion`.
    pub handler_version: Option<String>,
    /// `debugFile`.
    pub debug_file: Option<String>,
    /// The words of `debugLevel`.
    pub debug_level: Vec<String>,
    /// `setCurrentDirectory`.
    pub set_current_directory: bool,
    /// `callStartupHook`.
    pub call_startup_hook: bool,
    /// `stackSize` in bytes, 65536 to 1073741824; `None` when it is not given.
    pub stack_size: Option<u64>,
    /// `suppressRecycleOnStartupTimeout`.
    pub suppress_recycle_on_startup_timeout: bool,
    /// `enableShadowCopy`, or its older name.
    pub enable_shadow_copy: bool,
    /// `shadowCopyDirectory`.
    pub shadow_copy_directory: Option<String>,
    /// `cleanShadowCopyDirectory`.
    pub clean_shadow_copy_directory: bool,
    /// `disallowRotationOnConfigChange`.
    pub disallow_rotation_on_config_change: bool,
    /// `shutdownDelay`; `None` when it is not given.
    pub shutdown_delay: Option<Duration>,
    /// `enableOutOfProcessConsoleRedirection`.
    pub out_of_process_console_redirection: bool,
    /// `forwardResponseConnectionHeader`.
    pub forward_response_connection_header: bool,
    /// `stdoutLogMaxBytes`: `None` is no limit.
    pub stdout_log_max_bytes: Option<u64>,
    /// `stdoutLogMaxFiles`, 1 to 10000.
    pub stdout_log_max_files: u32,
}

impl Default for HandlerSettings {
    /// None given.
    fn default() -> Self {
        Self {
            handler_version: None,
            debug_file: None,
            debug_level: Vec::new(),
            set_current_directory: true,
            call_startup_hook: true,
            stack_size: None,
            suppress_recycle_on_startup_timeout: false,
            enable_shadow_copy: false,
            shadow_copy_directory: None,
            clean_shadow_copy_directory: false,
            disallow_rotation_on_config_change: false,
            shutdown_delay: None,
            out_of_process_console_redirection: true,
            forward_response_connection_header: false,
            stdout_log_max_bytes: Some(10 << 20),
            stdout_log_max_files: 5,
        }
    }
}

pub(super) fn asp_net_core(set: &Set, report: &mut Report<'_>) -> AspNetCore {
    if set.given("processPath").is_none() {
        report.missing_process_path(set.at);
    }
    let pairs = |list: &str| -> Vec<(String, String)> {
        let items = set.find(&[list]).map_or(&[][..], |list| list.items.as_slice());
        items.iter().map(|item| (item.owned("name"), item.owned("value"))).collect()
    };
    if let Some(variables) = set.find(&["environmentVariables"]) {
        for item in variables.items.iter().filter(|item| item.text("name").contains(['=', '\0'])) {
            report.violation(item.place("name"), "environmentVariable has no usable name", |problem| {
                problem.help("write name=\"NAME\" value=\"VALUE\"; a name is not empty and holds no '='")
            });
        }
    }
    let settings = set.find(&["handlerSettings"]);
    AspNetCore {
        process_path: set.owned("processPath"),
        arguments: set.owned("arguments"),
        hosting_model: set.text("hostingModel").parse().ok(),
        startup_time_limit: Duration::from_secs(set.number("startupTimeLimit")),
        shutdown_time_limit: Duration::from_secs(set.number("shutdownTimeLimit")),
        rapid_fails_per_minute: set.number("rapidFailsPerMinute"),
        request_timeout: Duration::from_secs(set.number("requestTimeout")),
        stdout_log_enabled: set.is("stdoutLogEnabled"),
        stdout_log_file: set.owned("stdoutLogFile"),
        processes_per_application: set.number("processesPerApplication"),
        forward_windows_auth_token: set.is("forwardWindowsAuthToken"),
        disable_start_up_error_page: set.is("disableStartUpErrorPage"),
        environment_variables: pairs("environmentVariables"),
        handler_settings: pairs("handlerSettings"),
        settings: settings.map_or_else(HandlerSettings::default, |list| handler_settings(list, report)),
    }
}

fn handler_settings(list: &Set, report: &mut Report<'_>) -> HandlerSettings {
    let mut settings = HandlerSettings::default();
    let mut met: Vec<&str> = Vec::new();
    for item in &list.items {
        let (name, value) = (item.text("name"), item.text("value"));
        let Some(row) = HANDLER_SETTINGS.iter().find(|row| row.name.eq_ignore_ascii_case(name)) else {
            let message = format!("unknown handlerSetting '{}'", shorten(name));
            let known = HANDLER_SETTINGS.iter().map(|row| row.name);
            report.warning(item.place("name"), message, |problem| match nearest(name, known) {
                Some(meant) => problem.help(format!("did you mean '{meant}'?")),
                None => problem.help("it has no effect: remove it"),
            });
            continue;
        };
        if met.contains(&row.name) {
            let message = format!("the handlerSetting '{}' is there twice", row.name);
            report.warning(item.place("name"), message, |problem| {
                problem.help("the first one counts: remove this one")
            });
            continue;
        }
        met.push(row.name);
        if let Some(instead) = row.instead {
            let message = format!("the handlerSetting '{}' has no effect here", row.name);
            report.warning(item.place("name"), message, |problem| problem.help(advice(instead)));
        }
        let fits = kinds::fits(row.kind, value);
        if row.kind == Kind::Bool && !fits {
            // One switch is turned off by `false` alone; for the others every text but `true` is false.
            let counts = row.name == "enableOutOfProcessConsoleRedirection";
            let message = format!("'{}' is no value for the handlerSetting '{}'", shorten(value), row.name);
            report.warning(item.place("value"), message, |problem| {
                problem.expected("expected true or false").help(format!("it counts as {counts}"))
            });
        } else if !fits {
            let message = format!("'{}' is no value for the handlerSetting '{}'", shorten(value), row.name);
            report
                .refusal(item.place("value"), message, |problem| problem.expected(kinds::expected(row.kind)));
            continue;
        }
        settings.set(row.name, item, report);
    }
    settings
}

impl HandlerSettings {
    fn set(&mut self, name: &str, item: &Set, report: &mut Report<'_>) {
        let value = item.text("value");
        let on = value.eq_ignore_ascii_case("true");
        let not_off = !value.eq_ignore_ascii_case("false");
        let text = || (!value.is_empty()).then(|| value.to_owned());
        let number = kinds::number(value);
        match name {
            "handlerVersion" => self.handler_version = text(),
            "debugFile" => self.debug_file = text(),
            "debugLevel" => self.debug_level = debug_level(item, report),
            "setCurrentDirectory" => self.set_current_directory = on,
            "callStartupHook" => self.call_startup_hook = on,
            "stackSize" => self.stack_size = stack_size(item, report),
            "suppressRecycleOnStartupTimeout" => self.suppress_recycle_on_startup_timeout = on,
            "enableShadowCopy" | "experimentalEnableShadowCopy" => self.enable_shadow_copy |= on,
            "shadowCopyDirectory" => self.shadow_copy_directory = text(),
            "cleanShadowCopyDirectory" => self.clean_shadow_copy_directory = on,
            "disallowRotationOnConfigChange" => self.disallow_rotation_on_config_change = on,
            "shutdownDelay" => self.shutdown_delay = number.map(Duration::from_millis),
            "enableOutOfProcessConsoleRedirection" => self.out_of_process_console_redirection = not_off,
            "forwardResponseConnectionHeader" => self.forward_response_connection_header = on,
            "stdoutLogMaxBytes" => self.stdout_log_max_bytes = number.filter(|bytes| *bytes > 0),
            "stdoutLogMaxFiles" => {
                let files = number.and_then(|files| u32::try_from(files).ok());
                self.stdout_log_max_files = files.unwrap_or(self.stdout_log_max_files);
            }
            _ => {}
        }
    }
}

/// Bytes: decimal, or hexadecimal after `0x`.
fn stack_size(item: &Set, report: &mut Report<'_>) -> Option<u64> {
    let value = item.text("value");
    let number = match value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => kinds::number(value),
    };
    let size = number.filter(|bytes| (0x1_0000..=0x4000_0000).contains(bytes));
    if size.is_none() {
        let message = format!("'{}' is no value for the handlerSetting 'stackSize'", shorten(value));
        report.refusal(item.place("value"), message, |problem| {
            problem.expected("expected a number of bytes from 65536 to 1073741824")
        });
    }
    size
}

fn debug_level(item: &Set, report: &mut Report<'_>) -> Vec<String> {
    let words = super::list(item.text("value"));
    let Kind::Choice(known) = DEBUG_LEVEL.kind else { return words };
    for word in &words {
        if kinds::choice(known, word).is_none() {
            let message = format!("'{}' is no word of debugLevel", shorten(word));
            report.warning(item.place("value"), message, |problem| {
                problem.help(format!("known words are {}", known.join(", ")))
            });
        }
    }
    words
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
