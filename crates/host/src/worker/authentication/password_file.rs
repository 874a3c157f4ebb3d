//! A file of users with their password hashes: `user:$argon2id$…`, and after another colon perhaps groups, with commas.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordVerifier as _};
use mews_server::authentication::Denied;

/// Larger files are no password files.
const MOST_BYTES: u64 = 4 << 20;
/// Checked in place of the hash of somebody unknown, so that the time taken tells nobody who is known.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGF0IGFsbA$mjUcbv0ZzQk8mQvKZrkIFrVtOHPZgWWvL9Jj0Wdlx7g";

/// See the module's documentation. Read again when it has changed.
pub(super) struct PasswordFile {
    path: PathBuf,
    read: Mutex<Option<(SystemTime, Arc<Users>)>>,
}

type Users = HashMap<String, User>;

#[derive(Debug, PartialEq, Eq)]
struct User {
    hash: String,
    groups: Vec<String>,
}

impl PasswordFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, read: Mutex::default() }
    }

    /// Whether it can be used.
    pub(super) fn check(&self) -> Result<(), String> {
        self.users().map(|_| ())
    }

    /// The user's groups, if the password is right.
    pub(super) fn verify(&self, user: &str, password: &str) -> Result<Vec<String>, Denied> {
        let users = self.users().map_err(|reason| Denied { reason, unavailable: true })?;
        let known = users.get(user);
        let hash = known.map_or(NOBODY, |known| known.hash.as_str());
        let right = PasswordHash::new(hash)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        match known {
            Some(known) if right => Ok(known.groups.clone()),
            _ => Err(Denied { reason: "name or password is wrong".to_owned(), unavailable: false }),
        }
    }

    fn users(&self) -> Result<Arc<Users>, String> {
        let wrong =
            |problem: String| format!("the password file {} cannot be used: {problem}", self.path.display());
        let metadata = fs::metadata(&self.path).map_err(|error| wrong(error.to_string()))?;
        let modified = metadata.modified().map_err(|error| wrong(error.to_string()))?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, users)) = &*read
            && *when == modified
        {
            return Ok(users.clone());
        }
        if metadata.len() > MOST_BYTES {
            return Err(wrong(format!("it is larger than {MOST_BYTES} bytes")));
        }
        let text = fs::read_to_string(&self.path).map_err(|error| wrong(error.to_string()))?;
        let users = Arc::new(parse(&text).map_err(wrong)?);
        *read = Some((modified, users.clone()));
        Ok(users)
    }
}

fn parse(text: &str) -> Result<Users, String> {
    let mut users = Users::new();
    for (index, line) in text.lines().enumerate() {
        let (number, line) = (index + 1, line.trim());
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut parts = line.split(':');
        let (Some(name), Some(hash)) = (parts.next().filter(|name| !name.is_empty()), parts.next()) else {
            return Err(format!("line {number}: expected user:hash, or user:hash:group,group"));
        };
        let usable = PasswordHash::new(hash).is_ok_and(|hash| hash.algorithm.as_str().starts_with("argon2"));
        if !usable {
            return Err(format!(
                "line {number}: the hash of '{name}' is none of Argon2; make one with `argon2` of the package argon2, as in \
                 echo -n PASSWORD | argon2 \"$(openssl rand -hex 8)\" -id -e"
            ));
        }
        let groups = parts.next().unwrap_or_default();
        let groups =
            groups.split(',').map(str::trim).filter(|group| !group.is_empty()).map(str::to_owned).collect();
        if users.insert(name.to_owned(), User { hash: hash.to_owned(), groups }).is_some() {
            return Err(format!("line {number}: '{name}' is there twice"));
        }
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::{PasswordHasher as _, SaltString};

    use super::*;

    fn hash(password: &str) -> String {
        let salt = SaltString::encode_b64(b"salt of a test").unwrap();
        Argon2::default().hash_password(password.as_bytes(), &salt).unwrap().to_string()
    }

    #[test]
    fn passwords_are_checked_and_the_file_is_read_again() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("users");
        fs::write(&path, format!("# users\n\nanna:{}:staff, admins\n", hash("secret"))).unwrap();
        let file = PasswordFile::new(path.clone());
        assert_eq!(file.verify("anna", "secret").unwrap(), ["staff", "admins"]);
        assert!(!file.verify("anna", "Secret").unwrap_err().unavailable);
        assert!(!file.verify("otto", "secret").unwrap_err().unavailable);
        fs::remove_file(&path).unwrap();
        assert!(file.verify("anna", "secret").unwrap_err().unavailable);
        assert!(PasswordHash::new(NOBODY).is_ok(), "what stands in can be checked");
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let good = hash("x");
        for (text, problem) in [
            ("anna".to_owned(), "line 1: expected user:hash"),
            ("\nanna:plain".to_owned(), "line 2: the hash of 'anna' is none of Argon2"),
            (format!("a:{good}\na:{good}"), "line 2: 'a' is there twice"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.starts_with(problem), "{error}");
        }
    }
}
