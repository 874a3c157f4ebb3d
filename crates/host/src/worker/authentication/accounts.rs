//! The groups of accounts, remembered for a moment: with Kerberos each request signs in anew, and the system's name service
//! may be one in the network.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mews_process::accounts;

/// How long a change of somebody's groups may go unnoticed.
const KEPT: Duration = Duration::from_secs(60);
/// Accounts that are remembered.
const MOST: usize = 4096;

type Groups = Arc<[String]>;

/// See the module's documentation.
pub(super) struct Accounts {
    look_up: fn(&str) -> Vec<String>,
    known: Mutex<HashMap<String, (Instant, Groups)>>,
}

impl Default for Accounts {
    /// Those of the system's name service.
    fn default() -> Self {
        Self { look_up: accounts::groups, known: Mutex::default() }
    }
}

impl Accounts {
    /// The names of an account's groups. May block.
    pub(super) fn groups(&self, account: &str) -> Groups {
        let now = Instant::now();
        self.known_at(account, now).unwrap_or_else(|| {
            let groups: Groups = (self.look_up)(account).into();
            self.keep(account, &groups, now);
            groups
        })
    }

    /// The same as far as it is known. Does not block.
    pub(super) fn known(&self, account: &str) -> Option<Groups> {
        self.known_at(account, Instant::now())
    }

    fn known_at(&self, account: &str, now: Instant) -> Option<Groups> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, groups) = known.get(account)?;
        (now.saturating_duration_since(*since) < KEPT).then(|| Arc::clone(groups))
    }

    fn keep(&self, account: &str, groups: &Groups, now: Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, (since, _)| now.saturating_duration_since(*since) < KEPT);
        }
        if known.len() < MOST {
            known.insert(account.to_owned(), (now, Arc::clone(groups)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts { look_up: |account| vec![format!("{account}s")], known: Mutex::default() }
    }

    #[test]
    fn groups_are_known_for_a_moment() {
        let accounts = accounts();
        assert!(accounts.known("clerk").is_none());
        assert_eq!(&*accounts.groups("clerk"), ["clerks"]);
        let now = Instant::now();
        accounts.keep("clerk", &Arc::from(["former".to_owned()]), now);
        assert_eq!(&*accounts.groups("clerk"), ["former"]);
        assert!(accounts.known_at("clerk", now + KEPT - Duration::from_millis(1)).is_some());
        assert!(accounts.known_at("clerk", now + KEPT).is_none());
    }

    #[test]
    fn many_accounts_take_no_more_memory() {
        let accounts = accounts();
        let now = Instant::now();
        let groups: Groups = Arc::from([]);
        let count = || accounts.known.lock().unwrap().len();
        for at in 0..MOST + 10 {
            accounts.keep(&at.to_string(), &groups, now);
        }
        assert_eq!(count(), MOST);
        // Whoever is not remembered is looked up all the same, and takes the place of those of before.
        assert_eq!(&*accounts.groups("one more"), ["one mores"]);
        accounts.keep("later", &groups, now + KEPT);
        assert_eq!(count(), 1);
    }
}
