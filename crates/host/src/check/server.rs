//! `mews check FILE` for a `mews.toml` or an `applicationHost.config`: the file, every application folder in it, and
//! whether the applications of each pool can run together.

use std::path::Path;

use mews_model::routing::Router;
use mews_model::server_config::{Application, Pool, ServerConfig, Site, pool_conflict};
use mews_model::url::Scheme;
use mews_model::{HostingModel, Severity, StatusCode};
use serde_json::{Value, json};

use super::problem::Problem;
use super::report::{Report, count};
use crate::app;
use crate::cli::CheckArguments;
use crate::fatal::Fatal;
use crate::serve;
use crate::serve_config::{self, LoadError};

/// What was found, of the file and of each application.
struct Findings {
    file: Report,
    applications: Vec<Checked>,
}

/// One application.
struct Checked {
    /// As in messages: `shop/api`.
    name: String,
    pool: String,
    report: Report,
}

/// Whether a file is one for `mews serve`, and no `web.config`.
pub(super) fn is_one(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if extension.eq_ignore_ascii_case("toml") {
        return true;
    }
    let is_config = extension.eq_ignore_ascii_case("config") && !name.eq_ignore_ascii_case("web.config");
    is_config && (name.eq_ignore_ascii_case("applicationHost.config") || holds_sites(path))
}

/// `web.Release.config` and the like hold none.
fn holds_sites(path: &Path) -> bool {
    const SECTION: &[u8] = b"<system.applicationHost";
    crate::app::file::read(path)
        .is_ok_and(|bytes| bytes.windows(SECTION.len()).any(|part| part.eq_ignore_ascii_case(SECTION)))
}

/// Answers the text to print, and whether there are errors.
///
/// # Errors
/// Options that are for app folders: wrong usage.
pub(super) fn check(arguments: &CheckArguments) -> Result<(String, bool), Fatal> {
    let path = arguments.path.as_path();
    let given = [
        ("--urls", arguments.folder.urls.is_some()),
        ("--hosting-model", arguments.folder.hosting_model.is_some()),
        ("--environment", arguments.folder.environment.is_some()),
    ];
    if let Some((option, _)) = given.iter().find(|(_, given)| *given) {
        let name = path.display();
        return Err(Fatal::Usage(format!("{option} makes no sense with {name}: set it in that file")));
    }
    let mut file = Report::default();
    let mut applications = Vec::new();
    match serve_config::load(path) {
        Ok(loaded) => {
            let told = loaded.warnings.iter().map(|warning| Problem::in_text(warning, Some(&loaded.source)));
            file.problems.extend(told);
            for site in &loaded.config.sites {
                for application in &site.applications {
                    let pool = loaded.config.pool(&application.pool);
                    applications.extend(pool.map(|pool| one(site, application, pool)));
                }
            }
            let router = Router::new(&loaded.config);
            pools(&loaded.config, &applications, &mut file);
            certificates(&loaded.config, &router, &mut file);
            describe(&loaded.config, &router, &mut file);
        }
        Err(LoadError::Problems(problems)) => {
            let told =
                problems.diagnostics.iter().map(|problem| Problem::in_text(problem, Some(&problems.source)));
            file.problems.extend(told);
        }
        Err(LoadError::Unreadable { problem, cure }) => {
            file.add(Problem::new(Severity::Error, problem).help(cure));
        }
    }
    let findings = Findings { file, applications };
    let text = if arguments.json { findings.json(path) } else { findings.text(path) };
    Ok((text, findings.count(Severity::Error) > 0))
}

fn one(site: &Site, application: &Application, pool: &Pool) -> Checked {
    let mut report = Report::default();
    let forced = application.hosting_model.map(|_| "as the configuration says");
    let configured = app::Site::configured_in(site, application, pool).looked_at();
    super::application(&configured, false, forced, &mut report);
    let path = application.path.trim_end_matches('/');
    Checked { name: format!("{}{path}", site.name), pool: application.pool.clone(), report }
}

