//! The site that `mews run` makes up: one application in one pool, from a folder and the command line.
//!
//! Resolved anew before each start, since the folder may have changed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mews_model::environment::{Inherited, Parts, app_environment, detailed_errors};
use mews_model::lifecycle::Settings;
use mews_model::web_config::{self, AspNetCore, Problems, WebConfig};
use mews_model::{Failure, HostingModel, StatusCode};

use super::environment;
use super::file;
use super::folder::{self, Found};
use super::launch;
use crate::control::{AppSpec, Authentication, Launch};

/// What the command line says about the site.
#[derive(Clone, Debug)]
pub(crate) struct SiteOptions {
    /// The folder, or the app's .dll.
    pub(crate) path: PathBuf,
    /// Overrides what `web.config` says.
    pub(crate) hosting_model: Option<HostingModel>,
    /// The value of `ASPNETCORE_ENVIRONMENT`.
    pub(crate) environment: Option<String>,
    /// The value of `ASPNETCORE_URLS`, when it was given on the command line.
    pub(crate) urls: Option<String>,
    /// For the app.
    pub(crate) args: Vec<String>,
    /// Threads that serve connections.
    pub(crate) io_threads: Option<u16>,
}

/// A folder that was found and can be resolved again and again.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    options: SiteOptions,
    folder: PathBuf,
    dll: Option<PathBuf>,
}

/// Everything that a start of the app needs.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// For the worker.
    pub(crate) app: AppSpec,
    /// The worker's whole environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// For the lifecycle.
    pub(crate) settings: Settings,
    /// To be logged.
    pub(crate) warnings: Vec<String>,
}

/// Why the folder cannot be started from.
#[derive(Debug)]
pub(crate) enum ResolveError {
    /// The file `web.config` has problems.
    WebConfig(Box<Problems>),
    /// Anything else.
    Other(Box<Failure>),
}

impl ResolveError {
    /// For the log and the failure page.
    pub(crate) fn failure(self) -> Failure {
        match self {
            Self::WebConfig(problems) => problems.failure(),
            Self::Other(failure) => *failure,
        }
    }
}

impl std::fmt::Display for ResolveError {
    /// For a terminal, with every problem.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WebConfig(problems) => {
                write!(f, "{} cannot be used\n{}", problems.source.file, problems.render())
            }
            Self::Other(failure) => write!(f, "{} {}", failure.cause, failure.cure),
        }
    }
}

fn other(code: StatusCode, cause: impl Into<String>, cure: impl Into<String>) -> ResolveError {
    ResolveError::Other(Box::new(Failure::new(code, cause).with_cure(cure)))
}

/// What a folder says, before the command line is laid over it.
struct Base {
    launch: Launch,
    dll: Option<PathBuf>,
    model: HostingModel,
    config: Option<WebConfig>,
    warnings: Vec<String>,
}

