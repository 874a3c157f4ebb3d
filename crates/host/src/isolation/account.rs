//! The pool's user.

use mews_model::server_config::Isolation;
use mews_model::{Failure, StatusCode};
use mews_process::identity::{Identity, IdentityError};

/// Finds the user that the pool's configuration names; `None` if it names none.
///
/// # Errors
/// When there is no such user or group, or we cannot act as it; the latter does not matter if it is only looked at.
pub(super) fn find(isolation: &Isolation, looked_at: bool) -> Result<Option<Identity>, Box<Failure>> {
    let group = isolation.group.as_deref();
    let found = match (&isolation.user, group) {
        (None, None) => return Ok(None),
        (Some(user), group) => Identity::find(user, group),
        // The group alone: of our own user.
        (None, Some(_)) => Identity::find(&rustix::process::geteuid().as_raw().to_string(), group),
    };
    let found = found.and_then(|identity| {
        if !looked_at {
            identity.attainable()?;
        }
        Ok(identity)
    });
    found.map(Some).map_err(|error| failure(&error))
}

fn failure(error: &IdentityError) -> Box<Failure> {
    let text = error.to_string();
    let (cause, cure) = text.split_once("; ").unwrap_or((&text, ""));
    let failure = Failure::new(StatusCode::START_FAILED, sentence(&format!("the pool's user: {cause}")));
    Box::new(if cure.is_empty() { failure } else { failure.with_cure(sentence(cure)) })
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(chars).chain(['.']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_cannot_be_had_is_named_with_a_cure() {
        let isolation = |user: Option<&str>, group: Option<&str>| Isolation {
            user: user.map(str::to_owned),
            group: group.map(str::to_owned),
            ..Isolation::default()
        };
        assert_eq!(find(&Isolation::default(), false).unwrap(), None);
        let failure = find(&isolation(Some("no-such-user"), None), true).unwrap_err();
        assert_eq!(failure.cause, "The pool's user: there is no user 'no-such-user' on this system.");
        assert_eq!(failure.cure, "Create it (useradd --system no-such-user) or name another.");
        let failure = find(&isolation(None, Some("no-such-group")), true).unwrap_err();
        assert!(failure.cause.contains("no group 'no-such-group'"), "{failure:?}");
        let own = rustix::process::geteuid().as_raw().to_string();
        assert!(find(&isolation(Some(&own), None), false).unwrap().unwrap().is_own());
    }
}
