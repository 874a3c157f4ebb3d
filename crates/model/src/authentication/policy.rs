//! Who may send requests to an app, and to the paths inside it for which something else counts.

use serde::{Deserialize, Serialize};

use super::access::Gate;
use super::schemes::Schemes;
use crate::routing::{Tree, split_target};
use crate::web_config::{Authentication, AuthorizationRule, Security};

/// Who may send requests to a path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// How users sign in.
    pub schemes: Schemes,
    /// `ipSecurity` and `access`.
    pub gate: Gate,
    /// `authorization`; empty when everybody is allowed.
    pub authorization: Vec<AuthorizationRule>,
}

impl Policy {
    /// What files ask for.
    pub fn of(enabled: &Authentication, security: &Security) -> Self {
        let rules = &security.authorization;
        let everybody = |rule: &AuthorizationRule| {
            rule.allow && rule.verbs.is_empty() && rule.users.iter().any(|user| user == "*")
        };
        let open = rules.iter().all(|rule| rule.allow) && rules.iter().any(everybody);
        Self {
            schemes: Schemes::of(enabled, security),
            gate: Gate { addresses: security.addresses.clone(), access: security.access },
            authorization: if open { Vec::new() } else { rules.clone() },
        }
    }

    /// Whether requests must be looked at.
    pub fn is_needed(&self) -> bool {
        !self.schemes.anonymous
            || self.schemes.any()
            || !self.gate.is_open()
            || !self.authorization.is_empty()
    }
}

/// Finds the part of an app that a request is for: paths are taken as `routing` takes them, so that no spelling leads past
/// a part.
#[derive(Clone, Debug)]
pub struct Parts(Tree);

impl Parts {
    /// The parts of an app below `base`, which is empty or begins with a slash.
    pub fn new<'p>(base: &str, paths: impl IntoIterator<Item = &'p str>) -> Self {
        let base = base.trim_end_matches('/');
        let inside = paths.into_iter().map(|path| format!("{base}/{path}"));
        Self(Tree::new(&std::iter::once("/".to_owned()).chain(inside).collect::<Vec<_>>()))
    }

    /// 0 for the app itself, or the number of the part, from 1 on, as they were given.
    pub fn find(&self, target: &[u8]) -> usize {
        self.0.find(split_target(target).path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_leads_past_a_part() {
        let parts = Parts::new("/shop/", ["admin", "admin/public", "a b"]);
        for (target, part) in [
            ("/shop/", 0),
            ("/shop/administration", 0),
            ("/shop/admin", 1),
            ("/shop/Admin/?x=/public", 1),
            ("/SHOP//admin/x", 1),
            ("/shop/%61dmin%2Fx", 1),
            ("/shop/x/../admin", 1),
            ("/shop/x\\..\\admin", 1),
            ("http://any.example/shop/admin/x", 1),
            ("/shop/admin/public/x", 2),
            ("/shop/admin/public/../x", 1),
            ("/shop/a%20b/c", 3),
            ("*", 0),
        ] {
            assert_eq!(parts.find(target.as_bytes()), part, "{target}");
        }
        assert_eq!(Parts::new("", []).find(b"/admin"), 0);
    }

    #[test]
    fn what_allows_everybody_needs_no_look() {
        let rule = |allow, users: &str| AuthorizationRule {
            allow,
            users: vec![users.to_owned()],
            roles: Vec::new(),
            verbs: Vec::new(),
        };
        let policy = |rules: &[AuthorizationRule]| {
            let security = Security { authorization: rules.to_vec(), ..Security::default() };
            Policy::of(&Authentication::default(), &security)
        };
        assert!(!policy(&[]).is_needed() && !policy(&[rule(true, "a"), rule(true, "*")]).is_needed());
        assert!(
            policy(&[rule(false, "a"), rule(true, "*")]).is_needed()
                && policy(&[rule(true, "a")]).is_needed()
        );
        let some = AuthorizationRule { verbs: vec!["GET".to_owned()], ..rule(true, "*") };
        assert!(policy(&[some]).is_needed());
    }
}
