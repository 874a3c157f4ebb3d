//! `mews run`: from the command line to a running supervisor.

use mews_model::url::{ListenUrl, Scheme, parse_urls};

use crate::app::{Outputs, Site, SiteOptions};
use crate::cli::RunArguments;
use crate::fatal::Fatal;
use crate::listeners;
use crate::log::{self, LogTarget};
use crate::supervisor::Supervisor;
use crate::tls::Keeper;

const DEFAULT_URLS: &str = "http://127.0.0.1:8080";

/// Hosts the app until stopped; the answer is the exit code.
pub(crate) fn run(arguments: &RunArguments) -> Result<u8, Fatal> {
    let urls = urls(arguments)?;
    let site = Site::find(SiteOptions {
        path: arguments.dir.clone(),
        hosting_model: arguments.hosting_model,
        environment: arguments.environment.clone(),
        urls: arguments.urls.clone(),
        args: arguments.args.clone(),
        io_threads: arguments.io_threads,
        edge: arguments.edge.spec().map_err(Fatal::configuration)?,
    })
    .map_err(Fatal::configuration)?;
    let plan = site.resolve().map_err(Fatal::configuration)?;
    let certificates = certificates(arguments, &urls)?;
    let bound = listeners::bind(&urls).map_err(Fatal::failed)?;

    let outputs = Outputs::of_process()
        .map_err(|error| Fatal::failed(format!("no output thread can be started: {error}")))?;
    let log_format = log::start(arguments.log_format, LogTarget::Sink(outputs.stderr.clone()))?;
    let (tls, warnings) = certificates.unzip();
    for warning in warnings.into_iter().flatten() {
        tracing::warn!("{warning}");
    }
    let supervisor = Supervisor::new(site, plan, bound, tls, log_format, outputs);
    supervisor.map_err(Fatal::failed)?.run()
}

fn urls(arguments: &RunArguments) -> Result<Vec<ListenUrl>, Fatal> {
    let inherited = std::env::var("ASPNETCORE_URLS").ok().filter(|urls| !urls.trim().is_empty());
    let (origin, text) = match (&arguments.urls, inherited) {
        (Some(urls), _) => ("--urls", urls.clone()),
        (None, Some(urls)) => ("ASPNETCORE_URLS", urls),
        (None, None) => ("", DEFAULT_URLS.to_owned()),
    };
    parse_urls(&text).map_err(|error| {
        let text = format!("{origin}: {error}");
        if origin == "--urls" { Fatal::Usage(text) } else { Fatal::Configuration(text) }
    })
}

/// The certificates for https URLs, and what is to be said about them; `None` without such URLs.
fn certificates(
    arguments: &RunArguments,
    urls: &[ListenUrl],
) -> Result<Option<(Keeper, Vec<String>)>, Fatal> {
    if urls.iter().any(|url| url.scheme == Scheme::Https) {
        return Keeper::new(arguments.tls.clone(), urls).map(Some).map_err(Fatal::configuration);
    }
    match arguments.tls.named() {
        None => Ok(None),
        Some(option) => Err(Fatal::Configuration(format!(
            "{option}: no URL of the list is https; add one, as in --urls https://127.0.0.1:8443"
        ))),
    }
}
