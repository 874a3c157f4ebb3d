//! The variables that belong to a user, and a home for an app that has none.
//!
//! ASP.NET Core keeps the keys of data protection (which cookies are signed with) below `HOME`, and only in memory where
//! there is no usable `HOME`: every restart then signs everybody out. A service's user often has none.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use mews_model::environment::Inherited;
use mews_process::identity::Identity;

use super::state;

/// Inherited variables that are of no use to another user, or that lead into a home it cannot enter.
pub(super) const PERSONAL: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "MAIL",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "DBUS_SESSION_BUS_ADDRESS",
    // ASP.NET Core writes each new key there first.
    "TMPDIR",
];
/// Where ASP.NET Core keeps keys below a home.
const KEYS: [&str; 2] = [".aspnet", "DataProtection-Keys"];
/// Set by an app's operator to keep the keys elsewhere; both come before `HOME`.
const ELSEWHERE: [&str; 2] = ["LOCALAPPDATA", "USERPROFILE"];

/// What was chosen.
#[derive(Debug, Default)]
pub(super) struct Home {
    /// `HOME`, if it is to be changed.
    pub(super) home: Option<String>,
    /// To be logged.
    pub(super) warning: Option<String>,
}

/// Chooses the home of a pool's processes. `foreign` is their user, if that is not us.
///
/// A home that works stays as it is. Otherwise it is the pool's private folder.
pub(super) fn choose(pool: &str, foreign: Option<&Identity>, inherited: &Inherited) -> Home {
    let own = || inherited.get("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let home = foreign.map_or_else(own, |user| Some(user.home().to_owned()));
    let text = |path: &Path| Some(path.to_string_lossy().into_owned());
    let problem = match &home {
        None => "HOME is not set".to_owned(),
        Some(home) => match acting(foreign, || usable(home)) {
            Ok(()) => return Home { home: foreign.and_then(|_| text(home)), warning: None },
            Err(error) => format!("HOME {} is of no use ({error})", home.display()),
        },
    };
    if ELSEWHERE.iter().any(|name| inherited.get(name).is_some()) {
        return Home::default();
    }
    match state::pool_folder(pool, foreign, inherited) {
        Ok(folder) => Home { home: text(&folder), warning: None },
        Err(error) => {
            let warning = format!(
                "{problem}, and there is no folder for the pool's state ({error}): ASP.NET Core forgets its data \
                 protection keys with each stop, and cookies with them"
            );
            Home { home: None, warning: Some(warning) }
        }
    }
}

/// What tells a user's processes who they are.
pub(super) fn account(foreign: Option<&Identity>) -> Vec<(String, String)> {
    let Some(user) = foreign else { return Vec::new() };
    let shell = user.shell().to_string_lossy();
    let pairs = [("USER", user.name()), ("LOGNAME", user.name()), ("SHELL", &shell)];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn acting<T: Send>(
    identity: Option<&Identity>,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    match identity {
        Some(identity) => identity.acting(work)?,
        None => work(),
    }
}

/// Whether keys can be kept there.
fn usable(home: &Path) -> io::Result<()> {
    if !home.is_absolute() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a full path"));
    }
    fs::read_dir(home)?;
    // Whatever of the folders is there already is what counts.
    let mut folder = home.to_owned();
    for part in KEYS {
        let next = folder.join(part);
        if !next.is_dir() {
            break;
        }
        folder = next;
    }
    // Neither permission bits nor `access` tell everything: lists of rights, read-only mounts, full quotas.
    let probe = folder.join(format!(".mews-{}", std::process::id()));
    match File::create_new(&probe) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    fs::remove_file(&probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inherited(pairs: &[(&str, &Path)]) -> Inherited {
        Inherited::new(
            pairs.iter().map(|(name, value)| ((*name).to_owned(), value.to_string_lossy().into_owned())),
        )
    }

    #[test]
    fn a_home_that_works_is_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let state = scratch.path().join("state");
        let chosen =
            choose("shop", None, &inherited(&[("HOME", scratch.path()), ("STATE_DIRECTORY", &state)]));
        assert!(chosen.home.is_none() && chosen.warning.is_none());
        assert!(!state.exists() && fs::read_dir(scratch.path()).unwrap().next().is_none());
    }

    #[test]
    fn one_that_does_not_is_replaced_by_the_pools_folder() {
        let scratch = tempfile::tempdir().unwrap();
        let state = scratch.path().canonicalize().unwrap();
        let folder = state.join("pools/shop");
        let gone = Path::new("/nonexistent");
        for home in [Some(gone), Some(Path::new("")), Some(Path::new("relative")), None] {
            let mut pairs = vec![("STATE_DIRECTORY", state.as_path())];
            pairs.extend(home.map(|home| ("HOME", home)));
            assert_eq!(choose("shop", None, &inherited(&pairs)).home.as_deref(), folder.to_str());
        }
        let elsewhere = inherited(&[("STATE_DIRECTORY", &state), ("LOCALAPPDATA", &state)]);
        assert!(choose("shop", None, &elsewhere).home.is_none());
    }

    #[test]
    fn a_users_own_home_counts_only_if_it_can_write_there() {
        let nobody = Identity::find("nobody", None).unwrap();
        if nobody.attainable().is_err() {
            eprintln!("not root: another user's home was not tested");
            return;
        }
        let scratch = tempfile::tempdir_in("/var/tmp").unwrap();
        let state = scratch.path().canonicalize().unwrap();
        fs::set_permissions(&state, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let chosen = choose("shop", Some(&nobody), &inherited(&[("STATE_DIRECTORY", &state)]));
        assert!(account(Some(&nobody)).contains(&("USER".to_owned(), "nobody".to_owned())));
        let home = chosen.home.unwrap();
        if !nobody.home().exists() {
            assert_eq!(home, state.join("pools/shop").to_str().unwrap());
        }
        nobody.acting(|| usable(Path::new(&home))).unwrap().unwrap();
    }
}
