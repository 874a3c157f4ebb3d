//! As whom a process acts: a user of this system, with its groups.

use std::io;
use std::path::PathBuf;
use std::thread;

use nix::unistd::{Group, Uid, User, getgrouplist, setfsgid, setfsuid};
use rustix::process::{getegid, geteuid};
use rustix::thread::{CapabilitySet, capabilities, set_thread_groups};

/// A user, and the groups that it acts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    name: String,
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    home: PathBuf,
    shell: PathBuf,
}

/// Why nobody can act as a user.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is none of that name or number.
    #[error("there is no user '{0}' on this system; create it (useradd --system {0}) or name another")]
    UnknownUser(String),
    /// There is none of that name or number.
    #[error("there is no group '{0}' on this system; create it (groupadd --system {0}) or name another")]
    UnknownGroup(String),
    /// The system's user database does not answer.
    #[error("'{name}' cannot be looked up among the users and groups of this system: {source}")]
    Lookup {
        /// Whom we looked for.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// We are somebody else, and not privileged.
    #[error("only root can start processes as the user '{0}'; run mews as root, or leave the user out")]
    NotPrivileged(String),
}

impl Identity {
    /// Looks up a user by name or number, with all its groups; `group` takes the place of its own (primary) one.
    ///
    /// # Errors
    /// When there is no such user or group, or the user database does not answer.
    pub fn find(user: &str, group: Option<&str>) -> Result<Self, IdentityError> {
        let failed = |name: &str| {
            let name = name.to_owned();
            move |errno: nix::Error| IdentityError::Lookup { name, source: errno.into() }
        };
        let mut found = User::from_name(user).map_err(failed(user))?;
        if let (None, Ok(uid)) = (&found, user.parse()) {
            found = User::from_uid(Uid::from_raw(uid)).map_err(failed(user))?;
        }
        let found = found.ok_or_else(|| IdentityError::UnknownUser(user.to_owned()))?;
        let gid = match group {
            None => found.gid,
            Some(group) => {
                let mut named = Group::from_name(group).map_err(failed(group))?;
                if let (None, Ok(gid)) = (&named, group.parse::<u32>()) {
                    named = Group::from_gid(gid.into()).map_err(failed(group))?;
                }
                named.ok_or_else(|| IdentityError::UnknownGroup(group.to_owned()))?.gid
            }
        };
        // A name from the database holds no NUL; without groups it would only have fewer rights.
        let name = std::ffi::CString::new(found.name.as_str()).unwrap_or_default();
        let groups = getgrouplist(&name, gid).map_err(failed(user))?;
        Ok(Self {
            name: found.name,
            uid: found.uid.as_raw(),
            gid: gid.as_raw(),
            groups: groups.into_iter().map(nix::unistd::Gid::as_raw).collect(),
            home: found.dir,
            shell: found.shell,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The number of its primary group.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// The numbers of its groups.
    pub fn groups(&self) -> &[u32] {
        &self.groups
    }

    /// What the user database says is its home. It need not exist.
    pub fn home(&self) -> &std::path::Path {
        &self.home
    }

    /// What the user database says is its shell.
    pub fn shell(&self) -> &std::path::Path {
        &self.shell
    }

    /// Whether that is who we are.
    pub fn is_own(&self) -> bool {
        geteuid().as_raw() == self.uid && getegid().as_raw() == self.gid
    }

    /// Whether processes can be started as this user.
    ///
    /// # Errors
    /// When it is not us and we are not privileged.
    pub fn attainable(&self) -> Result<(), IdentityError> {
        let needed = CapabilitySet::SETUID | CapabilitySet::SETGID;
        if self.is_own() || capabilities(None).is_ok_and(|sets| sets.effective.contains(needed)) {
            return Ok(());
        }
        Err(IdentityError::NotPrivileged(self.name.clone()))
    }

    /// Does something with this user's rights to files, and nobody else's: on a thread of its own, since rights are a thread's.
    /// What that thread starts or opens keeps those rights.
    ///
    /// Only the rights to files are changed: were the thread the user's altogether, the user could send it signals.
    ///
    /// # Errors
    /// When we are not privileged, or no thread can be started.
    pub fn acting<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        if self.is_own() {
            return Ok(work());
        }
        thread::scope(|scope| {
            let work = || -> io::Result<T> {
                self.take_rights()?;
                Ok(work())
            };
            let thread = thread::Builder::new().name("acting".to_owned()).spawn_scoped(scope, work)?;
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn take_rights(&self) -> io::Result<()> {
        let groups: Vec<_> = self.groups.iter().map(|&gid| rustix::fs::Gid::from_raw(gid)).collect();
        set_thread_groups(&groups)?;
        let (uid, gid) = (Uid::from_raw(self.uid), nix::unistd::Gid::from_raw(self.gid));
        setfsgid(gid);
        setfsuid(uid);
        // These two answer what was before, and nothing else.
        if setfsuid(uid) != uid || setfsgid(gid) != gid {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    #[test]
    fn users_are_found_by_name_and_number() {
        let root = Identity::find("root", None).unwrap();
        assert_eq!((root.uid(), root.gid(), root.name()), (0, 0, "root"));
        assert_eq!(Identity::find("0", Some("0")).unwrap(), root);
        assert!(root.groups().contains(&0));
        let own = Identity::find(&geteuid().as_raw().to_string(), None).unwrap();
        own.attainable().unwrap();
        assert_eq!(own.acting(|| 7).unwrap(), 7);
    }

    #[test]
    fn who_is_unknown_is_named() {
        let error = Identity::find("no-such-user", None).unwrap_err().to_string();
        assert!(error.contains("no user 'no-such-user'") && error.contains("useradd"), "{error}");
        let error = Identity::find("4000111222", None).unwrap_err().to_string();
        assert!(error.contains("no user '4000111222'"), "{error}");
        let error = Identity::find("root", Some("no-such-group")).unwrap_err().to_string();
        assert!(error.contains("no group 'no-such-group'"), "{error}");
    }

    #[test]
    fn rights_are_those_of_the_user_and_only_on_that_thread() {
        let nobody = Identity::find("nobody", None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, "x").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        if nobody.attainable().is_err() {
            let error = nobody.acting(|| ()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            eprintln!("not root: what it may open was not tested");
            return;
        }
        let theirs = folder.path().join("theirs");
        let read = nobody.acting(|| {
            fs::write(&theirs, "y").unwrap();
            // A thread that it starts has the same rights.
            thread::spawn({
                let secret = secret.clone();
                move || fs::read(secret).unwrap_err().kind()
            })
            .join()
            .unwrap()
        });
        assert_eq!(read.unwrap(), io::ErrorKind::PermissionDenied);
        assert_eq!(fs::metadata(&theirs).unwrap().uid(), nobody.uid());
        assert_eq!(fs::read(&secret).unwrap(), b"x");
    }
}
