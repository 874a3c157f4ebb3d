//! What kind of app lies at a path, told from its files before anything is loaded.

use std::path::{Path, PathBuf};

use super::elf::{self, Executable, MACHINE};
use super::resolver::{LIBRARY, plain};
use super::runtime_config::{Framework, RuntimeConfig, RuntimeConfigError};

/// How an app brings its runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppKind {
    /// It wants frameworks of an installation.
    FrameworkDependent,
    /// Everything lies in its own folder.
    SelfContained,
}

/// An app that can be hosted in-process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The app's main assembly.
    pub dll: PathBuf,
    /// How it brings its runtime.
    pub kind: AppKind,
    /// Its executable, if that is how it was named.
    pub executable: Option<PathBuf>,
    /// The target framework, `net9.0`…
    pub tfm: Option<String>,
    /// The frameworks it wants or includes.
    pub frameworks: Vec<Framework>,
}

/// Why what lies at a path cannot be hosted in-process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    /// There is no such assembly.
    #[error("the application {path} does not exist")]
    DllMissing {
        /// What was looked for.
        path: PathBuf,
    },
    /// There is no such executable.
    #[error("the executable {path} was not found")]
    ExecutableMissing {
        /// What was looked for.
        path: PathBuf,
    },
    /// An executable without its assembly beside it: published as a single file.
    #[error(
        "{path} has no {} beside it: it was published as a single file, which cannot be hosted in-process",
        file_name(dll)
    )]
    SingleFile {
        /// The executable.
        path: PathBuf,
        /// The assembly that was looked for.
        dll: PathBuf,
    },
    /// The file is not a .NET assembly.
    #[error("{path} is not a .NET assembly")]
    NotManaged {
        /// The file.
        path: PathBuf,
    },
    /// The file is not an executable of any kind known here.
    #[error("{path} is neither a .NET assembly nor the executable of a .NET app")]
    NotAnApp {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("{path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        why: String,
    },
    /// An assembly without the file that makes it an app.
    #[error("{path} does not exist, so {} is a library or was not published", file_name(dll))]
    RuntimeConfigMissing {
        /// The file that was looked for.
        path: PathBuf,
        /// The assembly.
        dll: PathBuf,
    },
    /// The runtime configuration is broken.
    #[error(transparent)]
    RuntimeConfig(#[from] RuntimeConfigError),
    /// A self-contained app without its own hostfxr.
    #[error("{path} does not exist, although the app says that it is self-contained")]
    OwnHostMissing {
        /// The library that was looked for.
        path: PathBuf,
    },
    /// Built for another machine.
    #[error("{path} was built for {machine}, but this process is {MACHINE}")]
    WrongMachine {
        /// The file.
        path: PathBuf,
        /// The machine it is for.
        machine: &'static str,
    },
}

impl AppError {
    /// What the user can do.
    #[must_use]
    pub fn cure(&self) -> String {
        match self {
            Self::DllMissing { .. } => {
                "Name the published app's main .dll in `arguments` (or on the command line), or publish the app there."
                    .to_owned()
            }
            Self::ExecutableMissing { .. } => {
                "Set `processPath` to `dotnet` or to the app's executable, or publish the app there.".to_owned()
            }
            Self::SingleFile { .. } => {
                "Publish without `PublishSingleFile`, or use the out-of-process hosting model.".to_owned()
            }
            Self::NotManaged { .. } | Self::NotAnApp { .. } => {
                "Name the app's own main .dll, as `dotnet publish` wrote it.".to_owned()
            }
            Self::Unreadable { .. } => "Make the file readable for the user this process runs as.".to_owned(),
            Self::RuntimeConfigMissing { .. } => {
                "Copy the whole output of `dotnet publish`, and name the app's .dll rather than a library's.".to_owned()
            }
            Self::RuntimeConfig(_) => "Publish the app again, or mend the file at the place named.".to_owned(),
            Self::OwnHostMissing { .. } => "Copy the whole output of `dotnet publish --self-contained`.".to_owned(),
            Self::WrongMachine { .. } => format!("Publish for linux-{MACHINE}, or publish framework-dependent."),
        }
    }

    /// The sub-status of the failure page: 500.x.
    #[must_use]
    pub fn sub_status(&self) -> u16 {
        match self {
            Self::ExecutableMissing { .. } | Self::NotAnApp { .. } => 0,
            Self::DllMissing { .. } => 31,
            Self::OwnHostMissing { .. } | Self::WrongMachine { .. } => 32,
            Self::SingleFile { .. } => 38,
            Self::NotManaged { .. }
            | Self::Unreadable { .. }
            | Self::RuntimeConfigMissing { .. }
            | Self::RuntimeConfig(_) => 30,
        }
    }
}

impl App {
    /// Looks at a path: an assembly (`.dll`), or an app's executable with or without `.exe`.
    ///
    /// # Errors
    /// What lies there cannot be hosted in-process, and why.
    pub fn inspect(path: &Path) -> Result<Self, AppError> {
        if has_extension(path, "dll") { inspect_dll(path, None) } else { inspect_executable(path) }
    }

    /// The folder of the app's main assembly.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.dll.parent().unwrap_or(Path::new("."))
    }
}

