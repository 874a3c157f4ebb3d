//! Why an app could not be started: one cause, one cure, the details, and the sub-status of the failure page.

use std::path::{Path, PathBuf};

use super::app::AppError;
use super::arguments::ArgumentsError;
use super::elf::MACHINE;
use super::host_status::HostStatus;
use super::resolver::ResolveError;
use super::runtime_config::Framework;
use super::version::Version;

/// How hostfxr's words about a missing framework begin.
const INSTALL_OR_UPDATE: &str = "You must install or update .NET to run this application.";

/// Everything that can go wrong between reading `processPath` and the app's `Main`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// `processPath` and `arguments` name no app.
    #[error(transparent)]
    Arguments(#[from] ArgumentsError),
    /// No .NET installation.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// What lies there cannot be hosted in-process.
    #[error(transparent)]
    App(#[from] AppError),
    /// A framework that the app wants is not installed.
    #[error("{}", missing(wanted.as_ref(), installed))]
    FrameworkMissing {
        /// The framework that is missing, as hostfxr says.
        wanted: Option<Framework>,
        /// The versions of it that are installed.
        installed: Vec<String>,
        /// The installation looked into.
        root: PathBuf,
        /// hostfxr's own words.
        text: String,
    },
    /// hostfxr or what it loads could not be loaded.
    #[error("the .NET host {path} could not be used: {why}")]
    HostLoad {
        /// The library.
        path: PathBuf,
        /// What went wrong.
        why: String,
        /// hostfxr's own words, if it came so far.
        text: String,
    },
    /// hostfxr refused the app for another reason.
    #[error("{}", refused(*status, text))]
    Initialize {
        /// hostfxr's status code.
        status: HostStatus,
        /// hostfxr's own words.
        text: String,
    },
    /// A value that cannot be handed to hostfxr.
    #[error("{what} cannot be handed to the .NET runtime: {why}")]
    Value {
        /// Which value.
        what: String,
        /// What is wrong with it.
        why: String,
    },
}

impl StartError {
    /// Classifies a failure of hostfxr by its status code and its words.
    #[must_use]
    pub(crate) fn from_host(status: HostStatus, text: String, hostfxr: &Path, root: &Path) -> Self {
        if status.is_framework() {
            let wanted = wanted_framework(&text);
            let mut installed = installed_versions(&text);
            if installed.is_empty()
                && let Some(wanted) = &wanted
            {
                installed = versions_in(&root.join("shared").join(&wanted.name));
            }
            return Self::FrameworkMissing { wanted, installed, root: root.to_owned(), text };
        }
        if status.is_host_load() {
            let why = format!("{} ({status})", status.meaning());
            return Self::HostLoad { path: hostfxr.to_owned(), why, text };
        }
        Self::Initialize { status, text }
    }

    /// What the .NET host meant when it printed `output` and ended a process: that a framework is missing. `None` when
    /// it said no such thing.
    #[must_use]
    pub fn from_output(output: &str) -> Option<Self> {
        let text = output.get(output.rfind(INSTALL_OR_UPDATE)?..)?;
        let wanted = Some(wanted_framework(text)?);
        let location = text.lines().find_map(|line| line.trim().strip_prefix(".NET location:"))?.trim();
        let root = PathBuf::from(if location.len() > 1 { location.trim_end_matches('/') } else { location });
        let installed = installed_versions(text);
        Some(Self::FrameworkMissing { wanted, installed, root, text: text.to_owned() })
    }

    /// One plain sentence.
    #[must_use]
    pub fn cause(&self) -> String {
        let text = self.to_string();
        let mut chars = text.chars();
        let first = chars.next().into_iter().flat_map(char::to_uppercase);
        // A path at the beginning stays as it is.
        let text =
            if text.starts_with(char::is_lowercase) { first.chain(chars).collect() } else { text.clone() };
        format!("{text}.")
    }

    /// What the user can do.
    #[must_use]
    pub fn cure(&self) -> String {
        match self {
            Self::Arguments(error) => error.cure().to_owned(),
            Self::Resolve(error) => error.cure(),
            Self::App(error) => error.cure(),
            Self::FrameworkMissing { wanted: Some(wanted), root, .. } => format!(
                "Install {wanted} into {}, or publish for an installed version, or set `rollForward` in the app's \
                 runtimeconfig.json.",
                root.display()
            ),
            Self::FrameworkMissing { root, .. } => {
                format!("Install the frameworks that the app's runtimeconfig.json names into {}.", root.display())
            }
            Self::HostLoad { path, .. } if path.parent().is_some_and(|folder| folder.join("../../../host").is_dir()) => {
                format!("Install the .NET runtime for {MACHINE} anew, or update it.")
            }
            Self::HostLoad { .. } => format!(
                "Publish the app again with `--self-contained -r linux-{MACHINE}`, and copy the whole output."
            ),
            Self::Initialize { text, .. } if malformed_json(text).is_some() => {
                "Publish the app again, or mend the file at the place named.".to_owned()
            }
            Self::Initialize { status, .. } if status.0.cast_unsigned() == 0x8000_80a3 => {
                "Host each in-process app in an application pool of its own.".to_owned()
            }
            Self::Initialize { .. } => {
                "See the details; publishing the app again mends most causes. `dotnet App.dll` should fail alike."
                    .to_owned()
            }
            Self::Value { .. } => "Change the value.".to_owned(),
        }
    }

    /// Lines for the operator and, where details may be shown, for the failure page. Empty if there is no more to say.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Resolve(error) => {
                error.tried.iter().map(|tried| format!("{tried}\n")).collect::<String>().trim_end().to_owned()
            }
            Self::FrameworkMissing { text, .. }
            | Self::HostLoad { text, .. }
            | Self::Initialize { text, .. } => text.trim_end().to_owned(),
            Self::Arguments(_) | Self::App(_) | Self::Value { .. } => String::new(),
        }
    }

    /// The x of the failure page's 500.x.
    #[must_use]
    pub fn sub_status(&self) -> u16 {
        match self {
            Self::Arguments(_) => 0,
            Self::Resolve(error) => {
                if error.foreign {
                    32
                } else {
                    0
                }
            }
            Self::App(error) => error.sub_status(),
            Self::FrameworkMissing { .. } => 31,
            Self::HostLoad { .. } => 32,
            Self::Initialize { .. } | Self::Value { .. } => 30,
        }
    }
}

