//! `mews run`: from the command line to a running supervisor.

use mews_model::url::{ListenUrl, Scheme, parse_urls};

use crate::app::{Outputs, Site, SiteOptions};
use crate::cli::RunArguments;
use crate::fatal::Fatal;
use crate::listeners;
use crate::log::{self, LogTarget};
use crate::supervisor::Supervisor;

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
    })
    .map_err(Fatal::configuration)?;
    let plan = site.resolve().map_err(Fatal::configuration)?;
    let bound = listeners::bind(&urls).map_err(Fatal::failed)?;

    let outputs = Outputs::of_process()
        .map_err(|error| Fatal::failed(format!("no output thread can be started: {error}")))?;
    let log_format = log::start(arguments.log_format, LogTarget::Sink(outputs.stderr.clone()))?;
    let supervisor = Supervisor::new(site, plan, bound, log_format, outputs);
    supervisor.map_err(Fatal::failed)?.run()
}

fn urls(arguments: &RunArguments) -> Result<Vec<ListenUrl>, Fatal> {
    let inherited = std::env::var("ASPNETCORE_URLS").ok().filter(|urls| !urls.trim().is_empty());
    let (origin, text) = match (&arguments.urls, inherited) {
        (Some(urls), _) => ("--urls", urls.clone()),
        (None, Some(urls)) => ("ASPNETCORE_URLS", urls),
        (None, None) => ("", DEFAULT_URLS.to_owned()),
    };
    let urls = parse_urls(&text).map_err(|error| {
        let text = format!("{origin}: {error}");
        if origin == "--urls" { Fatal::Usage(text) } else { Fatal::Configuration(text) }
    })?;
    let secure = urls.iter().find(|url| url.scheme == Scheme::Https);
    let what = match secure {
        Some(url) => url.to_string(),
        None if arguments.tls_cert.is_some() => "--tls-cert".to_owned(),
        None if arguments.tls_key.is_some() => "--tls-key".to_owned(),
        None => return Ok(urls),
    };
    Err(Fatal::Configuration(format!(
        "{what}: HTTPS is not available in this version; use http URLs and no certificate"
    )))
}
