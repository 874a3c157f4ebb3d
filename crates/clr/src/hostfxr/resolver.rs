//! Finds a .NET installation: a folder that holds `host/fxr/<version>/libhostfxr.so`.
//!
//! It asks only the environment it is given and the file system; it starts no process.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use super::elf::{self, Executable, MACHINE};
use super::version::Version;

/// The library that hosts the runtime.
pub(crate) const LIBRARY: &str = "libhostfxr.so";

/// What the search depends on.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `DOTNET_ROOT_X64` or `DOTNET_ROOT_ARM64`, that of this process's machine.
    pub dotnet_root_of_machine: Option<OsString>,
    /// `DOTNET_ROOT`.
    pub dotnet_root: Option<OsString>,
    /// `PATH`.
    pub path: Option<OsString>,
    /// `HOME`.
    pub home: Option<OsString>,
    /// Where `install_location` files lie; `/etc/dotnet`.
    pub install_locations: PathBuf,
    /// Where packages put .NET; `/usr/share/dotnet` and `/usr/lib/dotnet`.
    pub usual: Vec<PathBuf>,
}

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            dotnet_root_of_machine: std::env::var_os(format!("DOTNET_ROOT_{}", MACHINE.to_uppercase())),
            dotnet_root: std::env::var_os("DOTNET_ROOT"),
            path: std::env::var_os("PATH"),
            home: std::env::var_os("HOME"),
            install_locations: PathBuf::from("/etc/dotnet"),
            usual: vec![PathBuf::from("/usr/share/dotnet"), PathBuf::from("/usr/lib/dotnet")],
        }
    }
}

/// A .NET installation, or the folder of a self-contained app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The folder with `host/` and `shared/`; for a self-contained app its own folder.
    pub root: PathBuf,
    /// Full path of `libhostfxr.so`.
    pub hostfxr: PathBuf,
    /// The version of hostfxr; `None` for a self-contained app, whose folder does not say.
    pub version: Option<Version>,
    /// What led here, for a log line: `DOTNET_ROOT`, `PATH`…
    pub found_by: String,
}

/// One place that was looked at in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// What named the place: `DOTNET_ROOT`, `PATH`…
    pub by: String,
    /// The folder or file, if one was named.
    pub path: Option<PathBuf>,
    /// Why it is not one.
    pub why: String,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{} ({}): {}", self.by, path.display(), self.why),
            None => write!(f, "{}: {}", self.by, self.why),
        }
    }
}

/// No usable installation was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no usable .NET installation for {MACHINE} was found")]
pub struct ResolveError {
    /// Every place tried, in order.
    pub tried: Vec<Tried>,
    /// A `libhostfxr.so` was there, but for another machine.
    pub foreign: bool,
}

impl ResolveError {
    /// What the user can do.
    #[must_use]
    pub fn cure(&self) -> String {
        if self.foreign {
            format!(
                "Install the {MACHINE} build of the ASP.NET Core runtime, or set DOTNET_ROOT to where it is."
            )
        } else if let Some(set) =
            self.tried.iter().find(|tried| tried.by.starts_with("DOTNET_ROOT") && tried.path.is_some())
        {
            format!(
                "Install the ASP.NET Core runtime, or mend {}, which is no installation ({}).",
                set.by, set.why
            )
        } else {
            "Install the ASP.NET Core runtime, or set DOTNET_ROOT to the folder of an installation \
             (the one that holds `host/fxr`)."
                .to_owned()
        }
    }
}

/// Why one folder is not an installation.
struct Refused {
    why: String,
    foreign: bool,
}

/// Finds the installation to use. `named` is a `dotnet` executable that the configuration names by path; then
/// only its folder counts.
///
/// # Errors
/// Lists every place tried and why it was not taken.
pub fn resolve(environment: &Environment, named: Option<&Path>) -> Result<Installation, ResolveError> {
    let mut tried = Vec::new();
    let mut foreign = false;
    for (by, place) in places(environment, named) {
        let (path, refused) = match place {
            Ok(root) => match look_into(&root) {
                Ok((version, hostfxr)) => {
                    return Ok(Installation { root, hostfxr, version: Some(version), found_by: by });
                }
                Err(refused) => (Some(root), refused),
            },
            Err((path, why)) => (path, Refused { why, foreign: false }),
        };
        foreign |= refused.foreign;
        tried.push(Tried { by, path, why: refused.why });
    }
    Err(ResolveError { tried, foreign })
}

/// The installation that a self-contained app brings along in its own folder.
///
/// # Errors
/// The folder holds no `libhostfxr.so`, or one for another machine.
pub fn self_contained(folder: &Path) -> Result<Installation, ResolveError> {
    let hostfxr = folder.join(LIBRARY);
    let found_by = "the self-contained app".to_owned();
    match check(&hostfxr) {
        Ok(()) => Ok(Installation { root: folder.to_owned(), hostfxr, version: None, found_by }),
        Err(Refused { why, foreign }) => {
            Err(ResolveError { tried: vec![Tried { by: found_by, path: Some(hostfxr), why }], foreign })
        }
    }
}

