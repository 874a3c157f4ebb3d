//! Looks at a folder: which app does it hold?

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mews_model::Failure;
use mews_model::StatusCode;

/// What a path given on the command line stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A folder with a `web.config`, which says what to start.
    Configured {
        /// The file's full path.
        web_config: PathBuf,
    },
    /// One app, without a `web.config`.
    App {
        /// Its .dll, full path.
        dll: PathBuf,
    },
}

/// Problems with a folder are start failures of the app as well, when they appear later.
pub(super) type FolderError = Box<Failure>;

fn error(cause: impl Into<String>, cure: impl Into<String>) -> FolderError {
    Box::new(Failure::new(StatusCode::CANNOT_RESOLVE, cause).with_cure(cure))
}

/// A path from the command line as an absolute folder, and the app's .dll if the path names it. Links in the path of a folder
/// are kept.
pub(super) fn locate(path: &Path) -> Result<(PathBuf, Option<PathBuf>), FolderError> {
    let full = real(path)?;
    if full.is_dir() {
        let named = std::path::absolute(path).unwrap_or(full);
        return Ok((named, None));
    }
    let folder = full.parent().unwrap_or(Path::new("/")).to_path_buf();
    let extension = full.extension().and_then(|extension| extension.to_str()).unwrap_or("");
    if extension.eq_ignore_ascii_case("dll") {
        return Ok((folder, Some(full)));
    }
    let cure = format!("Name the folder ({}) or the app's .dll.", folder.display());
    Err(error(format!("'{}' is neither a folder nor a .dll.", path.display()), cure))
}

/// The folder that a path leads to now.
pub(super) fn follow(path: &Path) -> Result<PathBuf, FolderError> {
    let full = real(path)?;
    if full.is_dir() {
        return Ok(full);
    }
    let cure = "Name the folder that dotnet publish made; a link has to lead to one.";
    Err(error(format!("'{}' is not a folder.", path.display()), cure))
}

fn real(path: &Path) -> Result<PathBuf, FolderError> {
    let full = fs::canonicalize(path).map_err(|problem| match (problem.kind(), fs::read_link(path)) {
        (io::ErrorKind::NotFound, Ok(target)) => error(
            format!("'{}' is a link to {}, which is not there.", path.display(), target.display()),
            "Let the link lead to the folder that dotnet publish made.",
        ),
        (io::ErrorKind::NotFound, Err(_)) => error(
            format!("There is no '{}'.", path.display()),
            "Name the folder that dotnet publish made, or the app's .dll.",
        ),
        _ => error(format!("'{}' cannot be opened: {problem}.", path.display()), "Check its permissions."),
    })?;
    if full.to_str().is_none() {
        let cure = "Rename the folder: .NET only takes paths that are valid Unicode.";
        return Err(error(format!("The path '{}' is not valid UTF-8.", full.display()), cure));
    }
    Ok(full)
}

/// What a folder holds.
pub(super) fn look(folder: &Path) -> Result<Found, FolderError> {
    let names = names(folder)?;
    if let Some(name) = web_config(&names) {
        return Ok(Found::Configured { web_config: folder.join(name) });
    }
    let suffix = ".runtimeconfig.json";
    let mut apps: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(suffix)).collect();
    apps.sort_unstable();
    match apps.as_slice() {
        [] => Err(no_app(folder, &names)),
        [app] => {
            let dll = folder.join(format!("{app}.dll"));
            if !dll.is_file() {
                return Err(error(
                    format!("{app}{suffix} is there, but {app}.dll is missing in {}.", folder.display()),
                    "Publish the app again, and copy the whole folder.",
                ));
            }
            Ok(Found::App { dll })
        }
        several => Err(error(
            format!("There are {} apps in {}: {}.", several.len(), folder.display(), several.join(", ")),
            format!(
                "Choose one by its .dll, as in 'mews run {}'.",
                folder.join(format!("{}.dll", several[0])).display()
            ),
        )),
    }
}

/// File names in the folder; those that are not Unicode cannot be looked for, so they are left out.
fn names(folder: &Path) -> Result<Vec<String>, FolderError> {
    let read = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    };
    read().map_err(|problem| {
        error(
            format!("The folder {} cannot be read: {problem}.", folder.display()),
            "Check that it is there and readable.",
        )
    })
}

