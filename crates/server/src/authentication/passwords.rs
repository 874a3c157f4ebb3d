//! The passwords that were right a moment ago: each request of Basic authentication brings its password along, and checking
//! one is made to be slow. Passwords are not kept, only a keyed hash of each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mews_model::authentication::Identity;
use sha2::{Digest as _, Sha256};

use crate::sync::lock;

/// How long a password is taken for right without asking again. IIS keeps its logons for 15 minutes.
const KEPT: Duration = Duration::from_secs(5 * 60);
const MOST: usize = 1024;

type Key = [u8; 32];

/// Name, password, and the domain of a name that has none.
type Said<'a> = (&'a str, &'a str, &'a str);

/// See the module's documentation.
pub(super) struct Passwords {
    /// Of this process alone.
    secret: Key,
    known: Mutex<HashMap<Key, (u64, Arc<Identity>)>>,
}

impl Passwords {
    pub(super) fn new() -> Self {
        let mut secret = [0; 32];
        // Without random numbers nothing is kept, as every key is checked against it.
        let filled = rustix::rand::getrandom(&mut secret, rustix::rand::GetRandomFlags::empty());
        if !filled.is_ok_and(|count| count == secret.len()) {
            tracing::warn!("the system has no random numbers; every password is checked anew");
            secret = [0; 32];
        }
        Self { secret, known: Mutex::default() }
    }

    fn key(&self, (user, password, domain): Said<'_>) -> Option<Key> {
        if self.secret == [0; 32] {
            return None;
        }
        let mut hash = Sha256::new();
        hash.update(self.secret);
        for text in [user, domain] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        hash.update(password);
        hash.update(self.secret);
        Some(hash.finalize().into())
    }

    /// Whom they stood for a moment ago; `now` is coarse.
    pub(super) fn find(&self, said: Said<'_>, now: u64) -> Option<Arc<Identity>> {
        let key = self.key(said)?;
        let mut known = lock(&self.known);
        match known.get(&key) {
            Some((until, identity)) if now < *until => Some(identity.clone()),
            Some(_) => {
                known.remove(&key);
                None
            }
            None => None,
        }
    }

    /// They are right.
    pub(super) fn keep(&self, said: Said<'_>, identity: &Arc<Identity>, now: u64) {
        let Some(key) = self.key(said) else { return };
        let mut known = lock(&self.known);
        if known.len() >= MOST {
            known.retain(|_, (until, _)| now < *until);
        }
        if known.len() < MOST {
            known.insert(key, (now + KEPT.as_millis() as u64, identity.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use mews_model::authentication::Scheme;

    use super::*;

    #[test]
    fn a_password_is_known_for_a_while() {
        let identity = Arc::new(Identity {
            scheme: Scheme::Basic,
            name: "a".to_owned(),
            aliases: Vec::new(),
            sid: None,
            groups: Vec::new(),
        });
        let passwords = Passwords::new();
        passwords.keep(("a", "bc", ""), &identity, 10);
        let end = 10 + KEPT.as_millis() as u64;
        assert!(passwords.find(("a", "bc", ""), end - 1).is_some());
        assert!(passwords.find(("ab", "c", ""), 11).is_none());
        assert!(passwords.find(("a", "bc", "d"), 11).is_none());
        assert!(passwords.find(("a", "bc", ""), end).is_none());
        assert!(passwords.find(("a", "bc", ""), 11).is_none(), "what is over stays so");
    }
}
