//! The environment of an app's worker: ours, with the changes that the model works out.

use std::ffi::OsString;

use mews_model::environment::{Changes, Inherited};
use mews_process::systemd;

/// Our own environment, without what the service manager says to us alone.
pub(crate) fn own() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| !systemd::VARIABLES.iter().any(|other| name == other))
}

/// The same, as far as it is text.
pub(crate) fn inherited() -> Inherited {
    Inherited::new(
        own().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
    )
}

/// The whole environment after the changes; what is not text is passed on as it is.
pub(super) fn apply(changes: &Changes) -> Vec<(OsString, OsString)> {
    let replaced = |name: &OsString| {
        changes.remove.iter().any(|other| name.as_os_str() == other.as_str())
            || changes.set.iter().any(|(other, _)| name.as_os_str() == other.as_str())
    };
    let kept = own().filter(|(name, _)| !replaced(name));
    let set = changes.set.iter().map(|(name, value)| (name.into(), value.into()));
    kept.chain(set).collect()
}
