//! An app's `web.config`: what it says, typed, with every problem told at once.
//!
//! Bytes become text (`decode`), a tree of XML (`xml`), the table's elements with the values given (`walk`,
//! `tree`; several files are laid over each other by `scopes` and `merge`), and at last values (`values`). The table in `schema` says what may
//! stand where. No file is read here.

pub(crate) mod decode;
pub(crate) mod hints;
pub(crate) mod kinds;
mod layers;
mod merge;
mod problems;
mod reference;
pub(crate) mod report;
mod schema;
pub(crate) mod scopes;
pub(crate) mod server_file;
pub(crate) mod tree;
mod values;
mod walk;
mod xml;

pub use layers::{Layer, LayerKind, read, read_layers};
pub use problems::Problems;
pub use reference::{application_host_reference, reference};
pub use schema::{
    ASP_NET_CORE, Attribute, Collection, Element, HANDLER_SETTINGS, Kind, LOCATION, Need, ROOT, Role, Support,
};
pub use values::{
    Access, AddressRule, ApplicationInitialization, AspNetCore, Authentication, AuthorizationRule,
    BasicAuthentication, CertificateMapping, CertificateRule, DEFAULT_CONTENT_LENGTH, DenyAction, ErrorMode,
    ErrorPage, ExistingResponse, HandlerMapping, HandlerSettings, HttpErrors, InitializationPage, IpSecurity,
    Launcher, ManyToOneMapping, Modules, OneToOneMapping, Part, ResponseMode, Security, TokenChecking,
    WebConfig, WebSocket, WindowsAuthentication, launcher,
};
