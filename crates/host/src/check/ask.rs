//! What the process that asks does: the steps of a worker that starts the app, up to the point where .NET would run.
//!
//! The runtime is not started, and none of the app's code runs: neither its assemblies nor libraries from its folder
//! are loaded, nor libraries that belong to another user.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use mews_clr::hostfxr::{App, AppError, AppKind, Environment, Installation, Library, resolve};
use mews_model::{Failure, HostingModel, StatusCode};

use super::probe::{Answer, Found, Program, Question};
use crate::control::{AppSpec, ConfiguredVariables};
use crate::worker::in_process::{self, start_error};
use crate::worker::out_of_process;

/// Every step is taken though another one failed, so that all failures are told at once.
pub(super) fn ask(question: &Question) -> Answer {
    match question.model {
        HostingModel::InProcess => ask_in_process(&question.app),
        HostingModel::OutOfProcess => ask_out_of_process(&question.app, &question.configured),
    }
}

fn ask_in_process(spec: &AppSpec) -> Answer {
    let mut answer = Answer::default();
    match in_process::launch::find(spec, &spec.physical_path) {
        Ok(launched) => {
            let mut found = describe(&launched.app, &launched.installation, &spec.physical_path);
            let asked = take_frameworks(
                &mut found,
                &launched.app,
                &launched.installation,
                &launched.host_options,
                &launched.arguments,
            );
            answer.failures.extend(asked.err().map(|failure| *failure));
            answer.found = Some(found);
        }
        Err(failure) => answer.failures.push(*failure),
    }
    if let Err(failure) = in_process::launch::server_assembly() {
        answer.failures.push(*failure);
    }
    answer
}

fn ask_out_of_process(spec: &AppSpec, configured: &ConfiguredVariables) -> Answer {
    let mut answer = Answer::default();
    // A port that nobody names is only drawn when it is needed.
    if configured.port.is_some()
        && let Err(no) = out_of_process::environment::port(configured)
    {
        answer.failures.push(*no.failure);
    }
    let executable = match out_of_process::launch::find(spec) {
        Ok(executable) => executable,
        Err(failure) => {
            answer.failures.push(*failure);
            return answer;
        }
    };
    let arguments = executable.arguments.iter().map(|argument| argument.to_string_lossy().into_owned());
    let arguments: Vec<String> = arguments.collect();
    let name = executable.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_dotnet = name == "dotnet";
    answer.program = Some(Program {
        path: executable.path.clone(),
        command: std::iter::once(&name).chain(&arguments).map(String::as_str).collect::<Vec<_>>().join(" "),
    });
    let app = if is_dotnet { app_of_dotnet(&arguments, &spec.physical_path) } else { Some(executable.path) };
    // What is no .NET app, or a single file, is started as any program is.
    let Some(app) = app else { return answer };
    match App::inspect(&app) {
        Ok(app) => {
            let installation = match app.kind {
                AppKind::SelfContained => mews_clr::hostfxr::self_contained(app.folder()),
                AppKind::FrameworkDependent => resolve(&Environment::of_process(), None),
            };
            match installation {
                Ok(installation) => {
                    let mut found = describe(&app, &installation, &spec.physical_path);
                    let asked = take_frameworks(&mut found, &app, &installation, &[], &[]);
                    answer.failures.extend(asked.err().map(|failure| process_failed(*failure)));
                    answer.found = Some(found);
                }
                Err(error) => answer.failures.push(process_failed(*start_error(error.into()))),
            }
        }
        Err(AppError::SingleFile { .. } | AppError::NotAnApp { .. }) if !is_dotnet => {}
        Err(error) => answer.failures.push(process_failed(*start_error(error.into()))),
    }
    answer
}

/// The process would end before it listened.
fn process_failed(failure: Failure) -> Failure {
    Failure { code: StatusCode::PROCESS_FAILED, ..failure }
}

/// The first .dll among the arguments of `dotnet`.
fn app_of_dotnet(arguments: &[String], folder: &Path) -> Option<PathBuf> {
    let dll = arguments.iter().find(|argument| argument.to_ascii_lowercase().ends_with(".dll"))?;
    Some(folder.join(dll))
}

fn describe(app: &App, installation: &Installation, folder: &Path) -> Found {
    Found {
        dll: app.dll.clone(),
        self_contained: app.kind == AppKind::SelfContained,
        tfm: app.tfm.clone(),
        root: installation.root.clone(),
        found_by: installation.found_by.clone(),
        frameworks: app.frameworks.iter().map(|f| (f.name.clone(), f.version.clone(), None)).collect(),
        not_asked: untrusted(&installation.hostfxr, folder),
    }
}

/// Lets hostfxr find the frameworks and read the manifests.
fn take_frameworks(
    found: &mut Found,
    app: &App,
    installation: &Installation,
    host_options: &[String],
    arguments: &[String],
) -> Result<(), Box<Failure>> {
    if found.not_asked.is_some() {
        return Ok(());
    }
    let library = Library::load(installation).map_err(start_error)?;
    let context = library.initialize(app, host_options, arguments).map_err(start_error)?;
    // A list of the full paths of all assemblies, those of frameworks below `<root>/shared/<name>/<version>/`.
    let assemblies = context.property("TRUSTED_PLATFORM_ASSEMBLIES").ok().flatten().unwrap_or_default();
    for (name, _, taken) in &mut found.frameworks {
        let (_, after) = assemblies.split_once(&format!("/shared/{name}/")).unwrap_or_default();
        *taken = after.split('/').next().filter(|version| !version.is_empty()).map(str::to_owned);
    }
    Ok(())
}

/// Why a library is not loaded for a mere check: loading it runs its code.
fn untrusted(hostfxr: &Path, folder: &Path) -> Option<String> {
    if hostfxr.starts_with(folder) {
        return Some("it lies in the app's folder".to_owned());
    }
    let owner = std::fs::metadata(hostfxr).ok()?.uid();
    let ours = rustix::process::geteuid().as_raw();
    (owner != 0 && owner != ours).then(|| format!("it belongs to user {owner}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_apps_own_libraries_are_not_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libhostfxr.so");
        std::fs::write(&library, "").unwrap();
        assert!(untrusted(&library, folder.path()).is_some_and(|why| why.contains("the app's folder")));
        assert_eq!(untrusted(&library, Path::new("/srv/shop")), None);
        assert_eq!(untrusted(Path::new("/proc/1/environ"), Path::new("/srv/shop")), None);
    }

    #[test]
    fn the_app_among_the_arguments_of_dotnet() {
        let find = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
            app_of_dotnet(&arguments, Path::new("/srv"))
        };
        assert_eq!(find(&["exec", "./Shop.DLL", "x.dll"]), Some(PathBuf::from("/srv/./Shop.DLL")));
        assert_eq!(find(&["run"]), None);
    }
}
