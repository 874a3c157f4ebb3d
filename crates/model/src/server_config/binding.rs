//! Where a site listens.

use crate::url::ListenUrl;

/// One binding of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Scheme, address and port; its host is never [`crate::url::ListenHost::Name`].
    pub listen: ListenUrl,
    /// The host names that it takes requests for.
    pub host: HostName,
}

/// The host names of a binding. Exact names win over wildcards, longer wildcards over shorter ones, and these over any.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostName {
    /// Every name.
    Any,
    /// One name, in lower case.
    Exact(String),
    /// Every name that ends in this, in lower case, with its leading dot: `.shop.example` for `*.shop.example`.
    Below(String),
}
