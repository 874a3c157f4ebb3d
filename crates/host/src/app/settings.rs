//! Settings of web.config that are free-form there (`handlerSettings`), read and checked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mews_model::StatusCode;
use mews_model::environment::Inherited;
use mews_model::web_config::AspNetCore;

use super::site::{ResolveError, other};
use crate::control::StdoutLog;

/// How long requests are still served after a stop was asked for, when nothing says otherwise.
const SHUTDOWN_DELAY: Duration = Duration::from_secs(1);
/// Names it in the environment.
const SHUTDOWN_DELAY_VARIABLE: &str = "ANCM_shutdownDelay";
/// The longest delay that makes sense, in milliseconds: a day.
const MOST_DELAY: u64 = 86_400_000;
/// The size of a stdout log file when nothing says otherwise, in bytes.
const LOG_BYTES: u64 = 10 << 20;
/// How many of them are kept.
const LOG_FILES: usize = 5;

/// Whether a switch is on: only `true` is.
pub(super) fn is_on(module: Option<&AspNetCore>, name: &str) -> bool {
    setting(module, name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Whether a switch that is on by default is not switched off: only `false` does.
pub(super) fn is_not_off(module: Option<&AspNetCore>, name: &str) -> bool {
    setting(module, name).is_none_or(|value| !value.eq_ignore_ascii_case("false"))
}

fn setting<'a>(module: Option<&'a AspNetCore>, name: &str) -> Option<&'a str> {
    module.and_then(|module| module.handler_setting(name))
}

fn bad(name: &str, text: &str, cure: &str) -> ResolveError {
    let cause = format!("The handlerSetting {name} of web.config is '{text}'.");
    other(StatusCode::BAD_CONFIGURATION, cause, cure)
}

/// `stackSize` is a number of bytes: decimal, or hexadecimal after `0x`.
pub(super) fn stack_size(module: Option<&AspNetCore>) -> Result<Option<u64>, ResolveError> {
    let Some(text) = setting(module, "stackSize") else { return Ok(None) };
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    match number {
        Ok(bytes @ 0x1_0000..=0x4000_0000) => Ok(Some(bytes)),
        _ => Err(bad("stackSize", text, "Write a number of bytes from 65536 to 1073741824.")),
    }
}

/// `shutdownDelay` in milliseconds: of `handlerSettings`, else of our own environment, else of the app's.
pub(super) fn shutdown_delay(
    module: Option<&AspNetCore>,
    inherited: &Inherited,
) -> Result<Duration, ResolveError> {
    let configured = || {
        let variables = &module?.environment_variables;
        let found = variables.iter().find(|(name, _)| name.eq_ignore_ascii_case(SHUTDOWN_DELAY_VARIABLE));
        found.map(|(_, value)| value.as_str())
    };
    let set = setting(module, "shutdownDelay");
    let variable = || inherited.get(SHUTDOWN_DELAY_VARIABLE).or_else(configured);
    let Some(text) = set.or_else(variable).map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(SHUTDOWN_DELAY);
    };
    match text.parse() {
        Ok(milliseconds @ 0..=MOST_DELAY) => Ok(Duration::from_millis(milliseconds)),
        _ => {
            let name = if set.is_some() {
                "handlerSetting shutdownDelay of web.config"
            } else {
                SHUTDOWN_DELAY_VARIABLE
            };
            let cure = "Write a number of milliseconds, 0 or more.";
            Err(other(StatusCode::CANNOT_RESOLVE, format!("The {name} is '{text}'."), cure))
        }
    }
}

/// Where output is written besides.
pub(super) fn stdout_log(
    module: Option<&AspNetCore>,
    folder: &Path,
    inherited: &Inherited,
) -> Result<Option<StdoutLog>, ResolveError> {
    let Some(module) = module.filter(|module| module.stdout_log_enabled) else { return Ok(None) };
    let number = |name: &str, default: u64| match module.handler_setting(name) {
        None => Ok(default),
        Some(text) => text.trim().parse().map_err(|_| bad(name, text, "Write a whole number, 0 or more.")),
    };
    let files = number("stdoutLogMaxFiles", LOG_FILES as u64)?;
    let path = inherited.expand(&module.stdout_log_file).replace('\\', "/");
    Ok(Some(StdoutLog {
        prefix: folder.join(path).components().collect::<PathBuf>(),
        max_bytes: number("stdoutLogMaxBytes", LOG_BYTES)?,
        max_files: usize::try_from(files).unwrap_or(usize::MAX),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mews_model::web_config;

    fn module(attributes: &str, children: &str) -> AspNetCore {
        let text = format!(
            "<configuration><system.webServer><aspNetCore processPath=\"x\" {attributes}>{children}</aspNetCore>\
             </system.webServer></configuration>"
        );
        web_config::read("f", text.as_bytes()).unwrap().0.asp_net_core.unwrap()
    }

    fn with(name: &str, value: &str) -> AspNetCore {
        module(
            "",
            &format!(
                "<handlerSettings><handlerSetting name=\"{name}\" value=\"{value}\"/></handlerSettings>"
            ),
        )
    }

    #[test]
    fn the_delay_comes_from_the_file_then_the_environment_then_the_apps_variables() {
        let none = Inherited::default();
        let ours = Inherited::new([("ANCM_shutdownDelay".to_owned(), "7".to_owned())]);
        let ms =
            |module: &AspNetCore, inherited| shutdown_delay(Some(module), inherited).unwrap().as_millis();
        assert_eq!(shutdown_delay(None, &none).unwrap().as_millis(), 1000);
        assert_eq!(ms(&with("ShutdownDelay", "0"), &ours), 0);
        let variable = "<environmentVariables><environmentVariable name=\"ANCM_shutdownDelay\" value=\"9\"/>\
                        </environmentVariables>";
        assert_eq!(ms(&module("", variable), &none), 9);
        assert_eq!(ms(&module("", variable), &ours), 7);
        for wrong in ["-1", "soon", "86400001"] {
            let error = shutdown_delay(Some(&with("shutdownDelay", wrong)), &none).unwrap_err();
            assert!(error.failure().cause.contains(wrong));
        }
    }

    #[test]
    fn the_log_lies_below_the_app() {
        let inherited = Inherited::new([("LOGS".to_owned(), "l".to_owned())]);
        let log = |module: &AspNetCore| stdout_log(Some(module), Path::new("/app"), &inherited).unwrap();
        assert_eq!(log(&module("", "")), None);
        let on = log(&module("stdoutLogEnabled=\"true\" stdoutLogFile=\".\\%LOGS%\\out\"", "")).unwrap();
        assert_eq!((on.prefix.to_str().unwrap(), on.max_bytes, on.max_files), ("/app/l/out", 10 << 20, 5));
        let absolute = log(&module("stdoutLogEnabled=\"true\" stdoutLogFile=\"/var/x\"", "")).unwrap();
        assert_eq!(absolute.prefix, Path::new("/var/x"));
    }

    #[test]
    fn switches() {
        assert!(is_on(
            Some(&with("forwardResponseConnectionHeader", "TRUE")),
            "forwardresponseconnectionheader"
        ));
        assert!(!is_on(Some(&with("a", "1")), "a") && !is_on(None, "a"));
        assert!(!is_not_off(Some(&with("a", "False")), "a"));
        assert!(is_not_off(Some(&with("a", "0")), "a") && is_not_off(None, "a"));
    }
}
