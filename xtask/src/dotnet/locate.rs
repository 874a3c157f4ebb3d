//! Finding an installed .NET in the places where Mews itself looks. Runs nothing: the folders tell what is there.

use super::LOWEST_MAJOR;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A .NET root that can host ASP.NET Core apps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dotnet {
    /// The folder that holds `dotnet`, `host/` and `shared/`.
    pub(crate) root: PathBuf,
    /// The highest version of `Microsoft.AspNetCore.App` in it.
    pub(crate) aspnet: String,
}

/// Every place that was looked at, in the order of preference.
#[derive(Default)]
pub(crate) struct Search {
    places: Vec<Place>,
}

struct Place {
    /// How the place was come by: `DOTNET_ROOT`, `PATH`, ...
    source: &'static str,
    root: PathBuf,
    aspnet: Option<String>,
    sdk: Option<String>,
}

impl Search {
    /// The first root with a suitable runtime.
    pub(crate) fn best_runtime(&self) -> Option<Dotnet> {
        self.places.iter().find_map(|place| {
            let aspnet = place.aspnet.clone().filter(|version| suitable(version))?;
            Some(Dotnet { root: place.root.clone(), aspnet })
        })
    }

    /// The first root with a suitable SDK: its `dotnet` and the SDK's version.
    pub(crate) fn best_sdk(&self) -> Option<(PathBuf, String)> {
        self.places.iter().find_map(|place| {
            let version = place.sdk.clone().filter(|version| suitable(version))?;
            Some((place.root.join("dotnet"), version))
        })
    }

    /// What was found where, for the reader of a failure.
    pub(crate) fn story(&self) -> String {
        let mut text = String::new();
        for place in &self.places {
            let Place { source, root, aspnet, sdk } = place;
            let word = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".to_owned());
            let root = root.display();
            let _ = writeln!(text, "  {source}: {root}: ASP.NET Core {}, SDK {}", word(aspnet), word(sdk));
        }
        if text.is_empty() {
            text.push_str("  (nothing that looks like .NET in DOTNET_ROOT, PATH or the usual folders)\n");
        }
        let _ = write!(
            text,
            "  wanted: .NET {LOWEST_MAJOR} or later with ASP.NET Core. Install the .NET SDK from your distribution's packages \
             (for example dotnet-sdk-{LOWEST_MAJOR}.0), or set DOTNET_ROOT to the folder that holds `dotnet`."
        );
        text
    }
}

/// Looks in `DOTNET_ROOT`, `PATH`, the registered location and the usual folders.
pub(crate) fn search() -> Search {
    let mut candidates: Vec<(&'static str, PathBuf)> = Vec::new();
    if let Some(root) = std::env::var_os("DOTNET_ROOT").filter(|root| !root.is_empty()) {
        candidates.push(("DOTNET_ROOT", root.into()));
    }
    if let Some(muxer) = crate::command::on_path("dotnet")
        && let Ok(real) = muxer.canonicalize()
        && let Some(folder) = real.parent()
    {
        candidates.push(("PATH", folder.to_path_buf()));
    }
    for file in ["/etc/dotnet/install_location_x64", "/etc/dotnet/install_location"] {
        if let Ok(text) = std::fs::read_to_string(file)
            && let Some(line) = text.lines().map(str::trim).find(|line| !line.is_empty())
        {
            candidates.push(("/etc/dotnet/install_location", line.into()));
        }
    }
    candidates.push(("usual folder", "/usr/share/dotnet".into()));
    candidates.push(("usual folder", "/usr/lib/dotnet".into()));
    if let Some(home) = std::env::var_os("HOME") {
        candidates.push(("usual folder", Path::new(&home).join(".dotnet")));
    }
    from_candidates(candidates)
}

fn from_candidates(candidates: Vec<(&'static str, PathBuf)>) -> Search {
    let mut search = Search::default();
    for (source, folder) in candidates {
        let Ok(root) = folder.canonicalize() else { continue };
        if !root.join("host/fxr").is_dir() || search.places.iter().any(|place| place.root == root) {
            continue;
        }
        let aspnet = highest(&root.join("shared/Microsoft.AspNetCore.App"), "Microsoft.AspNetCore.dll");
        let sdk = highest(&root.join("sdk"), "dotnet.dll");
        search.places.push(Place { source, root, aspnet, sdk });
    }
    search
}

/// The runtime in exactly this root, if it is a suitable one.
pub(crate) fn inspect(root: &Path) -> Option<Dotnet> {
    from_candidates(vec![("", root.to_path_buf())]).best_runtime()
}

/// The highest version folder of `folder` that contains `witness`.
fn highest(folder: &Path, witness: &str) -> Option<String> {
    let entries = std::fs::read_dir(folder).ok()?;
    let versions = entries.flatten().filter(|entry| entry.path().join(witness).is_file());
    let names = versions.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| order(name).is_some()).max_by_key(|name| order(name))
}

fn suitable(version: &str) -> bool {
    order(version).is_some_and(|(major, ..)| major >= LOWEST_MAJOR)
}

/// Sorts versions: numbers first, and a prerelease below its release.
fn order(version: &str) -> Option<(u32, u32, u32, bool, String)> {
    let (numbers, prerelease) = version.split_once('-').map_or((version, ""), |(a, b)| (a, b));
    let mut parts = numbers.split('.').map(|part| part.parse::<u32>().ok());
    let major = parts.next()??;
    let minor = parts.next().flatten().unwrap_or(0);
    let patch = parts.next().flatten().unwrap_or(0);
    Some((major, minor, patch, prerelease.is_empty(), prerelease.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(file: &Path) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
    }

    fn root_with(aspnet: &[&str], sdk: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("host/fxr/9.0.0")).unwrap();
        for version in aspnet {
            let folder = dir.path().join("shared/Microsoft.AspNetCore.App").join(version);
            touch(&folder.join("Microsoft.AspNetCore.dll"));
        }
        for version in sdk {
            touch(&dir.path().join("sdk").join(version).join("dotnet.dll"));
        }
        dir
    }

    #[test]
    fn the_highest_version_counts_as_a_number() {
        let dir = root_with(&["9.0.9", "10.0.1", "10.0.1-rc.1", "8.0.0"], &[]);
        assert_eq!(inspect(dir.path()).unwrap().aspnet, "10.0.1");
    }

    #[test]
    fn an_old_runtime_is_passed_over_but_told() {
        let old = root_with(&["8.0.4"], &["8.0.100"]);
        let new = root_with(&["9.0.1"], &[]);
        let search = from_candidates(vec![("first", old.path().into()), ("second", new.path().into())]);
        assert_eq!(search.best_runtime().unwrap().aspnet, "9.0.1");
        assert_eq!(search.best_sdk(), None);
        let story = search.story();
        assert!(story.contains("first:") && story.contains("ASP.NET Core 8.0.4, SDK 8.0.100"), "{story}");
    }

    #[test]
    fn a_runtime_and_an_sdk_may_come_from_different_roots() {
        let runtime = root_with(&["9.0.1"], &[]);
        let sdk = root_with(&[], &["9.0.302"]);
        let search = from_candidates(vec![("a", runtime.path().into()), ("b", sdk.path().into())]);
        assert_eq!(search.best_sdk().unwrap().1, "9.0.302");
        assert!(search.best_runtime().is_some());
    }

    #[test]
    fn a_folder_without_the_witness_file_is_no_framework() {
        let dir = root_with(&[], &[]);
        std::fs::create_dir_all(dir.path().join("shared/Microsoft.AspNetCore.App/9.0.0")).unwrap();
        assert_eq!(inspect(dir.path()), None);
    }
}
