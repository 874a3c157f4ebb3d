//! `mews run`: from the command line to a running supervisor.

use std::time::Duration;

use mews_model::lifecycle::Settings;
use mews_model::url::{ListenUrl, Scheme, parse_urls};

use crate::app::{Outputs, Site, SiteOptions};
use crate::cli::RunArguments;
use crate::control::TlsId;
use crate::fatal::Fatal;
use crate::handover::PoolId;
use crate::listeners::{self, Passed, Wanted};
use crate::log::{self, LogTarget};
use crate::metrics::MetricsAddress;
use crate::serve::Layout;
use crate::supervisor::{PoolSpec, Supervisor};
use crate::tls::{Keeper, Source};

/// The certificates of all URLs.
const TLS: TlsId = TlsId(0);
const DEFAULT_URLS: &str = "http://127.0.0.1:8080";

/// Hosts the app until stopped; the answer is the exit code.
pub(crate) fn run(arguments: &RunArguments) -> Result<u8, Fatal> {
    let passed = Passed::of_process().map_err(Fatal::failed)?;
    let urls = urls(arguments)?;
    let site = Site::find(SiteOptions {
        path: arguments.dir.clone(),
        hosting_model: arguments.folder.hosting_model,
        environment: arguments.folder.environment.clone(),
        urls: arguments.folder.urls.clone(),
        args: arguments.args.clone(),
        sign_in: arguments.sign_in.settings(),
        io_threads: arguments.io_threads,
        edge: arguments.edge.spec().map_err(Fatal::configuration)?,
        ..SiteOptions::default()
    })
    .map_err(Fatal::configuration)?;
    let plan = site.resolve().map_err(Fatal::configuration)?;
    let certificates = certificates(arguments, &urls)?;
    let tls = certificates.is_some().then_some(TLS);
    let wanted: Vec<Wanted> = urls
        .into_iter()
        .map(|listen| Wanted { tls: tls.filter(|_| listen.scheme == Scheme::Https), listen })
        .collect();
    let sockets_stay = passed.any();
    let listening = listeners::listen(&wanted, &[], &passed).map_err(Fatal::failed)?;
    passed
        .all_taken(listening.iter().flat_map(|listening| listening.addresses()))
        .map_err(Fatal::configuration)?;

    let outputs = Outputs::of_process()
        .map_err(|error| Fatal::failed(format!("no output thread can be started: {error}")))?;
    let log_format = log::start(arguments.log_format, LogTarget::Sink(outputs.stderr.clone()))?;
    let (keeper, warnings) = certificates.unzip();
    let pool = PoolSpec {
        name: None,
        site,
        more: Vec::new(),
        plan: Some(plan),
        settings: Settings::FOREGROUND,
        startup_limit: None,
        shutdown_limit: None,
        ping: None,
        id: PoolId(0),
        at: Vec::new(),
        later: Duration::ZERO,
        listening: listening.clone(),
        shared: Vec::new(),
        routes: None,
    };
    let layout = Layout {
        listening,
        tls: keeper.map(|keeper| (TLS, keeper)).into_iter().collect(),
        pools: vec![pool],
        metrics: arguments.admin.map(MetricsAddress::start).transpose().map_err(Fatal::failed)?,
        sockets_stay,
        warnings: warnings.unwrap_or_default(),
        ..Layout::default()
    };
    Supervisor::new(layout, log_format, outputs).map_err(Fatal::failed)?.run()
}

fn urls(arguments: &RunArguments) -> Result<Vec<ListenUrl>, Fatal> {
    let inherited = std::env::var("ASPNETCORE_URLS").ok().filter(|urls| !urls.trim().is_empty());
    let (origin, text) = match (&arguments.folder.urls, inherited) {
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
        return Keeper::new(Source::Options(arguments.tls.clone()), urls)
            .map(Some)
            .map_err(Fatal::configuration);
    }
    match arguments.tls.named().or(arguments.edge.wants_https()) {
        None => Ok(None),
        Some(option) => Err(Fatal::Configuration(format!(
            "{option}: no URL of the list is https; add one, as in --urls https://127.0.0.1:8443"
        ))),
    }
}
