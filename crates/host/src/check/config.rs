//! The folder's `web.config`, with every problem at its place.

use std::fs;
use std::path::Path;

use mews_model::diagnostic::Source;
use mews_model::expand::expand;
use mews_model::web_config::{self, AspNetCore, WebConfig};
use mews_model::{Diagnostic, HostingModel, Severity, StatusCode};

use super::problem::Problem;
use super::report::Report;

/// A file that was read.
pub(super) struct Config {
    config: Option<WebConfig>,
    diagnostics: Vec<Diagnostic>,
    source: Option<Source>,
    status: StatusCode,
}

impl Config {
    /// The folder's file; `None` when there is none or it cannot be read.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .ok()?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.eq_ignore_ascii_case("web.config"))
            .collect();
        // The usual spelling counts when there are several.
        names.sort_by_key(|name| name != "web.config");
        Self::of_file(&folder.join(names.first()?))
    }

    fn of_file(path: &Path) -> Option<Self> {
        // A pipe would keep us waiting.
        let is_file = fs::metadata(path).ok()?.is_file();
        let bytes = if is_file { fs::read(path).ok()? } else { return None };
        let name = path.to_string_lossy();
        Some(match web_config::read(&name, &bytes) {
            Ok((config, diagnostics)) => {
                let source = text(&bytes).map(|text| Source::new(&*name, text));
                let mut read =
                    Self { config: Some(config), diagnostics, source, status: StatusCode::BAD_CONFIGURATION };
                let unset = read.unset_variables();
                read.diagnostics.extend(unset);
                read
            }
            Err(problems) => {
                let status = problems.failure().code;
                Self {
                    config: None,
                    diagnostics: problems.diagnostics,
                    source: Some(problems.source),
                    status,
                }
            }
        })
    }

    /// The `aspNetCore` element, if the file is in order and has one.
    fn asp_net_core(&self) -> Option<&AspNetCore> {
        self.config.as_ref()?.asp_net_core.as_ref()
    }

    /// The model that the file names.
    pub(super) fn hosting_model(&self) -> Option<HostingModel> {
        self.asp_net_core()?.hosting_model
    }

    /// What is wrong with it.
    pub(super) fn problems(&self) -> impl Iterator<Item = Problem> {
        self.diagnostics.iter().map(|diagnostic| {
            let problem = Problem::in_text(diagnostic, self.source.as_ref());
            if diagnostic.severity == Severity::Error { problem.status(self.status) } else { problem }
        })
    }

    /// References to variables that are not set stay as they are written, which is hardly ever meant.
    fn unset_variables(&self) -> Vec<Diagnostic> {
        let (Some(module), Some(source)) = (self.asp_net_core(), &self.source) else { return Vec::new() };
        let texts = [&module.process_path, &module.arguments];
        let values = module.environment_variables.iter().map(|(_, value)| value);
        let log = module.stdout_log_enabled.then_some(&module.stdout_log_file);
        let mut unset: Vec<String> = Vec::new();
        for text in texts.into_iter().chain(values).chain(log) {
            expand(text, |name| {
                let set = std::env::vars_os().any(|(known, _)| known.eq_ignore_ascii_case(name));
                if !set && is_variable(name) && !unset.iter().any(|known| known == name) {
                    unset.push(name.to_owned());
                }
                set.then(String::new)
            });
        }
        // Publishing replaces these; that they are still there is told with the launcher.
        unset.retain(|name| name != "LAUNCHER_PATH" && name != "LAUNCHER_ARGS");
        let diagnostic = |name: &String| {
            let reference = format!("%{name}%");
            let message =
                format!("the environment variable '{name}' is not set, so {reference} stays as it is");
            let at = source.text.find(&reference).unwrap_or(0);
            source
                .warning(at..at + reference.len(), message)
                .help(format!("set {name} before Mews is started, or write the value"))
        };
        unset.iter().map(diagnostic).collect()
    }
}

/// Not just any text between two percent signs.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '(' | ')'))
}

/// The text whose lines can be shown; other encodings are placed by line and column alone.
fn text(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = String::from_utf8(bytes.to_vec()).ok()?;
    (!text.contains('\0')).then_some(text)
}

/// A file without an app.
pub(super) fn read_alone(path: &Path, report: &mut Report) {
    match Config::of_file(path) {
        Some(config) => report.problems.extend(config.problems()),
        None => report.add(
            Problem::new(Severity::Error, format!("{} cannot be read", path.display()))
                .status(StatusCode::BAD_CONFIGURATION)
                .help("check its permissions"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Web.config"), text).unwrap();
        Config::read(folder.path()).unwrap()
    }

    #[test]
    fn variables_that_are_not_set_are_placed() {
        let config = config(
            "<configuration><system.webServer>\n<aspNetCore processPath='dotnet' hostingModel='inprocess'\n \
             arguments='%MEWS_TEST_UNSET%/Shop.dll %PATH% 100% of 5%'/></system.webServer></configuration>",
        );
        let problems: Vec<String> = config.problems().filter_map(|problem| problem.one_line()).collect();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].contains("Web.config:3:13: ") && problems[0].contains("'MEWS_TEST_UNSET'"),
            "{problems:?}"
        );
        assert_eq!(config.hosting_model(), Some(HostingModel::InProcess));
    }

    #[test]
    fn a_broken_file_says_all() {
        let config = config(
            "<configuration>\n<system.webServer><aspNetCore a='1' b='2'/></system.webServer></configuration>",
        );
        assert!(config.hosting_model().is_none());
        assert!(config.problems().count() >= 2);
        assert!(config.problems().all(|problem| problem.status == Some(StatusCode::BAD_CONFIGURATION)));
    }

    #[test]
    fn no_file_is_no_problem() {
        assert!(Config::read(tempfile::tempdir().unwrap().path()).is_none());
    }
}