/// What hostfxr means, with the place in a file where it names one.
fn refused(status: HostStatus, text: &str) -> String {
    match malformed_json(text) {
        Some(place) => place,
        None => {
            format!("the .NET runtime could not be prepared for the app: {} ({status})", status.meaning())
        }
    }
}

/// From `A JSON parsing exception occurred in [PATH], offset 14 (line 2, column 1): Invalid value.`
fn malformed_json(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("JSON parsing exception occurred in [")?;
    let (path, rest) = rest.split_once("], ")?;
    let (_, rest) = rest.split_once("(line ")?;
    let (line, rest) = rest.split_once(", column ")?;
    let (column, what) = rest.lines().next()?.split_once("): ")?;
    let number = |text: &str| text.parse::<u32>().is_ok();
    (number(line) && number(column)).then(|| {
        format!("{path}:{line}:{column}: the file is not valid JSON: {}", what.trim_end_matches('.'))
    })
}

fn missing(wanted: Option<&Framework>, installed: &[String]) -> String {
    let wanted = wanted.map_or_else(|| "a framework that the app wants".to_owned(), Framework::to_string);
    match installed {
        [] => format!("{wanted} is not installed, nor is any other version of it"),
        some => format!("{wanted} is not installed; installed is {}", some.join(", ")),
    }
}

/// From `Framework: 'NAME', version 'VERSION' (x64)`.
fn wanted_framework(text: &str) -> Option<Framework> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("Framework: '"))?;
    let (name, rest) = line.split_once('\'')?;
    let version = rest.split('\'').nth(1)?;
    Some(Framework { name: name.to_owned(), version: version.to_owned() })
}

