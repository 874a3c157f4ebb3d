//! The private folder of a pool: what its processes keep there outlives them.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use mews_model::environment::Inherited;
use mews_process::identity::Identity;

/// Where a system service keeps what lasts.
const SYSTEM: &str = "/var/lib/mews";

/// Why there is no folder.
#[derive(Debug, thiserror::Error)]
pub(super) enum StateError {
    /// Nothing says where.
    #[error("set STATE_DIRECTORY, XDG_STATE_HOME or HOME to say where")]
    Nowhere,
    /// The system refused.
    #[error("{}: {source}", folder.display())]
    System {
        /// Of what.
        folder: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// It was another user's pool before.
    #[error(
        "{} belongs to user {owner} and not to {wanted}; give it away (chown -R {wanted} {0}), or remove it", .folder.display()
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// Its owner's number.
        owner: u32,
        /// The number of whom it should belong to.
        wanted: u32,
    },
}

/// Makes sure of the pool's folder, which only its user can enter.
pub(super) fn pool_folder(
    pool: &str,
    owner: Option<&Identity>,
    inherited: &Inherited,
) -> Result<PathBuf, StateError> {
    let privileged = rustix::process::geteuid().is_root();
    let root = root(inherited, privileged).ok_or(StateError::Nowhere)?;
    let pools = root.join("pools");
    make(&root, 0o755)?;
    make(&pools, 0o711)?;
    let folder = pools.join(folder_name(pool));
    let made = make(&folder, 0o700)?;
    let failed = |source| StateError::System { folder: folder.clone(), source };
    if let Some(owner) = owner.filter(|_| made) {
        chown(&folder, Some(owner.uid()), Some(owner.gid())).map_err(failed)?;
    }
    // Of the folder itself: whoever it belongs to could have put a link in its place only if the parent were its own.
    let about = fs::symlink_metadata(&folder).map_err(failed)?;
    let wanted = owner.map_or_else(|| rustix::process::geteuid().as_raw(), Identity::uid);
    if about.uid() == wanted && about.is_dir() {
        return Ok(folder);
    }
    Err(StateError::Foreign { folder, owner: about.uid(), wanted })
}

/// Where all pools have their folders: systemd's `StateDirectory`, the system's, or the user's own.
fn root(inherited: &Inherited, privileged: bool) -> Option<PathBuf> {
    let path = |name: &str| {
        let path = inherited.get(name)?.split(':').next().map(PathBuf::from)?;
        path.is_absolute().then_some(path)
    };
    if let Some(named) = path("STATE_DIRECTORY") {
        return Some(named);
    }
    if privileged {
        return Some(SYSTEM.into());
    }
    let state = path("XDG_STATE_HOME").or_else(|| Some(path("HOME")?.join(".local/state")))?;
    Some(state.join("mews"))
}

/// Makes a folder if it is missing; whether it was.
fn make(folder: &Path, mode: u32) -> Result<bool, StateError> {
    let build = |recursive| DirBuilder::new().recursive(recursive).mode(mode).create(folder);
    let failed = |source| StateError::System { folder: folder.to_owned(), source };
    if let Some(parent) = folder.parent().filter(|parent| !parent.exists()) {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    match build(false) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

/// Names of pools are compared without regard to case, and may hold anything.
fn folder_name(pool: &str) -> String {
    let plain = |byte: u8, first: bool| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || (byte == b'.' && !first)
    };
    let mut name = String::new();
    for byte in pool.to_ascii_lowercase().bytes() {
        if plain(byte, name.is_empty()) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02x}"));
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inherited(pairs: &[(&str, &str)]) -> Inherited {
        Inherited::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn where_the_folders_are() {
        let systemd = inherited(&[("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"), ("HOME", "/h")]);
        assert_eq!(root(&systemd, true).unwrap(), Path::new("/var/lib/a"));
        let user = inherited(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]);
        assert_eq!(root(&user, true).unwrap(), Path::new("/var/lib/mews"));
        assert_eq!(root(&user, false).unwrap(), Path::new("/s/mews"));
        assert_eq!(root(&inherited(&[("HOME", "/h")]), false).unwrap(), Path::new("/h/.local/state/mews"));
        assert_eq!(root(&inherited(&[("HOME", "")]), false), None);
    }

    #[test]
    fn names_of_pools_are_names_of_folders() {
        for (pool, name) in [
            ("Shop", "shop"),
            ("..", "%2e."),
            ("a/b c", "a%2fb%20c"),
            (".NET v4.5", "%2enet%20v4.5"),
            ("ä", "%c3%a4"),
        ] {
            assert_eq!(folder_name(pool), name);
        }
    }

    #[test]
    fn a_folder_is_private_and_of_its_pools_user() {
        let scratch = tempfile::tempdir().unwrap();
        let state = scratch.path().join("state");
        let inherited = inherited(&[("STATE_DIRECTORY", state.to_str().unwrap())]);
        let folder = pool_folder("Shop", None, &inherited).unwrap();
        assert_eq!(folder, state.join("pools/shop"));
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert_eq!(pool_folder("shop", None, &inherited).unwrap(), folder);
        let nobody = Identity::find("nobody", None).unwrap();
        let error = pool_folder("shop", Some(&nobody), &inherited).unwrap_err().to_string();
        assert!(error.contains("chown -R 65534") && error.contains("pools/shop"), "{error}");
        fs::remove_dir(&folder).unwrap();
        std::os::unix::fs::symlink("/", &folder).unwrap();
        assert!(matches!(pool_folder("shop", None, &inherited), Err(StateError::Foreign { .. })));
    }
}
