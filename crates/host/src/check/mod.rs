//! `mews check`: everything that can be known about an app folder, or about the configuration of sites and pools and
//! the folders in it, without starting anything.
//!
//! What `mews run` would refuse is found by the same code; the sentences are the same. What only .NET itself can
//! tell, it is asked for by a process of its own ([`probe`]): which framework versions it would take, and whether
//! the app's manifest is in order.

mod addresses;
mod app_settings;
mod ask;
mod config;
mod deps;
mod files;
mod hosting;
mod natives;
pub(crate) mod probe;
mod problem;
mod report;
mod server;
mod stdout_log;

use std::path::{Path, PathBuf};

use mews_model::{HostingModel, Severity};

use self::config::Config;
use self::problem::Problem;
use self::report::Report;
use crate::app::{Hosting, Plan, ResolveError, Site, SiteOptions};
use crate::cli::CheckArguments;
use crate::fatal::Fatal;
use crate::stdout;

/// Checks and prints; the answer is the exit code.
pub(crate) fn run(arguments: &CheckArguments) -> Result<u8, Fatal> {
    if server::is_one(&arguments.path) {
        let (text, failed) = server::check(arguments)?;
        stdout::print(&text)?;
        return Ok(u8::from(failed));
    }
    let mut report = Report::default();
    match text_only(&arguments.path) {
        Some(file) => config::read_alone(&file, &mut report),
        None => {
            let options = SiteOptions {
                path: site_path(&arguments.path),
                hosting_model: arguments.folder.hosting_model,
                environment: arguments.folder.environment.clone(),
                urls: arguments.folder.urls.clone(),
                ..SiteOptions::default()
            };
            let names_dll = options.path.is_file();
            match Site::find(options).map(Site::looked_at) {
                Ok(site) => {
                    let forced = arguments.folder.hosting_model.map(|_| "as --hosting-model says");
                    application(&site, names_dll, forced, &mut report);
                }
                Err(error) => report.add(Problem::failure(error.failure())),
            }
        }
    }
    addresses::check(arguments.folder.urls.as_deref(), &mut report)?;
    stdout::print(&if arguments.json { report.json() } else { report.text() })?;
    Ok(u8::from(report.has_errors()))
}

/// A configuration file that no folder uses under this name, such as `web.Release.config`: only its text counts.
fn text_only(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let is_config = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("config"));
    (is_config && !name.eq_ignore_ascii_case("web.config") && path.is_file()).then(|| path.to_owned())
}

/// The folder, where the path names its `web.config`.
fn site_path(path: &Path) -> PathBuf {
    let is_config = path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("web.config"));
    match path.parent() {
        Some(folder) if is_config && path.is_file() => {
            if folder.as_os_str().is_empty() {
                PathBuf::from(".")
            } else {
                folder.to_owned()
            }
        }
        _ => path.to_owned(),
    }
}

/// An application's folder; `forced` says who overrides the hosting model, if somebody does.
fn application(site: &Site, names_dll: bool, forced: Option<&'static str>, report: &mut Report) {
    report.folder = Some(site.folder().to_owned());
    let config = if names_dll { None } else { Config::read(site.folder()) };
    let told = config.iter().flat_map(Config::problems);
    report.problems.extend(told);
    match site.resolve() {
        Ok(plan) => {
            let why = match (forced, config.as_ref().map(Config::hosting_model)) {
                (Some(forced), _) => forced,
                (None, Some(Some(_))) => "as web.config says",
                (None, Some(None)) => "since web.config names no hostingModel",
                (None, None) => "since no web.config says otherwise",
            };
            planned(site, &plan, why, report);
        }
        Err(ResolveError::WebConfig(problems)) => {
            // They have been told, unless the file has changed since.
            if !report.has_errors() {
                report.add(Problem::failure(problems.failure()));
            }
        }
        Err(ResolveError::Other(failure)) => report.add(Problem::failure(*failure)),
    }
    natives::check(site.folder(), report);
    files::check(site.folder(), report);
}

fn planned(site: &Site, plan: &Plan, why: &'static str, report: &mut Report) {
    let model = match plan.hosting {
        Hosting::InProcess(_) => HostingModel::InProcess,
        Hosting::OutOfProcess(_) => HostingModel::OutOfProcess,
    };
    report.hosting_model = Some((model, why));
    let told = report.one_lines();
    for warning in plan.warnings.iter().filter(|warning| !told.contains(warning)) {
        report.add(Problem::new(Severity::Warning, warning.clone()));
    }
    if let Some(dll) = hosting::check(plan, model, report) {
        deps::check(&dll, report);
    }
    stdout_log::check(plan, report);
    app_settings::check(site.folder(), &plan.environment, report);
}
