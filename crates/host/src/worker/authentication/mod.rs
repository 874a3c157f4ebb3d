//! Puts signing in and the rules about users before the handler that reaches the app.

mod accounts;
mod authority;
mod identity;
mod password_file;

use std::sync::Arc;

use mews_server::Handler;
use mews_server::authentication::{AuthenticationHandler, AuthenticationOptions};

use self::authority::SystemAuthority;
use super::pages;
use crate::control::AppSpec;

/// The handler with authentication before it, if the app asks for anything that is to be looked at.
pub(super) fn authenticated(inner: Arc<dyn Handler>, app: &AppSpec) -> Arc<dyn Handler> {
    let access = &app.rules.access;
    if !access.is_needed() {
        return inner;
    }
    let answers = app.rules.answers.clone();
    Arc::new(AuthenticationHandler::new(
        inner,
        AuthenticationOptions {
            base: app.virtual_path.clone(),
            policy: access.policy.clone(),
            parts: access.parts.clone(),
            passwords_in_clear: access.settings.passwords_in_clear,
            authority: Arc::new(SystemAuthority::new(access)),
            pages: Box::new(move |refusal| pages::refusal(refusal, &answers)),
        },
    ))
}
