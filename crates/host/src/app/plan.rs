//! Everything that a start of the app needs, worked out from what the folder and the command line say.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use mews_model::HostingModel;
use mews_model::authentication::{Policy, SignInSettings};
use mews_model::environment::{Changes, Inherited, Parts, app_environment};
use mews_model::lifecycle::Limits;
use mews_model::web_config::{self, WebConfig};
use mews_process::confinement::Confinement;

use super::environment;
use super::rules;
use super::settings;
use super::site::{Base, Place, ResolveError, SiteOptions};
use crate::control::{
    AccessRules, AppSpec, Authentication, ConfiguredVariables, Launch, ProcessSpec, SiteRules, StdoutLog,
};
use crate::isolation::Isolated;
use crate::worker::in_process::launch::server_assembly;

/// `startupTimeLimit` when nothing says otherwise.
const STARTUP_LIMIT: Duration = Duration::from_secs(120);
/// `shutdownTimeLimit` when nothing says otherwise.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);
/// `requestTimeout` when nothing says otherwise.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// `rapidFailsPerMinute` when nothing says otherwise.
const RAPID_FAILS: u64 = 10;
/// What an out-of-process worker needs beyond its processes' limit: to kill them and to finish its connections.
const STOP_MARGIN: Duration = Duration::from_secs(5);

/// The schemes of an app whose configuration says nothing.
const ANONYMOUS: Authentication = Authentication { anonymous: true, windows: false, basic: false };

/// What makes stock ASP.NET Core take the port and check the pairing token.
const INTEGRATION: &str = "Microsoft.AspNetCore.Server.IISIntegration";
const STARTUP_HOOKS: &str = "DOTNET_STARTUP_HOOKS";
const STARTUP_ASSEMBLIES: &str = "ASPNETCORE_HOSTINGSTARTUPASSEMBLIES";

/// Inherited variables that say where *we* listen, or that each start of a process sets.
const WITHHELD: [&str; 6] = [
    "ASPNETCORE_URLS",
    "ASPNETCORE_HTTP_PORTS",
    "ASPNETCORE_HTTPS_PORTS",
    "ASPNETCORE_PORT",
    "ASPNETCORE_TOKEN",
    "ASPNETCORE_ANCM_HTTPS_PORT",
];

/// Everything that a start of the app needs.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// For the worker.
    pub(crate) hosting: Hosting,
    /// The worker's whole environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// For the lifecycle.
    pub(crate) limits: Limits,
    /// Whether a change of `web.config` leaves the app running (`disallowRotationOnConfigChange`).
    pub(crate) keeps_running: bool,
    /// Where the worker's output is written besides; an out-of-process worker sees to that itself.
    pub(crate) stdout_log: Option<StdoutLog>,
    /// What separates the worker from us, without its control group.
    pub(crate) confinement: Confinement,
    /// To be logged.
    pub(crate) warnings: Vec<String>,
}

/// The app in its hosting model.
#[derive(Clone, Debug)]
pub(crate) enum Hosting {
    /// Inside the worker.
    InProcess(Box<AppSpec>),
    /// In processes of its own.
    OutOfProcess(Box<ProcessSpec>),
}

impl Hosting {
    /// Its model.
    pub(crate) fn model(&self) -> HostingModel {
        match self {
            Self::InProcess(_) => HostingModel::InProcess,
            Self::OutOfProcess(_) => HostingModel::OutOfProcess,
        }
    }

    /// The app.
    pub(crate) fn app(&self) -> &AppSpec {
        match self {
            Self::InProcess(app) => app,
            Self::OutOfProcess(spec) => &spec.app,
        }
    }
}

