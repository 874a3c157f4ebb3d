//! An application: its folder, and what is said about it on the command line or in the host's configuration.
//!
//! Resolved anew before each start, since the folder may have changed, or be a link that leads elsewhere now.

use std::path::{Path, PathBuf};

use mews_model::authentication::{Policy, SignInSettings};
use mews_model::environment::Inherited;
use mews_model::server_config::{
    Application, Inherited as ServerRules, Isolation, Pool, Site as ConfiguredSite,
};
use mews_model::web_config::{self, Layer, LayerKind, Problems, WebConfig};
use mews_model::{Failure, HostingModel, StatusCode};

use super::environment;
use super::file;
use super::folder::{self, Found};
use super::launch;
use super::plan::{self, Plan};
use super::rules;
use super::runtime_config;
use super::watch::Watch;
use crate::control::{AccessRules, AnswerRules, Launch};
use crate::edge::EdgeSpec;

/// What is said about an application outside of its folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// Where keys are and how names look.
    pub(crate) sign_in: SignInSettings,
    /// Threads that serve connections.
    pub(crate) io_threads: Option<u16>,
    /// What stands between clients and the app.
    pub(crate) edge: EdgeSpec,
    /// Variables for the worker and the app.
    pub(crate) variables: Vec<(String, String)>,
    /// What the server's own file says about who may send requests to it.
    pub(crate) server: Option<ServerRules>,
    /// The folders of the applications above it in its site, the outermost first, and its path below each.
    pub(crate) above: Vec<(PathBuf, String)>,
    /// Its place among sites and pools; made up from the app's name when `None`.
    pub(crate) place: Option<Place>,
    /// As whom it runs and what it may use up.
    pub(crate) isolation: Isolation,
    /// It is only looked at: nothing is to be made on disk, and whoever starts it later may be somebody else.
    pub(crate) looked_at: bool,
}

/// Where an application belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The site's name.
    pub(crate) site: String,
    /// The site's number.
    pub(crate) site_id: u32,
    /// `/`, or the path below which the app lies.
    pub(crate) path: String,
    /// The application pool's name.
    pub(crate) pool: String,
}

/// The `web.config` of an application above.
struct ParentFile {
    name: String,
    bytes: Vec<u8>,
    /// Where the application in question lies below it.
    path: String,
}

impl ParentFile {
    fn layer(&self) -> Layer<'_> {
        Layer { file: &self.name, bytes: &self.bytes, kind: LayerKind::Parent { path: &self.path } }
    }
}

/// A folder that can be resolved again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    options: SiteOptions,
    /// Absolute; links in it are followed at each start.
    folder: PathBuf,
    /// The app's .dll, if it was named.
    dll: Option<PathBuf>,
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

/// A failure as a problem of the folder.
pub(super) fn other(code: StatusCode, cause: impl Into<String>, cure: impl Into<String>) -> ResolveError {
    ResolveError::Other(Box::new(Failure::new(code, cause).with_cure(cure)))
}

/// That there is a way to send requests to each path.
fn can_be_used(config: &WebConfig, name: &str) -> Result<(), ResolveError> {
    let closed = |policy: &Policy| !policy.schemes.anonymous && !policy.schemes.any();
    let access = AccessRules::of(config, SignInSettings::default());
    let part = access.parts.iter().find(|(_, policy)| closed(policy)).map(|(path, _)| path);
    let place = match part {
        Some(path) => format!(" for '{path}'"),
        None if closed(&access.policy) => String::new(),
        None => return Ok(()),
    };
    Err(other(
        StatusCode::BAD_CONFIGURATION,
        format!(
            "{name} disables anonymousAuthentication and enables no scheme that users could sign in with{place}."
        ),
        "Enable windowsAuthentication, basicAuthentication or iisClientCertificateMappingAuthentication; or \
         anonymousAuthentication, if the app may be used without signing in.",
    ))
}

/// What a folder says, before the command line is laid over it.
pub(super) struct Base {
    /// What to start.
    pub(super) launch: Launch,
    /// The app's .dll, as far as that can be seen.
    pub(super) dll: Option<PathBuf>,
    /// What web.config asks for.
    pub(super) model: HostingModel,
    /// The file.
    pub(super) config: Option<WebConfig>,
    /// To be logged.
    pub(super) warnings: Vec<String>,
}

