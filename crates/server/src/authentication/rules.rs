//! What counts for which path of an app.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mews_model::authentication::{Parts, Policy};

/// What counts for a path.
pub(super) struct Rules {
    pub(super) policy: Policy,
    /// For whose requests a connection has proved who its client is: never 0, and not the same for other apps, nor for
    /// paths of one app that ask for different things.
    pub(super) owner: u64,
}

impl Rules {
    /// The domain of user names that have none.
    pub(super) fn domain(&self) -> &str {
        self.policy.schemes.basic.as_ref().map_or("", |basic| basic.default_logon_domain.as_str())
    }
}

/// What counts for an app.
pub(super) struct RulesOf {
    whole: Arc<Rules>,
    parts: Vec<Arc<Rules>>,
    paths: Parts,
}

impl RulesOf {
    pub(super) fn new(base: &str, whole: Policy, parts: Vec<(String, Policy)>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let paths = Parts::new(base, parts.iter().map(|(path, _)| path.as_str()));
        let new = || NEXT.fetch_add(1, Ordering::Relaxed);
        let whole = Arc::new(Rules { policy: whole, owner: new() });
        let mut all: Vec<Arc<Rules>> = Vec::with_capacity(parts.len());
        for (_, policy) in parts {
            let same = |rules: &&Arc<Rules>| rules.policy.schemes.windows == policy.schemes.windows;
            let known = std::iter::once(&whole).chain(&all).find(same).map(|rules| rules.owner);
            all.push(Arc::new(Rules { policy, owner: known.unwrap_or_else(new) }));
        }
        Self { whole, parts: all, paths }
    }

    /// What counts for a request.
    pub(super) fn find(&self, target: &[u8]) -> &Arc<Rules> {
        let part = self.paths.find(target).checked_sub(1).and_then(|part| self.parts.get(part));
        part.unwrap_or(&self.whole)
    }
}

#[cfg(test)]
mod tests {
    use mews_model::authentication::Schemes;
    use mews_model::web_config::{Authentication, Security, TokenChecking};

    use super::*;

    #[test]
    fn paths_share_a_user_that_ask_for_the_same() {
        let windows = |token_checking| {
            let enabled = Authentication { windows: Some(true), ..Authentication::default() };
            let mut security = Security::default();
            security.windows.token_checking = token_checking;
            Policy { schemes: Schemes::of(&enabled, &security), ..Policy::default() }
        };
        let (plain, bound) = (windows(TokenChecking::None), windows(TokenChecking::Require));
        let closed =
            Policy { schemes: Schemes { anonymous: false, ..plain.schemes.clone() }, ..Policy::default() };
        let parts = vec![("a".to_owned(), bound), ("b".to_owned(), closed)];
        let rules = RulesOf::new("/shop", plain.clone(), parts);
        let owner = |target: &str| rules.find(target.as_bytes()).owner;
        assert_eq!(owner("/shop/b/x"), owner("/shop/"));
        assert_ne!(owner("/shop/a"), owner("/shop/"));
        assert!(!rules.find(b"/shop/b").policy.schemes.anonymous);
        assert_ne!(RulesOf::new("/", plain, Vec::new()).find(b"/").owner, owner("/shop/"));
    }
}