/// Files from Windows come in any case; the usual one is preferred.
fn web_config(names: &[String]) -> Option<&str> {
    let mut found = names.iter().filter(|name| name.eq_ignore_ascii_case("web.config"));
    let first = found.next()?;
    Some(if names.iter().any(|name| name == "web.config") { "web.config" } else { first })
}

fn no_app(folder: &Path, names: &[String]) -> FolderError {
    let project = names
        .iter()
        .find(|name| [".csproj", ".fsproj", ".vbproj"].iter().any(|extension| name.ends_with(extension)));
    let cause = match project {
        Some(project) => {
            format!("{} is a project folder ({project}), not a published app.", folder.display())
        }
        None => format!(
            "There is no app in {}: neither web.config nor a *.runtimeconfig.json was found.",
            folder.display()
        ),
    };
    let cure = match project {
        Some(_) => "Run 'dotnet publish -c Release -o out' there, then 'mews run out'.",
        None => "Name the folder that dotnet publish made.",
    };
    error(cause, cure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(folder.path().join(file), "{}").unwrap();
        }
        folder
    }

    fn cause(files: &[&str]) -> String {
        let folder = folder(files);
        let failure = look(folder.path()).unwrap_err();
        format!("{} {}", failure.cause, failure.cure)
    }

    #[test]
    fn what_is_found() {
        let both =
            folder(&["Web.config", "web.config", "Shop.runtimeconfig.json", "Other.runtimeconfig.json"]);
        let web_config = both.path().join("web.config");
        assert_eq!(look(both.path()).unwrap(), Found::Configured { web_config });
        let windows = folder(&["Web.Config"]);
        let web_config = windows.path().join("Web.Config");
        assert_eq!(look(windows.path()).unwrap(), Found::Configured { web_config });
        let plain = folder(&["Shop.runtimeconfig.json", "Shop.dll", "Lib.dll"]);
        assert_eq!(look(plain.path()).unwrap(), Found::App { dll: plain.path().join("Shop.dll") });
    }

    #[test]
    fn what_is_missing_is_said() {
        assert!(cause(&[]).contains("neither web.config nor a *.runtimeconfig.json"));
        assert!(cause(&["Shop.csproj"]).contains("dotnet publish"));
        assert!(cause(&["Shop.runtimeconfig.json"]).contains("Shop.dll is missing"));
        let two = cause(&["B.runtimeconfig.json", "A.runtimeconfig.json", "A.dll", "B.dll"]);
        assert!(two.contains("2 apps") && two.contains("A, B") && two.contains("A.dll'"), "{two}");
    }

    #[test]
    fn what_a_path_stands_for() {
        let folder = folder(&["Shop.dll", "Shop.exe"]);
        let root = folder.path().canonicalize().unwrap();
        assert_eq!(locate(folder.path()).unwrap(), (root.clone(), None));
        let dll = folder.path().join("Shop.dll");
        assert_eq!(locate(&dll).unwrap(), (root.clone(), Some(root.join("Shop.dll"))));
        assert!(locate(&folder.path().join("Shop.exe")).unwrap_err().cause.contains("neither"));
        assert!(locate(&folder.path().join("gone")).unwrap_err().cause.contains("There is no"));
        assert!(follow(&dll).unwrap_err().cause.contains("is not a folder"));
    }

    #[test]
    fn a_link_is_kept_and_followed_anew() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let current = root.join("current");
        for release in ["1", "2"] {
            fs::create_dir(root.join(release)).unwrap();
        }
        std::os::unix::fs::symlink("1", &current).unwrap();
        assert_eq!(locate(&current).unwrap(), (current.clone(), None));
        assert_eq!(follow(&current).unwrap(), root.join("1"));
        std::os::unix::fs::symlink("2", root.join("next")).unwrap();
        fs::rename(root.join("next"), &current).unwrap();
        assert_eq!(follow(&current).unwrap(), root.join("2"));
        fs::remove_dir(root.join("2")).unwrap();
        assert!(follow(&current).unwrap_err().cause.contains("is a link to 2, which is not there"));
    }
}