/// The applications of a site that an application lies below: their folders, and its path below each.
fn above(site: &ConfiguredSite, application: &Application) -> Vec<(PathBuf, String)> {
    let mut above: Vec<(usize, PathBuf, String)> = site
        .applications
        .iter()
        .filter(|other| other.path.len() < application.path.len())
        .filter_map(|other| {
            let base = other.path.trim_end_matches('/');
            let start = application.path.get(..base.len())?;
            let rest = application.path.get(base.len()..)?;
            let is_above = start.eq_ignore_ascii_case(base) && rest.starts_with('/');
            is_above.then(|| (base.len(), other.physical_path.clone(), rest.trim_matches('/').to_owned()))
        })
        .collect();
    above.sort_by_key(|(length, ..)| *length);
    above.into_iter().map(|(_, folder, path)| (folder, path)).collect()
}

impl Site {
    /// Finds the folder.
    pub(crate) fn find(options: SiteOptions) -> Result<Self, ResolveError> {
        let (folder, dll) = folder::locate(&options.path).map_err(ResolveError::Other)?;
        Ok(Self { options, folder, dll })
    }

    /// An application of a configured site. Its folder need not be there yet.
    pub(crate) fn configured_in(site: &ConfiguredSite, application: &Application, pool: &Pool) -> Self {
        let place = Place {
            site: site.name.clone(),
            site_id: site.id,
            path: application.path.clone(),
            pool: pool.name.clone(),
        };
        let options = SiteOptions {
            path: application.physical_path.clone(),
            hosting_model: application.hosting_model,
            variables: pool.environment.clone(),
            server: application.inherited.clone(),
            above: above(site, application),
            place: Some(place),
            isolation: pool.isolation.clone(),
            edge: EdgeSpec::of(site),
            sign_in: application
                .authentication
                .clone()
                .or_else(|| site.authentication.clone())
                .unwrap_or_default(),
            ..SiteOptions::default()
        };
        Self { folder: application.physical_path.clone(), options, dll: None }
    }

    /// The same, only to be looked at.
    #[must_use]
    pub(crate) fn looked_at(mut self) -> Self {
        self.options.looked_at = true;
        self
    }

    /// The folder, as it was named: links in it may lead elsewhere later.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Watches over its folder from now on, and over what it inherits.
    pub(crate) fn watch(&self) -> Watch {
        Watch::new(&self.folder, self.options.above.iter().map(|(folder, _)| folder.clone()).collect())
    }

    /// As messages call it: `shop`, `shop/api`; the folder where it has no place among sites.
    pub(crate) fn name(&self) -> String {
        match &self.options.place {
            Some(place) => format!("{}{}", place.site, place.path.trim_end_matches('/')),
            None => self.folder.display().to_string(),
        }
    }

    /// The name of its site among others.
    pub(crate) fn site_name(&self) -> Option<&str> {
        self.options.place.as_ref().map(|place| place.site.as_str())
    }

    /// What stands between clients and the app.
    pub(crate) fn edge(&self) -> &EdgeSpec {
        &self.options.edge
    }

    /// As whom it runs and what it may use up.
    pub(crate) fn isolation(&self) -> &Isolation {
        &self.options.isolation
    }

    /// Reads what is there now.
    pub(crate) fn resolve(&self) -> Result<Plan, ResolveError> {
        let inherited = self.inherited();
        let folder = folder::follow(&self.folder).map_err(ResolveError::Other)?;
        let base = self.base(&folder, &inherited)?;
        let base = Base { model: self.options.hosting_model.unwrap_or(base.model), ..base };
        if let (HostingModel::InProcess, Some(dll)) = (base.model, &base.dll) {
            runtime_config::check(dll)?;
        }
        plan::make(base, &self.options, &self.folder, &folder, &inherited)
    }

    fn inherited(&self) -> Inherited {
        environment::inherited().with(&self.options.variables)
    }