/// Works it out. `base` has the hosting model that counts, `folder` is where the one that was `named` leads now.
pub(super) fn make(
    base: Base,
    options: &SiteOptions,
    named: &Path,
    folder: &Path,
    inherited: &Inherited,
) -> Result<Plan, ResolveError> {
    let module = base.config.as_ref().and_then(|config| config.asp_net_core.as_ref());
    let configured = module.map_or(&[][..], |module| &module.environment_variables);
    let app = app_spec(&base, options, folder);
    let isolated = Isolated::of(&app.app_pool, options, inherited).map_err(ResolveError::Other)?;
    isolated.reaches(folder).map_err(ResolveError::Other)?;
    let signs_in =
        app.authentication != Authentication { anonymous: app.authentication.anonymous, ..ANONYMOUS };
    let hook = (signs_in && base.model == HostingModel::OutOfProcess).then(server_assembly).transpose();
    let hook = hook.map_err(ResolveError::Other)?;
    let changes = changes(&app, base.model, hook.as_deref(), options, configured, inherited, &isolated);
    let rules = rules::site(base.config.as_ref(), options, folder, inherited);
    let shadow_copies = settings::shadow_copies(module, base.model, folder, inherited);
    let named_folder = (named != folder).then(|| named.to_owned());
    let app = AppSpec { rules, shadow_copies, named_folder, ..app };

    let stdout_log = settings::stdout_log(module, folder, inherited);
    let limit = module.map_or(SHUTDOWN_LIMIT, |module| module.shutdown_time_limit);
    let startup_limit = app.startup_limit;
    let plan = |hosting, shutdown_limit, stdout_log| Plan {
        hosting,
        environment: environment::apply(&changes),
        limits: Limits { startup: startup_limit, shutdown: shutdown_limit },
        keeps_running: module.is_some_and(|module| module.settings.disallow_rotation_on_config_change),
        stdout_log,
        confinement: isolated.confinement.clone(),
        warnings: base.warnings.iter().chain(&isolated.warnings).cloned().collect(),
    };
    if base.model == HostingModel::InProcess {
        return Ok(plan(Hosting::InProcess(Box::new(app)), limit, stdout_log));
    }
    let shutdown_delay = settings::shutdown_delay(module, inherited)?;
    let request_timeout = module.map_or(REQUEST_TIMEOUT, |module| module.request_timeout);
    let processes = module.map_or(1, |module| module.processes_per_application);
    let spec = ProcessSpec {
        app,
        processes: usize::try_from(processes).unwrap_or(usize::MAX).max(1),
        rapid_fails_per_minute: module.map_or(RAPID_FAILS, |module| module.rapid_fails_per_minute),
        request_timeout: (!request_timeout.is_zero()).then_some(request_timeout),
        shutdown_delay,
        shutdown_limit: limit,
        environment: None,
        configured: configured_variables(&changes),
        capture: module.is_none_or(|module| module.settings.out_of_process_console_redirection),
        stdout_log,
        eager: false,
        forward_connection_header: module
            .is_some_and(|module| module.settings.forward_response_connection_header),
    };
    Ok(plan(Hosting::OutOfProcess(Box::new(spec)), shutdown_delay + limit + STOP_MARGIN, None))
}

fn app_spec(base: &Base, options: &SiteOptions, folder: &Path) -> AppSpec {
    let config = base.config.as_ref();
    let module = config.and_then(|config| config.asp_net_core.as_ref());
    let name = name(base, folder);
    let place = options.place.clone().unwrap_or_else(|| Place {
        site: name.clone(),
        site_id: 1,
        path: "/".to_owned(),
        pool: name.clone(),
    });
    let below = place.path.trim_end_matches('/');
    AppSpec {
        launch: base.launch.clone(),
        args: options.args.clone(),
        physical_path: folder.to_owned(),
        named_folder: None,
        application_id: format!("/LM/W3SVC/{}/ROOT{below}", place.site_id),
        config_path: format!("MACHINE/WEBROOT/APPHOST/{}{below}", place.site),
        virtual_path: place.path,
        site_name: place.site,
        site_id: place.site_id,
        app_pool: place.pool,
        name,
        max_request_body: Some(config.map_or(web_config::DEFAULT_CONTENT_LENGTH, |c| c.max_content_length)),
        web_sockets: config.is_none_or(|config| config.web_sockets),
        authentication: config.map_or(ANONYMOUS, authentication),
        startup_limit: module.map_or(STARTUP_LIMIT, |module| module.startup_time_limit),
        stack_size: module.and_then(|module| module.settings.stack_size),
        rules: SiteRules::default(),
        shadow_copies: None,
        handler_settings: module.map_or_else(Vec::new, |module| module.handler_settings.clone()),
        io_threads: options.io_threads,
    }
}

/// What the app is told of its schemes: that users can sign in, if they can anywhere.
fn authentication(config: &WebConfig) -> Authentication {
    let access = AccessRules::of(config, SignInSettings::default());
    let windows = |policy: &Policy| policy.schemes.windows.is_some() || policy.schemes.certificates.is_some();
    Authentication {
        anonymous: access.policy.schemes.anonymous,
        windows: access.policies().any(windows),
        basic: access.policies().any(|policy| policy.schemes.basic.is_some()),
    }
}