/// From lines `  9.0.7 at [/path]`.
fn installed_versions(text: &str) -> Vec<String> {
    let mut versions: Vec<Version> =
        text.lines().filter_map(|line| Version::parse(line.trim().split_once(" at [")?.0)).collect();
    versions.sort();
    versions.dedup();
    versions.iter().map(Version::to_string).collect()
}

fn versions_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut versions: Vec<Version> =
        entries.filter_map(|entry| Version::parse(entry.ok()?.file_name().to_str()?)).collect();
    versions.sort();
    versions.iter().map(Version::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = "You must install or update .NET to run this application.\n\nApp: /srv/App.dll\n\
        Architecture: x64\nFramework: 'Microsoft.NETCore.App', version '12.3.0' (x64)\n.NET location: /opt/dotnet/\n\n\
        The following frameworks were found:\n  9.0.7 at [/opt/dotnet/shared/Microsoft.NETCore.App]\n  \
        9.0.10 at [/opt/dotnet/shared/Microsoft.NETCore.App]\n\nLearn more:\nhttps://example.test/\n";

    fn of(code: u32, text: &str, root: &Path) -> StartError {
        StartError::from_host(
            HostStatus(code.cast_signed()),
            text.to_owned(),
            Path::new("/opt/libhostfxr.so"),
            root,
        )
    }

    #[test]
    fn reads_hostfxrs_words_about_frameworks() {
        let error = of(0x8000_8096, WORDS, Path::new("/opt/dotnet"));
        assert_eq!(error.sub_status(), 31);
        assert_eq!(
            error.cause(),
            "Microsoft.NETCore.App 12.3.0 is not installed; installed is 9.0.7, 9.0.10."
        );
        assert!(error.cure().starts_with("Install Microsoft.NETCore.App 12.3.0 into /opt/dotnet"));
        assert!(error.detail().starts_with("You must install"));
    }

    #[test]
    fn what_was_printed_means_what_the_status_means() {
        let asked = of(0x8000_8096, WORDS, Path::new("/opt/dotnet"));
        let printed = StartError::from_output(&format!("wrapper: starting\n{WORDS}")).unwrap();
        assert_eq!(printed, asked);
        for other in ["", "Framework: 'A', version '1.0.0' (x64)", INSTALL_OR_UPDATE] {
            assert_eq!(StartError::from_output(other), None, "{other}");
        }
    }

    #[test]
    fn looks_into_the_folders_when_the_words_say_nothing() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("shared/A/10.0.1")).unwrap();
        std::fs::create_dir_all(root.path().join("shared/A/9.0.7")).unwrap();
        let error = of(0x8000_8096, "Framework: 'A', version '8.0.0' (x64)", root.path());
        assert_eq!(error.cause(), "A 8.0.0 is not installed; installed is 9.0.7, 10.0.1.");
        let none = of(0x8000_8096, "", root.path());
        assert_eq!(
            none.cause(),
            "A framework that the app wants is not installed, nor is any other version of it."
        );
    }

    #[test]
    fn classifies_the_rest() {
        let root = Path::new("/");
        assert_eq!(of(0x8000_8083, "x", root).sub_status(), 32);
        let config = of(0x8000_8093, "words\n", root);
        assert_eq!((config.sub_status(), config.detail().as_str()), (30, "words"));
        assert!(config.cause().ends_with("is invalid (0x80008093 InvalidConfigFile)."), "{}", config.cause());
        let words = "A JSON parsing exception occurred in [/srv/App.deps.json], offset 14 (line 2, column 1): Invalid \
            value.\nError initializing the dependency resolver: An error occurred while parsing: /srv/App.deps.json\n";
        let manifest = of(0x8000_808b, words, root);
        assert_eq!(manifest.cause(), "/srv/App.deps.json:2:1: the file is not valid JSON: Invalid value.");
        assert_eq!((manifest.sub_status(), manifest.cure().contains("mend the file")), (30, true));
        let unknown = of(0x8000_ffff, "", root);
        assert!(unknown.cause().contains("0x8000ffff"), "{}", unknown.cause());
    }
}
