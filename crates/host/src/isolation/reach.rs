//! Whether a user can get to an app's folder and read what a start reads.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use mews_model::{Failure, StatusCode};
use mews_process::identity::Identity;

/// Where a user gets no further.
#[derive(Debug, PartialEq, Eq)]
struct Barred {
    place: PathBuf,
    right: &'static str,
    mode: &'static str,
}

/// Looks at the way to the folder, and at the files in it.
///
/// # Errors
/// With the first part of the path that stands in the way.
pub(super) fn check(identity: &Identity, folder: &Path) -> Result<(), Box<Failure>> {
    // If nobody can act so, the start itself will say more.
    let barred = identity.acting(|| barred(folder)).unwrap_or_default();
    let Some(Barred { place, right, mode }) = barred else { return Ok(()) };
    let (user, place, folder) = (identity.name(), place.display(), folder.display());
    let cause = format!("The pool's user '{user}' cannot {right} {place}, which the app in {folder} needs.");
    let cure = format!(
        "Let it: setfacl -m u:{user}:{mode} {place}, or chmod o+{mode} {place}; or name another user."
    );
    Err(Box::new(Failure::new(StatusCode::START_FAILED, cause).with_cure(cure)))
}

fn barred(folder: &Path) -> Option<Barred> {
    let denied =
        |result: io::Result<()>| result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
    let mut way: Vec<&Path> = folder.ancestors().collect();
    way.reverse();
    for place in way {
        // What is in it can be asked about only by who may enter it.
        if denied(fs::metadata(place.join(".")).map(drop)) {
            return Some(Barred { place: place.to_owned(), right: "enter", mode: "x" });
        }
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Some(Barred { place: folder.to_owned(), right: "read", mode: "rx" });
        }
        Err(_) => return None,
    };
    let needed = |path: &PathBuf| {
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        matches!(end.to_ascii_lowercase().as_str(), "dll" | "json" | "config")
    };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(needed)
        .find(|path| denied(File::open(path).map(drop)))
        .map(|place| Barred { place, right: "read", mode: "r" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_stands_in_the_way_is_named() {
        let nobody = Identity::find("nobody", None).unwrap();
        if nobody.attainable().is_err() {
            eprintln!("not root: what another user can read was not tested");
            return;
        }
        let scratch = tempfile::tempdir_in("/var/tmp").unwrap();
        let root = scratch.path().canonicalize().unwrap();
        let (outer, app) = (root.join("outer"), root.join("outer/app"));
        let dll = app.join("Shop.dll");
        fs::create_dir_all(&app).unwrap();
        fs::write(&dll, "").unwrap();
        let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        allow(&root, 0o755);
        for path in [&outer, &app] {
            allow(path, 0o755);
        }
        allow(&dll, 0o644);
        check(&nobody, &app).unwrap();
        for (path, mode, text) in [
            (&dll, 0o600, format!("cannot read {}", dll.display())),
            (&app, 0o711, format!("cannot read {}", app.display())),
            (&app, 0o744, format!("cannot enter {}", app.display())),
            (&outer, 0o700, format!("cannot enter {}", outer.display())),
        ] {
            allow(path, mode);
            let failure = check(&nobody, &app).unwrap_err();
            assert!(failure.cause.contains(&text), "{failure:?}");
            assert!(failure.cure.contains("setfacl") && failure.cure.contains("nobody"), "{failure:?}");
        }
        check(&nobody, &root.join("gone")).unwrap();
    }
}
