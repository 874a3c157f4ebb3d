//! The rules about users and roles.

use super::identity::Identity;
use crate::web_config::AuthorizationRule;

/// What the rules say of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may go on.
    Allowed,
    /// Not without signing in.
    SignIn,
    /// Not as this user.
    Forbidden,
}

/// Asks the rules as IIS does: those that deny first, wherever they stand, so that no file below can allow what one above
/// denies. Without rules everybody is allowed, and with rules of which none fits, nobody is.
pub fn authorize(rules: &[AuthorizationRule], user: Option<&Identity>, method: &str) -> Verdict {
    let says = |allow| rules.iter().any(|rule| rule.allow == allow && fits(rule, user, method));
    let allowed = rules.is_empty() || (!says(false) && says(true));
    match (allowed, user) {
        (true, _) => Verdict::Allowed,
        (false, None) => Verdict::SignIn,
        (false, Some(_)) => Verdict::Forbidden,
    }
}

fn fits(rule: &AuthorizationRule, user: Option<&Identity>, method: &str) -> bool {
    let verb = rule.verbs.is_empty() || rule.verbs.iter().any(|verb| verb.eq_ignore_ascii_case(method));
    let named = |name: &String| match (name.as_str(), user) {
        ("*", _) => true,
        ("?", user) => user.is_none(),
        (name, Some(user)) => same(name, &user.name) || user.aliases.iter().any(|alias| same(name, alias)),
        (_, None) => false,
    };
    let in_role =
        |role: &String| user.is_some_and(|user| user.groups.iter().any(|group| same(role, group.text())));
    verb && (rule.users.iter().any(named) || rule.roles.iter().any(in_role))
}

/// Names are compared as Windows does.
fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::{Group, Scheme};
    use super::*;

    fn rule(allow: bool, users: &str, roles: &str, verbs: &str) -> AuthorizationRule {
        let list = |text: &str| text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        AuthorizationRule { allow, users: list(users), roles: list(roles), verbs: list(verbs) }
    }

    #[test]
    fn what_is_denied_cannot_be_allowed() {
        let alice = Identity {
            scheme: Scheme::Negotiate,
            name: "SHOP\\alice".to_owned(),
            aliases: vec!["alice@SHOP.EXAMPLE".to_owned()],
            sid: None,
            groups: vec![Group::Name("staff".to_owned())],
        };
        let rules = [
            rule(false, "?", "", ""),
            rule(false, "", "staff", "DELETE"),
            rule(true, "Alice@shop.example", "", ""),
        ];
        assert_eq!(authorize(&rules, None, "GET"), Verdict::SignIn);
        assert_eq!(authorize(&rules, Some(&alice), "GET"), Verdict::Allowed);
        assert_eq!(authorize(&rules, Some(&alice), "DELETE"), Verdict::Forbidden);
        let bob = Identity { name: "SHOP\\bob".to_owned(), aliases: Vec::new(), ..alice.clone() };
        assert_eq!(authorize(&rules, Some(&bob), "GET"), Verdict::Forbidden, "no rule fits");
        assert_eq!(authorize(&[], None, "GET"), Verdict::Allowed);
        assert_eq!(authorize(&[rule(true, "", "STAFF", "")], Some(&bob), "GET"), Verdict::Allowed);
        let everybody_but_bob = [rule(true, "*", "", ""), rule(false, "shop\\bob", "", "")];
        assert_eq!(authorize(&everybody_but_bob, Some(&alice), "GET"), Verdict::Allowed);
        assert_eq!(authorize(&everybody_but_bob, Some(&bob), "GET"), Verdict::Forbidden);
    }
}