fn inspect_executable(path: &Path) -> Result<App, AppError> {
    let stem = if has_extension(path, "exe") { path.with_extension("") } else { path.to_owned() };
    let dll = with_suffix(&stem, ".dll");
    // Published on Windows the executable has `.exe`, published for Linux it has nothing; `web.config` may say either.
    let candidates = [path.to_owned(), stem.clone(), with_suffix(&stem, ".exe")];
    let executable = candidates.iter().find(|candidate| candidate.is_file());
    if dll.is_file() {
        return inspect_dll(&dll, executable.map(PathBuf::as_path));
    }
    let Some(executable) = executable else {
        return Err(AppError::ExecutableMissing { path: path.to_owned() });
    };
    match look(executable)? {
        Executable::Other => Err(AppError::NotAnApp { path: executable.clone() }),
        _ => Err(AppError::SingleFile { path: executable.clone(), dll }),
    }
}

fn inspect_dll(dll: &Path, executable: Option<&Path>) -> Result<App, AppError> {
    if !dll.is_file() {
        return Err(AppError::DllMissing { path: dll.to_owned() });
    }
    match look(dll)? {
        Executable::Pe { managed: true } => {}
        _ => return Err(AppError::NotManaged { path: dll.to_owned() }),
    }
    let folder = dll.parent().unwrap_or(Path::new("."));
    let own_host = folder.join(LIBRARY);
    let file = dll.with_extension("runtimeconfig.json");
    let config = if file.is_file() {
        Some(RuntimeConfig::read(&file)?)
    } else if own_host.is_file() {
        // hostfxr takes an app without the file for a self-contained one.
        None
    } else {
        return Err(AppError::RuntimeConfigMissing { path: file, dll: dll.to_owned() });
    };
    let config = config.unwrap_or_default();
    let kind =
        if config.frameworks.is_empty() { AppKind::SelfContained } else { AppKind::FrameworkDependent };
    if kind == AppKind::SelfContained {
        if !own_host.is_file() {
            return Err(AppError::OwnHostMissing { path: own_host });
        }
        for native in [Some(own_host.as_path()), executable].into_iter().flatten() {
            if let Executable::Foreign(machine) = look(native)? {
                return Err(AppError::WrongMachine { path: native.to_owned(), machine });
            }
        }
    }
    Ok(App {
        dll: dll.to_owned(),
        kind,
        executable: executable.map(Path::to_owned),
        tfm: config.tfm,
        frameworks: if config.frameworks.is_empty() { config.included } else { config.frameworks },
    })
}

fn look(path: &Path) -> Result<Executable, AppError> {
    elf::look(path).map_err(|error| AppError::Unreadable { path: path.to_owned(), why: plain(&error) })
}

pub(crate) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// `App` → `App.dll`, also when the name has dots.
fn with_suffix(stem: &Path, suffix: &str) -> PathBuf {
    let mut text = stem.as_os_str().to_owned();
    text.push(suffix);
    PathBuf::from(text)
}

fn file_name(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()
}

