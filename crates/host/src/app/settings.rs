//! Settings that more than one place has a say in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mews_model::environment::Inherited;
use mews_model::web_config::AspNetCore;
use mews_model::{HostingModel, StatusCode};

use super::site::{ResolveError, other};
use crate::control::StdoutLog;

/// How long requests are still served after a stop was asked for, when nothing says otherwise.
const SHUTDOWN_DELAY: Duration = Duration::from_secs(1);
/// Names it in the environment.
const SHUTDOWN_DELAY_VARIABLE: &str = "ANCM_shutdownDelay";
/// `shadowCopyDirectory` when nothing says otherwise.
const SHADOW_COPIES: &str = "ShadowCopyDirectory";
/// The longest delay that is taken from there, in milliseconds: a day.
const MOST_DELAY: u64 = 86_400_000;

/// `shutdownDelay`: of `handlerSettings`, else of our own environment, else of the app's.
pub(super) fn shutdown_delay(
    module: Option<&AspNetCore>,
    inherited: &Inherited,
) -> Result<Duration, ResolveError> {
    if let Some(delay) = module.and_then(|module| module.settings.shutdown_delay) {
        return Ok(delay);
    }
    let configured = || {
        let variables = &module?.environment_variables;
        let found = variables.iter().find(|(name, _)| name.eq_ignore_ascii_case(SHUTDOWN_DELAY_VARIABLE));
        found.map(|(_, value)| value.as_str())
    };
    let text = inherited.get(SHUTDOWN_DELAY_VARIABLE).or_else(configured).map(str::trim);
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(SHUTDOWN_DELAY) };
    match text.parse() {
        Ok(milliseconds @ 0..=MOST_DELAY) => Ok(Duration::from_millis(milliseconds)),
        _ => Err(other(
            StatusCode::CANNOT_RESOLVE,
            format!("{SHUTDOWN_DELAY_VARIABLE} is '{text}'."),
            format!("Write a number of milliseconds from 0 to {MOST_DELAY}, or remove the variable."),
        )),
    }
}

/// Where copies of the app's folder lie, if it is loaded from one.
pub(super) fn shadow_copies(
    module: Option<&AspNetCore>,
    model: HostingModel,
    folder: &Path,
    inherited: &Inherited,
) -> Option<PathBuf> {
    let settings = &module.filter(|_| model == HostingModel::InProcess)?.settings;
    let named =
        settings.shadow_copy_directory.as_deref().map(|path| inherited.expand(path).replace('\\', "/"));
    let named = named.filter(|path| !path.trim().is_empty()).unwrap_or_else(|| SHADOW_COPIES.to_owned());
    settings.enable_shadow_copy.then(|| folder.join(named).components().collect())
}

/// Where output is written besides.
pub(super) fn stdout_log(
    module: Option<&AspNetCore>,
    folder: &Path,
    inherited: &Inherited,
) -> Option<StdoutLog> {
    let module = module.filter(|module| module.stdout_log_enabled)?;
    let path = inherited.expand(&module.stdout_log_file).replace('\\', "/");
    Some(StdoutLog {
        prefix: folder.join(path).components().collect::<PathBuf>(),
        max_bytes: module.settings.stdout_log_max_bytes.unwrap_or(0),
        max_files: usize::try_from(module.settings.stdout_log_max_files).unwrap_or(usize::MAX),
    })
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

    #[test]
    fn the_delay_comes_from_the_file_then_the_environment_then_the_apps_variables() {
        let none = Inherited::default();
        let ours = |text: &str| Inherited::new([("ANCM_shutdownDelay".to_owned(), text.to_owned())]);
        let ms = |module: &AspNetCore, inherited: &Inherited| {
            shutdown_delay(Some(module), inherited).unwrap().as_millis()
        };
        assert_eq!(shutdown_delay(None, &none).unwrap().as_millis(), 1000);
        let setting =
            "<handlerSettings><handlerSetting name=\"shutdownDelay\" value=\"0\"/></handlerSettings>";
        assert_eq!(ms(&module("", setting), &ours("7")), 0);
        let variable = "<environmentVariables><environmentVariable name=\"ANCM_shutdownDelay\" value=\"9\"/>\
                        </environmentVariables>";
        assert_eq!(ms(&module("", variable), &none), 9);
        assert_eq!(ms(&module("", variable), &ours("7")), 7);
        assert_eq!(ms(&module("", variable), &ours("")), 1000);
        for wrong in ["-1", "soon", "86400001"] {
            let error = shutdown_delay(None, &ours(wrong)).unwrap_err();
            assert!(error.failure().cause.contains(wrong));
        }
    }

    #[test]
    fn shadow_copies_lie_below_the_app_and_are_for_in_process_apps() {
        let copies = |model, settings: &[(&str, &str)]| {
            let items: String = settings
                .iter()
                .map(|(name, value)| format!("<handlerSetting name=\"{name}\" value=\"{value}\"/>"))
                .collect();
            let module = module("", &format!("<handlerSettings>{items}</handlerSettings>"));
            shadow_copies(Some(&module), model, Path::new("/app"), &Inherited::default())
        };
        let on = ("enableShadowCopy", "true");
        let own = ("shadowCopyDirectory", "..\\copies");
        assert_eq!(copies(HostingModel::InProcess, &[own]), None);
        assert_eq!(copies(HostingModel::OutOfProcess, &[on]), None);
        assert_eq!(copies(HostingModel::InProcess, &[on]), Some("/app/ShadowCopyDirectory".into()));
        assert_eq!(copies(HostingModel::InProcess, &[on, own]), Some("/app/../copies".into()));
    }

    #[test]
    fn the_log_lies_below_the_app() {
        let inherited = Inherited::new([("LOGS".to_owned(), "l".to_owned())]);
        let log = |module: &AspNetCore| stdout_log(Some(module), Path::new("/app"), &inherited);
        assert_eq!(log(&module("", "")), None);
        let on = log(&module("stdoutLogEnabled=\"true\" stdoutLogFile=\".\\%LOGS%\\out\"", "")).unwrap();
        assert_eq!((on.prefix.to_str().unwrap(), on.max_bytes, on.max_files), ("/app/l/out", 10 << 20, 5));
        let absolute = log(&module("stdoutLogEnabled=\"true\" stdoutLogFile=\"/var/x\"", "")).unwrap();
        assert_eq!(absolute.prefix, Path::new("/var/x"));
    }
}