/// Whether the files of certificates can be used.
fn certificates(config: &ServerConfig, router: &Router, report: &mut Report) {
    for listener in router.listeners().iter().filter(|listener| listener.url().scheme == Scheme::Https) {
        let mut warnings = Vec::new();
        if let Err(error) = serve::keeper(config, listener, &mut warnings) {
            report.add(Problem::new(Severity::Error, error.to_string()));
        }
        for warning in warnings {
            report.add(Problem::new(Severity::Warning, warning));
        }
    }
}

/// Whether the applications of each pool can run together, as far as it is known where they run.
fn pools(config: &ServerConfig, applications: &[Checked], report: &mut Report) {
    for pool in &config.pools {
        let here = applications.iter().filter(|application| application.pool == pool.name);
        let models: Vec<(&str, HostingModel)> = here
            .filter_map(|application| Some((application.name.as_str(), application.report.hosting_model?.0)))
            .collect();
        if let Some(failure) = pool_conflict(&pool.name, &models) {
            report.add(Problem::failure(failure));
        }
    }
}

fn describe(config: &ServerConfig, router: &Router, report: &mut Report) {
    for site in &config.sites {
        let bindings: Vec<String> = site.bindings.iter().map(ToString::to_string).collect();
        report.fact("site", format!("{} at {}", site.name, bindings.join(", ")));
    }
    let urls: Vec<String> = router.listeners().iter().map(|listener| listener.url().to_string()).collect();
    report.fact("listens on", urls.join(", "));
}

impl Findings {
    fn reports(&self) -> impl Iterator<Item = &Report> {
        std::iter::once(&self.file).chain(self.applications.iter().map(|application| &application.report))
    }

    fn count(&self, severity: Severity) -> usize {
        self.reports().map(|report| report.count(severity)).sum()
    }

    fn status(&self) -> Option<StatusCode> {
        self.reports().find_map(Report::status)
    }

    fn summary(&self) -> String {
        let applications = count(self.applications.len(), "application");
        match (self.count(Severity::Error), self.status()) {
            (0, _) => format!("would serve {applications}"),
            (_, Some(status)) => {
                format!("would not serve all as asked ('mews explain {status}' tells more about {status})")
            }
            (_, None) if self.applications.is_empty() => "would not start".to_owned(),
            (_, None) => "would not serve all as asked".to_owned(),
        }
    }

    fn text(&self, path: &Path) -> String {
        let mut parts =
            vec![format!("{}{}\n{}", self.file.problem_text(), path.display(), self.file.fact_text())];
        for Checked { name, pool, report } in &self.applications {
            parts.push(format!("{name} (pool {pool})\n\n{}{}", report.problem_text(), report.fact_text()));
        }
        let errors = count(self.count(Severity::Error), "error");
        let warnings = count(self.count(Severity::Warning), "warning");
        parts.push(format!("{errors}, {warnings}: {}\n", self.summary()));
        let parts: Vec<&str> = parts.iter().map(|part| part.trim_end()).collect();
        format!("{}\n", parts.join("\n\n"))
    }

    fn json(&self, path: &Path) -> String {
        let application = |checked: &Checked| {
            let mut value = checked.report.value();
            if let Value::Object(map) = &mut value {
                map.insert("application".to_owned(), checked.name.clone().into());
                map.insert("pool".to_owned(), checked.pool.clone().into());
            }
            value
        };
        let value = json!({
            "file": path.to_string_lossy(),
            "problems": self.file.problems.iter().map(Problem::json).collect::<Vec<_>>(),
            "applications": self.applications.iter().map(application).collect::<Vec<_>>(),
            "wouldStart": self.count(Severity::Error) == 0,
            "status": self.status().map(|status| status.to_string()),
            "summary": self.summary(),
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
        });
        format!("{value:#}\n")
    }
}