#[cfg(test)]
mod tests {
    use super::super::elf::samples;
    use super::*;

    const DEPENDENT: &str = r#"{"runtimeOptions":{"tfm":"net9.0","frameworks":[
        {"name":"Microsoft.NETCore.App","version":"9.0.0"},{"name":"Microsoft.AspNetCore.App","version":"9.0.0"}]}}"#;
    const CONTAINED: &str = r#"{"runtimeOptions":{"tfm":"net9.0","includedFrameworks":[
        {"name":"Microsoft.NETCore.App","version":"9.0.7"}]}}"#;

    /// A folder with these files.
    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    fn inspect(folder: &tempfile::TempDir, name: &str) -> Result<App, AppError> {
        App::inspect(&folder.path().join(name))
    }

    #[test]
    fn a_framework_dependent_app_by_any_of_its_names() {
        let app = folder(&[
            ("My.App.dll", &samples::pe(true)),
            ("My.App", &samples::native()),
            ("My.App.runtimeconfig.json", DEPENDENT.as_bytes()),
        ]);
        for name in ["My.App.dll", "My.App", "My.App.exe"] {
            let found = inspect(&app, name).unwrap();
            assert_eq!(found.kind, AppKind::FrameworkDependent);
            assert_eq!(found.dll, app.path().join("My.App.dll"));
            assert_eq!((found.tfm.as_deref(), found.frameworks.len()), (Some("net9.0"), 2));
            assert_eq!(found.executable.is_some(), name != "My.App.dll");
        }
    }

    #[test]
    fn an_executable_for_windows_is_no_obstacle() {
        let app = folder(&[
            ("App.dll", &samples::pe(true)),
            ("App.exe", &samples::pe(false)),
            ("App.runtimeconfig.json", DEPENDENT.as_bytes()),
        ]);
        assert_eq!(inspect(&app, "App.exe").unwrap().kind, AppKind::FrameworkDependent);
        assert_eq!(inspect(&app, "App").unwrap().dll, app.path().join("App.dll"));
    }

    #[test]
    fn a_self_contained_app() {
        let app = folder(&[
            ("App.dll", &samples::pe(true)),
            ("App", &samples::native()),
            (LIBRARY, &samples::native()),
            ("App.runtimeconfig.json", CONTAINED.as_bytes()),
        ]);
        assert_eq!(inspect(&app, "App").unwrap().kind, AppKind::SelfContained);
        std::fs::write(app.path().join(LIBRARY), samples::foreign()).unwrap();
        assert_eq!(inspect(&app, "App").unwrap_err().sub_status(), 32);
        std::fs::remove_file(app.path().join(LIBRARY)).unwrap();
        assert!(matches!(inspect(&app, "App"), Err(AppError::OwnHostMissing { .. })));
    }

    #[test]
    fn what_cannot_be_hosted_is_told_apart() {
        let app = folder(&[
            ("Bundle", &samples::native()),
            ("script", b"#!/bin/sh\n"),
            ("native.dll", &samples::pe(false)),
            ("text.dll", b"hello"),
            ("Library.dll", &samples::pe(true)),
            ("Broken.dll", &samples::pe(true)),
            ("Broken.runtimeconfig.json", b"{\n  \"runtimeOptions\" 1}"),
        ]);
        let cases: [(&str, u16, &str); 8] = [
            ("Bundle", 38, "has no Bundle.dll beside it"),
            ("script", 0, "neither a .NET assembly nor"),
            ("native.dll", 30, "not a .NET assembly"),
            ("text.dll", 30, "not a .NET assembly"),
            ("Library.dll", 30, "Library.runtimeconfig.json does not exist, so Library.dll is a library"),
            ("Broken.dll", 30, "Broken.runtimeconfig.json:2:20: expected `:`"),
            ("none.dll", 31, "none.dll does not exist"),
            ("none", 0, "was not found"),
        ];
        for (name, sub_status, text) in cases {
            let error = inspect(&app, name).unwrap_err();
            assert_eq!(error.sub_status(), sub_status, "{error}");
            assert!(error.to_string().contains(text), "{error}");
            assert!(!error.cure().is_empty());
        }
    }
}