type Place = (String, Result<PathBuf, (Option<PathBuf>, String)>);

/// The folders to look into, in order, or why a place names none.
fn places(environment: &Environment, named: Option<&Path>) -> Vec<Place> {
    let unset = |why: &str| Err((None, why.to_owned()));
    if let Some(named) = named {
        return vec![("processPath".to_owned(), folder_of(named))];
    }
    let variable = |value: &Option<OsString>| match value.as_deref() {
        None => unset("not set"),
        Some(value) if value.is_empty() => unset("empty"),
        Some(value) => Ok(PathBuf::from(value)),
    };
    let mut places = Vec::new();
    if environment.dotnet_root_of_machine.is_some() {
        let name = format!("DOTNET_ROOT_{}", MACHINE.to_uppercase());
        places.push((name, variable(&environment.dotnet_root_of_machine)));
    }
    places.push(("DOTNET_ROOT".to_owned(), variable(&environment.dotnet_root)));
    places.push(("`dotnet` on PATH".to_owned(), on_path(environment.path.as_deref())));
    for file in [format!("install_location_{MACHINE}"), "install_location".to_owned()] {
        let path = environment.install_locations.join(file);
        places.push((path.display().to_string(), read_location(&path)));
    }
    places.extend(environment.usual.iter().map(|path| ("usual place".to_owned(), Ok(path.clone()))));
    places.push((
        "home".to_owned(),
        match environment.home.as_deref().filter(|home| !home.is_empty()) {
            Some(home) => Ok(Path::new(home).join(".dotnet")),
            None => unset("HOME is not set"),
        },
    ));
    places
}

/// The folder that an executable lies in, links resolved.
fn folder_of(executable: &Path) -> Result<PathBuf, (Option<PathBuf>, String)> {
    match executable.canonicalize() {
        Ok(real) => match real.parent() {
            Some(folder) => Ok(folder.to_owned()),
            None => Err((Some(executable.to_owned()), "is not a file in a folder".to_owned())),
        },
        Err(error) => Err((Some(executable.to_owned()), plain(&error))),
    }
}

fn on_path(path: Option<&OsStr>) -> Result<PathBuf, (Option<PathBuf>, String)> {
    let Some(path) = path else { return Err((None, "PATH is not set".to_owned())) };
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("dotnet"))
        .find(|dotnet| dotnet.is_file())
        .map_or_else(|| Err((None, "no such program".to_owned())), |dotnet| folder_of(&dotnet))
}

/// The first line of an `install_location` file; an old form puts the machine's name and `=` before it.
fn read_location(file: &Path) -> Result<PathBuf, (Option<PathBuf>, String)> {
    let text = std::fs::read_to_string(file).map_err(|error| (None, plain(&error)))?;
    let own = format!("{MACHINE}=");
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line =
        lines().find_map(|line| line.strip_prefix(&own)).or_else(|| lines().find(|line| !line.contains('=')));
    match line {
        Some(line) if Path::new(line).is_absolute() => Ok(PathBuf::from(line)),
        Some(line) => Err((None, format!("holds `{line}`, which is not a full path"))),
        None => Err((None, "names no folder".to_owned())),
    }
}

/// The highest version of hostfxr in an installation.
fn look_into(root: &Path) -> Result<(Version, PathBuf), Refused> {
    let no = |why: String| Refused { why, foreign: false };
    let folder = root.join("host/fxr");
    let entries = std::fs::read_dir(&folder).map_err(|error| match root.is_dir() {
        true => no("has no folder `host/fxr`, so it is not a .NET installation".to_owned()),
        false => no(plain(&error)),
    })?;
    let mut found: Vec<Version> = entries
        .filter_map(|entry| Version::parse(entry.ok()?.file_name().to_str()?))
        .filter(|version| folder.join(version.to_string()).join(LIBRARY).is_file())
        .collect();
    found.sort();
    let Some(version) = found.pop() else {
        return Err(no(format!("`host/fxr` holds no version with {LIBRARY}")));
    };
    let hostfxr = folder.join(version.to_string()).join(LIBRARY);
    check(&hostfxr)?;
    Ok((version, hostfxr))
}

/// Whether a library is one that this process can load.
fn check(library: &Path) -> Result<(), Refused> {
    let refused = |why: String, foreign| Err(Refused { why, foreign });
    match elf::look(library) {
        Ok(Executable::Native) => Ok(()),
        Ok(Executable::Foreign(machine)) => {
            refused(format!("{LIBRARY} is for {machine}, this process is {MACHINE}"), true)
        }
        Ok(_) => refused(format!("{LIBRARY} is not a Linux library"), true),
        Err(error) => refused(format!("{LIBRARY}: {}", plain(&error)), false),
    }
}