/// The name of the app's .dll, or of its executable, or else of its folder.
fn name(base: &Base, folder: &Path) -> String {
    let executable = match &base.launch {
        Launch::Process { process_path, .. } => {
            let path = process_path.replace('\\', "/");
            let stem = Path::new(&path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
            stem.filter(|stem| !stem.eq_ignore_ascii_case("dotnet"))
        }
        Launch::Dll(_) => None,
    };
    let dll = base.dll.as_deref().and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
    let folder = || folder.file_name().map(|name| name.to_string_lossy().into_owned());
    dll.or(executable).or_else(folder).unwrap_or_else(|| "app".to_owned())
}

pub(super) fn environment_name(options: &SiteOptions) -> Option<(String, String)> {
    options.environment.as_ref().map(|name| ("ASPNETCORE_ENVIRONMENT".to_owned(), name.clone()))
}

/// What changes in our own environment for the worker, and so for the app.
fn changes(
    app: &AppSpec,
    model: HostingModel,
    hook: Option<&Path>,
    options: &SiteOptions,
    configured: &[(String, String)],
    inherited: &Inherited,
    isolated: &Isolated,
) -> Changes {
    let mut worker = isolated.variables.clone();
    worker.extend(options.variables.iter().cloned());
    worker.extend(worker_variables(app));
    if std::io::IsTerminal::is_terminal(&std::io::stdout())
        && inherited.get("DOTNET_SYSTEM_CONSOLE_ALLOW_ANSI_COLOR_REDIRECTION").is_none()
    {
        worker.push(("DOTNET_SYSTEM_CONSOLE_ALLOW_ANSI_COLOR_REDIRECTION".to_owned(), "1".to_owned()));
    }
    // With the separator at its end, as IIS gives it.
    let path = format!("{}/", app.physical_path.to_string_lossy().trim_end_matches('/'));
    let mut computed = vec![
        ("ASPNETCORE_IIS_HTTPAUTH".to_owned(), http_auth(app.authentication)),
        ("ASPNETCORE_IIS_PHYSICAL_PATH".to_owned(), path),
    ];
    let mut forced: Vec<(String, String)> = environment_name(options).into_iter().collect();
    let mut withheld = isolated.withheld.to_vec();
    match model {
        HostingModel::InProcess => {
            forced.extend(options.urls.as_ref().map(|urls| ("ASPNETCORE_URLS".to_owned(), urls.clone())));
        }
        HostingModel::OutOfProcess => {
            computed.extend(process_variables(app, configured, inherited));
            computed.extend(hook.map(|hook| startup_hooks(hook, configured, inherited)));
            withheld.extend(WITHHELD);
        }
    }
    app_environment(
        inherited,
        Parts { withheld: &withheld, worker: &worker, configured, computed: &computed, forced: &forced },
    )
}

/// What an out-of-process app is told beside what each start of it adds.
fn process_variables(
    app: &AppSpec,
    configured: &[(String, String)],
    inherited: &Inherited,
) -> Vec<(String, String)> {
    let mut variables = vec![
        ("ASPNETCORE_APPL_PATH".to_owned(), app.virtual_path.clone()),
        ("ASPNETCORE_IIS_WEBSOCKETS_SUPPORTED".to_owned(), app.web_sockets.to_string()),
    ];
    if !configured.iter().any(|(name, _)| name.eq_ignore_ascii_case(STARTUP_ASSEMBLIES)) {
        let mut assemblies: Vec<&str> = inherited.get(STARTUP_ASSEMBLIES).into_iter().collect();
        assemblies.retain(|list| !list.is_empty());
        assemblies.push(INTEGRATION);
        variables.push((STARTUP_ASSEMBLIES.to_owned(), assemblies.join(";")));
    }
    variables
}

/// What brings our assembly into an app whose users sign in at the host; it takes itself out of the variable again.
fn startup_hooks(hook: &Path, configured: &[(String, String)], inherited: &Inherited) -> (String, String) {
    let own = configured.iter().find(|(name, _)| name.eq_ignore_ascii_case(STARTUP_HOOKS));
    let others =
        own.map(|(_, value)| value.as_str()).or_else(|| inherited.get(STARTUP_HOOKS)).unwrap_or_default();
    let ours = hook.to_string_lossy();
    let all = if others.is_empty() { ours.into_owned() } else { format!("{ours}:{others}") };
    (STARTUP_HOOKS.to_owned(), all)
}

fn configured_variables(changes: &Changes) -> ConfiguredVariables {
    let text = |name| changes.get(name).map(str::to_owned).filter(|value| !value.trim().is_empty());
    ConfiguredVariables {
        port: text("ASPNETCORE_PORT"),
        token: text("ASPNETCORE_TOKEN"),
        urls: changes.get("ASPNETCORE_URLS").is_some(),
        https_port: changes.get("ASPNETCORE_ANCM_HTTPS_PORT").is_some(),
    }
}

/// What the original sets on its worker process.
fn worker_variables(app: &AppSpec) -> Vec<(String, String)> {
    let version = concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));
    [
        ("VERSION", version.to_owned()),
        ("APP_POOL_ID", app.app_pool.clone()),
        ("SITE_NAME", app.site_name.clone()),
        ("SITE_ID", app.site_id.to_string()),
        ("APP_CONFIG_PATH", app.config_path.clone()),
        ("APPLICATION_ID", app.application_id.clone()),
        ("APPLICATION_VIRTUAL_PATH", app.virtual_path.clone()),
    ]
    .map(|(name, value)| (format!("ASPNETCORE_IIS_{name}"), value))
    .to_vec()
}

fn http_auth(authentication: Authentication) -> String {
    let mut text = String::new();
    for (on, name) in [
        (authentication.windows, "windows;"),
        (authentication.basic, "basic;"),
        (authentication.anonymous, "anonymous;"),
    ] {
        if on {
            text.push_str(name);
        }
    }
    if text.is_empty() { "none".to_owned() } else { text }
}
