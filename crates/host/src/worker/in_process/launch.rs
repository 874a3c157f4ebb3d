//! What is to be loaded: the app, its .NET, and the managed server's assembly.

use std::path::{Path, PathBuf};

use mews_clr::hostfxr::{
    App, AppKind, Context, Environment, Initialized, Installation, arguments, resolve, self_contained,
};
use mews_model::{Failure, StatusCode};

use super::application::Versions;
use super::start_error;
use crate::control::{AppSpec, Launch};

/// The managed server's file name.
const SERVER_ASSEMBLY: &str = "Mews.Server.dll";
/// Names another place for it, for packagers and for development.
const SERVER_ASSEMBLY_VARIABLE: &str = "MEWS_SERVER_ASSEMBLY";

/// An app that was found to be hostable, and the .NET for it.
pub(crate) struct Launched {
    pub(crate) app: App,
    pub(crate) installation: Installation,
    pub(crate) host_options: Vec<String>,
    pub(crate) arguments: Vec<String>,
}

impl Launched {
    /// The name of the app's assembly.
    pub(crate) fn name(&self) -> String {
        self.app.dll.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Looks at the app's files in `folder`, which is its own or a copy of it, and finds its .NET.
pub(crate) fn find(spec: &AppSpec, folder: &Path) -> Result<Launched, Box<Failure>> {
    let launch = match &spec.launch {
        Launch::Dll(path) => arguments::Launch {
            app: path
                .strip_prefix(&spec.physical_path)
                .map_or_else(|_| path.clone(), |path| folder.join(path)),
            dotnet: None,
            host_options: Vec::new(),
            arguments: Vec::new(),
        },
        Launch::Process { process_path, arguments } => {
            arguments::parse(process_path, arguments, folder).map_err(|error| start_error(error.into()))?
        }
    };
    let app = App::inspect(&launch.app).map_err(|error| start_error(error.into()))?;
    let installation = match app.kind {
        AppKind::SelfContained => self_contained(app.folder()),
        AppKind::FrameworkDependent => resolve(&Environment::of_process(), launch.dotnet.as_deref()),
    }
    .map_err(|error| start_error(error.into()))?;
    let mut arguments = launch.arguments;
    arguments.extend(spec.args.iter().cloned());
    Ok(Launched { app, installation, host_options: launch.host_options, arguments })
}

/// Runtime properties beside those that bring our server in.
pub(super) fn runtime_properties(spec: &AppSpec) -> Vec<(String, String)> {
    // The runtime reads the number as hexadecimal.
    let stack = spec.stack_size.map(|bytes| ("DEFAULT_STACK_SIZE", format!("{bytes:x}")));
    // What the app finds beside itself is in its own folder, also when it is loaded from a copy.
    let base = || format!("{}/", spec.physical_path.to_string_lossy().trim_end_matches('/'));
    let base = spec.shadow_copies.is_some().then(|| ("APP_CONTEXT_BASE_DIRECTORY", base()));
    let named =
        spec.named_folder.as_ref().map(|folder| ("MEWS_NAMED_FOLDER", folder.to_string_lossy().into_owned()));
    stack.into_iter().chain(base).chain(named).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What the start line shows.
pub(super) fn versions(launched: &Launched, context: &Context<Initialized>) -> Versions {
    let included = launched.app.frameworks.iter().find(|framework| framework.name == "Microsoft.NETCore.App");
    let dotnet = match launched.app.kind {
        AppKind::SelfContained => included.map(|framework| framework.version.clone()),
        // `<root>/shared/Microsoft.NETCore.App/<version>/Microsoft.NETCore.App.deps.json`
        AppKind::FrameworkDependent => context
            .property("FX_DEPS_FILE")
            .ok()
            .flatten()
            .and_then(|file| Some(Path::new(&file).parent()?.file_name()?.to_str()?.to_owned())),
    };
    Versions {
        app: launched.app.dll.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        dotnet,
        hostfxr: launched.installation.hostfxr.to_string_lossy().into_owned(),
    }
}

/// Finds the managed server: where the environment says, beside this binary, or in `../lib/mews`.
pub(crate) fn server_assembly() -> Result<PathBuf, Box<Failure>> {
    let missing = |looked: &[PathBuf]| {
        let looked: Vec<String> = looked.iter().map(|path| path.display().to_string()).collect();
        Box::new(
            Failure::new(
                StatusCode::HANDLER_NOT_LOADED,
                format!("The managed server {SERVER_ASSEMBLY} was not found; looked for {}.", looked.join(", ")),
            )
            .with_cure(format!(
                "Install Mews completely, or set {SERVER_ASSEMBLY_VARIABLE} to the full path of {SERVER_ASSEMBLY}."
            )),
        )
    };
    if let Some(named) = std::env::var_os(SERVER_ASSEMBLY_VARIABLE).filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        return if named.is_file() { Ok(named) } else { Err(missing(&[named])) };
    }
    let binary = std::env::current_exe().unwrap_or_default();
    let folder = binary.parent().unwrap_or(Path::new("/"));
    let candidates = [folder.join(SERVER_ASSEMBLY), folder.join("../lib/mews").join(SERVER_ASSEMBLY)];
    let found = candidates.iter().find(|path| path.is_file()).and_then(|path| path.canonicalize().ok());
    found.ok_or_else(|| missing(&candidates))
}