impl Site {
    /// Finds the folder.
    pub(crate) fn find(options: SiteOptions) -> Result<Self, ResolveError> {
        let (folder, dll) = folder::locate(&options.path).map_err(ResolveError::Other)?;
        Ok(Self { options, folder, dll })
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads what is there now.
    pub(crate) fn resolve(&self) -> Result<Plan, ResolveError> {
        let inherited = environment::inherited();
        let base = self.base(&inherited)?;
        let model = self.options.hosting_model.unwrap_or(base.model);
        if model == HostingModel::OutOfProcess {
            let why = match (
                self.options.hosting_model,
                base.config.as_ref().and_then(|c| c.asp_net_core.as_ref()),
            ) {
                (Some(_), _) => "--hosting-model asks for out-of-process hosting",
                (None, Some(AspNetCore { hosting_model: Some(_), .. })) => {
                    "web.config asks for out-of-process hosting"
                }
                _ => "web.config names no hostingModel, which means out-of-process hosting",
            };
            return Err(other(
                StatusCode::CANNOT_RESOLVE,
                format!("{why}; out-of-process hosting is not available in this version."),
                "Use --hosting-model InProcess.",
            ));
        }
        if let Some(dll) = &base.dll {
            check_runtime_config(dll)?;
        }
        self.plan(base, &inherited)
    }

    fn base(&self, inherited: &Inherited) -> Result<Base, ResolveError> {
        let plain = |dll: PathBuf, warnings| Base {
            launch: Launch::Dll(dll.clone()),
            dll: Some(dll),
            model: HostingModel::InProcess,
            config: None,
            warnings,
        };
        if let Some(dll) = &self.dll {
            if !dll.is_file() {
                let cause = format!("{} is not there any more.", dll.display());
                return Err(other(StatusCode::CANNOT_RESOLVE, cause, "Publish the app again."));
            }
            let mut warnings = Vec::new();
            if let Ok(Found::Configured { web_config }) = folder::look(&self.folder) {
                warnings
                    .push(format!("{} is not read, since the app's .dll was named", web_config.display()));
            }
            return Ok(plain(dll.clone(), warnings));
        }
        match folder::look(&self.folder).map_err(ResolveError::Other)? {
            Found::App { dll } => Ok(plain(dll, Vec::new())),
            Found::Configured { web_config } => self.configured(&web_config, inherited),
        }
    }

    fn configured(&self, path: &Path, inherited: &Inherited) -> Result<Base, ResolveError> {
        let bytes = file::read(path).map_err(|problem| {
            let cause = format!("{} cannot be read: {problem}.", path.display());
            other(StatusCode::BAD_CONFIGURATION, cause, "Check its permissions.")
        })?;
        let name = path.to_string_lossy();
        let (config, diagnostics) = web_config::read(&name, &bytes).map_err(ResolveError::WebConfig)?;
        let mut warnings: Vec<String> = diagnostics.iter().map(mews_model::Diagnostic::one_line).collect();
        let Some(module) = &config.asp_net_core else {
            return Err(other(
                StatusCode::BAD_CONFIGURATION,
                format!("{name} has no aspNetCore element, so it does not say what to start."),
                "Publish the app again; or name its .dll instead of the folder.",
            ));
        };
        if config.authentication.anonymous == Some(false) {
            // Serving such an app without a user would open what was closed.
            return Err(other(
                StatusCode::BAD_CONFIGURATION,
                format!(
                    "{name} disables anonymousAuthentication, and this version cannot authenticate users."
                ),
                "Enable anonymousAuthentication if the app may be used without signing in.",
            ));
        }
        for (set, scheme) in [
            (config.authentication.windows, "windowsAuthentication"),
            (config.authentication.basic, "basicAuthentication"),
        ] {
            if set == Some(true) {
                warnings.push(format!("{name} enables {scheme}, which is not available in this version"));
            }
        }
        if module.stdout_log_enabled {
            warnings.push(format!(
                "{name} enables stdoutLogEnabled; the app's output goes to our own stdout and stderr instead"
            ));
        }
        let launcher = web_config::launcher(module, |variable| inherited.get(variable).map(str::to_owned));
        let dll = launch::check(&self.folder, &launcher).map_err(ResolveError::Other)?;
        Ok(Base {
            launch: Launch::Process {
                process_path: launcher.process_path.clone(),
                arguments: launcher.arguments.clone(),
            },
            dll,
            model: module.hosting_model.unwrap_or(HostingModel::OutOfProcess),
            warnings,
            config: Some(config),
        })
    }

    fn plan(&self, base: Base, inherited: &Inherited) -> Result<Plan, ResolveError> {
        let Base { launch, dll, config, warnings, .. } = base;
        let web_sockets = config.as_ref().is_none_or(|config| config.web_sockets);
        let body_limit = config.as_ref().map_or(web_config::DEFAULT_CONTENT_LENGTH, |c| c.max_content_length);
        let module = config.and_then(|config| config.asp_net_core);
        let module = module.as_ref();
        let stem = dll.as_deref().and_then(Path::file_stem).or(self.folder.file_name());
        let name = stem.map_or_else(|| "app".to_owned(), |stem| stem.to_string_lossy().into_owned());
        let app = AppSpec {
            launch,
            args: self.options.args.clone(),
            physical_path: self.folder.clone(),
            virtual_path: "/".to_owned(),
            site_name: name.clone(),
            site_id: 1,
            app_pool: name.clone(),
            application_id: "/LM/W3SVC/1/ROOT".to_owned(),
            config_path: format!("MACHINE/WEBROOT/APPHOST/{name}"),
            name,
            max_request_body: Some(body_limit),
            web_sockets,
            authentication: Authentication { anonymous: true, windows: false, basic: false },
            startup_limit: module.map_or(Duration::from_secs(120), |module| module.startup_time_limit),
            stack_size: stack_size(module)?,
            detailed_errors: false,
            handler_settings: module.map_or_else(Vec::new, |module| module.handler_settings.clone()),
            io_threads: self.options.io_threads,
        };
        let configured = module.map_or(&[][..], |module| &module.environment_variables);
        let mut forced = Vec::new();
        if let Some(name) = &self.options.environment {
            forced.push(("ASPNETCORE_ENVIRONMENT".to_owned(), name.clone()));
        }
        if let Some(urls) = &self.options.urls {
            forced.push(("ASPNETCORE_URLS".to_owned(), urls.clone()));
        }
        let mut worker = worker_variables(&app);
        if std::io::IsTerminal::is_terminal(&std::io::stdout())
            && inherited.get("DOTNET_SYSTEM_CONSOLE_ALLOW_ANSI_COLOR_REDIRECTION").is_none()
        {
            worker.push(("DOTNET_SYSTEM_CONSOLE_ALLOW_ANSI_COLOR_REDIRECTION".to_owned(), "1".to_owned()));
        }
        let computed = [
            ("ASPNETCORE_IIS_HTTPAUTH".to_owned(), http_auth(app.authentication)),
            (
                "ASPNETCORE_IIS_PHYSICAL_PATH".to_owned(),
                // With the separator at its end, as IIS gives it.
                format!("{}/", self.folder.to_string_lossy().trim_end_matches('/')),
            ),
        ];
        let parts = Parts { worker: &worker, configured, computed: &computed, forced: &forced };
        let changes = app_environment(inherited, parts);
        let detailed_errors = detailed_errors(&inherited.clone().with(&forced), configured);
        let settings = Settings {
            startup_limit: app.startup_limit,
            shutdown_limit: module.map_or(Duration::from_secs(10), |module| module.shutdown_time_limit),
        };
        let app = AppSpec { detailed_errors, ..app };
        Ok(Plan { app, environment: environment::apply(&changes), settings, warnings })
    }

    /// Whether clients may see details, as far as that is known without a folder that can be resolved.
    pub(crate) fn detailed_errors(&self) -> bool {
        let mut inherited = environment::inherited();
        if let Some(name) = &self.options.environment {
            inherited = inherited.with(&[("ASPNETCORE_ENVIRONMENT".to_owned(), name.clone())]);
        }
        detailed_errors(&inherited, &[])
    }
}

/// `stackSize` is a number of bytes: decimal, or hexadecimal after `0x`.
fn stack_size(module: Option<&AspNetCore>) -> Result<Option<u64>, ResolveError> {
    let Some(text) = module.and_then(|module| module.handler_setting("stackSize")) else { return Ok(None) };
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    match number {
        Ok(bytes @ 0x1_0000..=0x4000_0000) => Ok(Some(bytes)),
        _ => Err(other(
            StatusCode::BAD_CONFIGURATION,
            format!("The handlerSetting stackSize of web.config is '{text}'."),
            "Write a number of bytes from 65536 to 1073741824.",
        )),
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

/// A runtimeconfig.json that is not JSON would only fail deep inside the .NET host.
fn check_runtime_config(dll: &Path) -> Result<(), ResolveError> {
    let path = dll.with_extension("runtimeconfig.json");
    let text = match file::read_text(&path) {
        Ok(text) => text,
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => {
            return Err(other(
                StatusCode::CANNOT_RESOLVE,
                format!("{} is missing beside the app.", path.display()),
                "Publish the app again; a .dll without it is a library, not an app.",
            ));
        }
        Err(problem) => {
            let cause = format!("{} cannot be read: {problem}.", path.display());
            return Err(other(StatusCode::BAD_CONFIGURATION, cause, "Check its permissions and encoding."));
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let broken = |place: String, problem: String| {
        let cause = format!("{}{place}: {problem}.", path.display());
        other(StatusCode::BAD_CONFIGURATION, cause, "Publish the app again, or mend the file.")
    };
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) if value.get("runtimeOptions").is_some_and(serde_json::Value::is_object) => Ok(()),
        Ok(_) => Err(broken(String::new(), "runtimeOptions is missing".to_owned())),
        Err(error) => {
            let message = error.to_string();
            // The position goes before the text, as everywhere.
            let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(text, _)| text);
            Err(broken(format!(":{}:{}", error.line(), error.column()), message.to_owned()))
        }
    }
}