/// An I/O error without the number that Rust adds.
pub(crate) fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "may not be read by this user".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::elf::samples;
    use super::*;
    use std::fs;

    fn install(root: &Path, version: &str, library: &[u8]) {
        let folder = root.join("host/fxr").join(version);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(LIBRARY), library).unwrap();
    }

    fn nothing(temp: &Path) -> Environment {
        Environment {
            install_locations: temp.join("etc"),
            usual: vec![temp.join("usual")],
            ..Environment::default()
        }
    }

    #[test]
    fn takes_the_highest_version() {
        let temp = tempfile::tempdir().unwrap();
        for version in ["8.0.20", "9.0.7", "9.0.10", "10.0.0-rc.1"] {
            install(temp.path(), version, &samples::native());
        }
        fs::create_dir_all(temp.path().join("host/fxr/11.0.0")).unwrap();
        fs::create_dir_all(temp.path().join("host/fxr/latest")).unwrap();
        let environment = Environment { dotnet_root: Some(temp.path().into()), ..nothing(temp.path()) };
        let found = resolve(&environment, None).unwrap();
        assert_eq!(found.version.unwrap().to_string(), "10.0.0-rc.1");
        assert_eq!((found.root.as_path(), found.found_by.as_str()), (temp.path(), "DOTNET_ROOT"));
    }

    #[test]
    fn keeps_the_order_of_places() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        let names = ["machine", "root", "path", "etc_machine", "etc_any", "usual", "home/.dotnet"];
        for name in names {
            install(&at(name), "9.0.7", &samples::native());
        }
        fs::create_dir_all(at("bin")).unwrap();
        fs::write(at("path/dotnet"), samples::native()).unwrap();
        std::os::unix::fs::symlink(at("path/dotnet"), at("bin/dotnet")).unwrap();
        fs::create_dir_all(at("etc")).unwrap();
        fs::write(
            at(&format!("etc/install_location_{MACHINE}")),
            format!("{}\n", at("etc_machine").display()),
        )
        .unwrap();
        fs::write(at("etc/install_location"), format!("{MACHINE}={}", at("etc_any").display())).unwrap();
        let environment = Environment {
            dotnet_root_of_machine: Some(at("machine").into()),
            dotnet_root: Some(at("root").into()),
            path: Some(format!("relative:{}", at("bin").display()).into()),
            home: Some(at("home").into()),
            ..nothing(temp.path())
        };
        for name in names {
            let found = resolve(&environment, None).unwrap();
            assert_eq!(found.root, at(name).canonicalize().unwrap());
            fs::remove_dir_all(at(name).join("host")).unwrap();
        }
        let error = resolve(&environment, None).unwrap_err();
        assert_eq!(error.tried.len(), names.len(), "{error:?}");
        assert!(error.tried.iter().all(|tried| tried.why.contains("host/fxr")), "{error:?}");
    }

    #[test]
    fn says_why_each_place_was_refused() {
        let temp = tempfile::tempdir().unwrap();
        let mut environment = nothing(temp.path());
        environment.dotnet_root = Some(temp.path().join("gone").into());
        let error = resolve(&environment, None).unwrap_err();
        let lines: Vec<String> = error.tried.iter().map(Tried::to_string).collect();
        assert!(
            lines[0].starts_with("DOTNET_ROOT (") && lines[0].ends_with("gone): does not exist"),
            "{lines:?}"
        );
        assert!(lines.iter().any(|line| line == "`dotnet` on PATH: PATH is not set"), "{lines:?}");
        assert!(
            !error.foreign
                && error.cure().contains("mend DOTNET_ROOT, which is no installation (does not exist)")
        );
    }

    #[test]
    fn a_library_for_another_machine_is_told_apart() {
        let temp = tempfile::tempdir().unwrap();
        install(temp.path(), "9.0.7", &samples::foreign());
        let environment = Environment { dotnet_root: Some(temp.path().into()), ..nothing(temp.path()) };
        let error = resolve(&environment, None).unwrap_err();
        assert!(error.foreign, "{error:?}");
        fs::write(temp.path().join(LIBRARY), samples::foreign()).unwrap();
        assert!(self_contained(temp.path()).unwrap_err().foreign);
        fs::write(temp.path().join(LIBRARY), samples::native()).unwrap();
        assert_eq!(self_contained(temp.path()).unwrap().hostfxr, temp.path().join(LIBRARY));
    }

    #[test]
    fn a_named_dotnet_is_the_only_place() {
        let temp = tempfile::tempdir().unwrap();
        install(temp.path(), "9.0.7", &samples::native());
        let environment = Environment { dotnet_root: Some(temp.path().into()), ..nothing(temp.path()) };
        let error = resolve(&environment, Some(&temp.path().join("dotnet"))).unwrap_err();
        assert_eq!(error.tried.len(), 1);
        fs::write(temp.path().join("dotnet"), b"").unwrap();
        let found = resolve(&environment, Some(&temp.path().join("dotnet"))).unwrap();
        assert_eq!(found.found_by, "processPath");
    }
}
