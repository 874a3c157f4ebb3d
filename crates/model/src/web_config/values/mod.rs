//! What a `web.config` says, typed.

mod authentication;
mod filtering;
mod module;
mod pattern_cost;
mod rewriting;
mod security;
mod server;

pub use authentication::{
    Authentication, BasicAuthentication, CertificateMapping, CertificateRule, ManyToOneMapping,
    OneToOneMapping, TokenChecking, WindowsAuthentication,
};
pub use module::{AspNetCore, HandlerSettings, Launcher, launcher};
pub use security::{Access, AddressRule, AuthorizationRule, DenyAction, IpSecurity, Security};
pub use server::{
    ApplicationInitialization, ErrorMode, ErrorPage, ExistingResponse, HandlerMapping, HttpErrors,
    InitializationPage, Modules, ResponseMode, WebSocket,
};

use super::hints::advice;
use super::report::Report;
use super::tree::Set;
use crate::filtering::RequestFiltering;
use crate::rewrite::RewriteConfig;

/// `maxAllowedContentLength` when it is not given, in bytes.
pub const DEFAULT_CONTENT_LENGTH: u64 = 30_000_000;

/// A file without errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebConfig {
    /// The `aspNetCore` element, if there is one.
    pub asp_net_core: Option<AspNetCore>,
    /// `security/requestFiltering/requestLimits maxAllowedContentLength`, in bytes.
    pub max_content_length: u64,
    /// `webSocket enabled`.
    pub web_sockets: bool,
    /// The rest of `webSocket`.
    pub web_socket: WebSocket,
    /// Which schemes of `security/authentication` are enabled.
    pub authentication: Authentication,
    /// The rest of `security`, but for `requestFiltering`.
    pub security: Security,
    /// Paths inside the app that differ in who may send requests.
    pub parts: Vec<Part>,
    /// `security/requestFiltering`; what counts without one when it is not there.
    pub request_filtering: RequestFiltering,
    /// `httpProtocol/customHeaders`: names and values, names unique in any case.
    pub custom_headers: Vec<(String, String)>,
    /// `httpErrors`, if it is there.
    pub http_errors: Option<HttpErrors>,
    /// `rewrite`, with `httpRedirect` as its last rules.
    pub rewrite: RewriteConfig,
    /// `handlers`: the mappings added.
    pub handlers: Vec<HandlerMapping>,
    /// `modules`.
    pub modules: Modules,
    /// `applicationInitialization`.
    pub application_initialization: ApplicationInitialization,
    /// `urlCompression doDynamicCompression`, if it is there: whether responses are compressed.
    pub dynamic_compression: Option<bool>,
}

/// What counts for a path inside the app, in place of what is said for all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Without slashes at its ends, in small letters.
    pub path: String,
    /// Which schemes are enabled.
    pub authentication: Authentication,
    /// The rest about who may send requests.
    pub security: Security,
}

impl Default for WebConfig {
    /// What an empty file says.
    fn default() -> Self {
        Self {
            asp_net_core: None,
            max_content_length: DEFAULT_CONTENT_LENGTH,
            web_sockets: true,
            web_socket: WebSocket::default(),
            authentication: Authentication::default(),
            security: Security::default(),
            parts: Vec::new(),
            request_filtering: RequestFiltering::default(),
            custom_headers: Vec::new(),
            http_errors: None,
            rewrite: RewriteConfig::default(),
            handlers: Vec::new(),
            modules: Modules::default(),
            application_initialization: ApplicationInitialization::default(),
            dynamic_compression: None,
        }
    }
}

/// The values of the merged files.
pub(super) fn from_tree(root: &Set, report: &mut Report<'_>) -> WebConfig {
    let mut config = WebConfig::default();
    let Some(server) = root.find(&["system.webServer"]) else { return config };
    config.asp_net_core = server.find(&["aspNetCore"]).map(|set| module::asp_net_core(set, report));
    if let Some(set) = server.find(&["webSocket"]) {
        config.web_sockets = set.is("enabled");
        config.web_socket = server::web_socket(set);
    }
    if let Some(security) = server.find(&["security"]) {
        security::read(security, &mut config, report);
        if let Some(set) = security.find(&["requestFiltering"]) {
            config.request_filtering = filtering::read(set);
            config.max_content_length = config.request_filtering.limits.max_content_length;
        }
    }
    if let Some(set) = server.find(&["httpProtocol", "customHeaders"]) {
        config.custom_headers = server::custom_headers(set, report);
    }
    config.http_errors = server.find(&["httpErrors"]).map(server::http_errors);
    config.rewrite = rewriting::read(server, report);
    if let Some(set) = server.find(&["handlers"]) {
        config.handlers = server::handlers(set, report);
    }
    if let Some(set) = server.find(&["modules"]) {
        config.modules = server::modules(set, report);
    }
    if let Some(set) = server.find(&["applicationInitialization"]) {
        config.application_initialization = server::application_initialization(set, report);
    }
    if let Some(set) = server.find(&["urlCompression"]) {
        let asked = set.given("doDynamicCompression").is_some();
        config.dynamic_compression = asked.then(|| set.is("doDynamicCompression"));
    }
    config
}

/// What counts for a path inside the app; `root` is the tree for it.
pub(super) fn part(path: &str, root: &Set, report: &mut Report<'_>) -> Part {
    let mut config = WebConfig::default();
    if let Some(security) = root.find(&["system.webServer", "security"]) {
        security::read(security, &mut config, report);
    }
    Part { path: path.to_owned(), authentication: config.authentication, security: config.security }
}

/// The texts between commas, trimmed, without empty ones.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// A warning with the table's advice about an element that is read and not enforced.
fn not_enforced(set: &Set, message: &str, report: &mut Report<'_>) {
    if let super::schema::Support::Read(instead) = set.element.support {
        report.warning(set.at, message, |problem| problem.help(advice(instead)));
    }
}