    fn base(&self, folder: &Path, inherited: &Inherited) -> Result<Base, ResolveError> {
        let plain = |dll: PathBuf, warnings| {
            Ok(Base {
                launch: Launch::Dll(dll.clone()),
                dll: Some(dll),
                model: HostingModel::InProcess,
                config: self.unconfigured()?,
                warnings,
            })
        };
        if let Some(dll) = &self.dll {
            if !dll.is_file() {
                let cause = format!("{} is not there any more.", dll.display());
                return Err(other(StatusCode::CANNOT_RESOLVE, cause, "Publish the app again."));
            }
            let mut warnings = Vec::new();
            if let Ok(Found::Configured { web_config }) = folder::look(folder) {
                warnings
                    .push(format!("{} is not read, since the app's .dll was named", web_config.display()));
            }
            return plain(dll.clone(), warnings);
        }
        match folder::look(folder).map_err(ResolveError::Other)? {
            Found::App { dll } => plain(dll, Vec::new()),
            Found::Configured { web_config } => self.configured(folder, &web_config, inherited),
        }
    }

    fn configured(&self, folder: &Path, path: &Path, inherited: &Inherited) -> Result<Base, ResolveError> {
        let bytes = file::read(path).map_err(|problem| {
            let cause = format!("{} cannot be read: {problem}.", path.display());
            other(StatusCode::BAD_CONFIGURATION, cause, "Check its permissions.")
        })?;
        let name = path.to_string_lossy();
        let parents = self.parent_files();
        let mut layers: Vec<Layer<'_>> = self.inherited_layer().collect();
        layers.extend(parents.iter().map(ParentFile::layer));
        layers.push(Layer { file: &name, bytes: &bytes, kind: LayerKind::App });
        let (config, diagnostics) = web_config::read_layers(&layers).map_err(ResolveError::WebConfig)?;
        let warnings: Vec<String> = diagnostics.iter().map(mews_model::Diagnostic::one_line).collect();
        let Some(module) = &config.asp_net_core else {
            return Err(other(
                StatusCode::BAD_CONFIGURATION,
                format!("{name} has no aspNetCore element, so it does not say what to start."),
                "Publish the app again; or name its .dll instead of the folder.",
            ));
        };
        can_be_used(&config, &name)?;
        let launcher = web_config::launcher(module, |variable| inherited.get(variable).map(str::to_owned));
        let model = module.hosting_model.unwrap_or(HostingModel::OutOfProcess);
        let dll = launch::check(folder, &launcher, self.options.hosting_model.unwrap_or(model));
        let dll = dll.map_err(ResolveError::Other)?;
        Ok(Base {
            launch: Launch::Process {
                process_path: launcher.process_path.clone(),
                arguments: launcher.arguments.clone(),
            },
            dll,
            model,
            warnings,
            config: Some(config),
        })
    }

    /// What counts for an app that has no `web.config`: that the server's file says who may send requests to it.
    fn unconfigured(&self) -> Result<Option<WebConfig>, ResolveError> {
        let layers: Vec<Layer<'_>> = self.inherited_layer().collect();
        let Some(layer) = layers.first() else { return Ok(None) };
        let (config, _) = web_config::read_layers(&layers).map_err(ResolveError::WebConfig)?;
        can_be_used(&config, layer.file)?;
        Ok(Some(config))
    }

    fn inherited_layer(&self) -> impl Iterator<Item = Layer<'_>> {
        self.options.server.iter().map(ServerRules::layer)
    }

    /// The files of the applications above this one in its site, the outermost first. One that cannot be read says
    /// nothing here: its own application tells of it.
    fn parent_files(&self) -> Vec<ParentFile> {
        let files = self.options.above.iter().filter_map(|(folder, path)| {
            let folder = folder::follow(folder).ok()?;
            let Ok(Found::Configured { web_config }) = folder::look(&folder) else { return None };
            let bytes = file::read(&web_config).ok()?;
            Some(ParentFile { name: web_config.to_string_lossy().into_owned(), bytes, path: path.clone() })
        });
        files.collect()
    }

    /// How the host answers, as far as that is known without a folder that can be resolved.
    pub(crate) fn answers(&self) -> AnswerRules {
        let folder = folder::follow(&self.folder).unwrap_or_else(|_| self.folder.clone());
        rules::answers(None, &self.options, &folder, &self.inherited())
    }
}
