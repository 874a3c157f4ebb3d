//! The values of other sections in `system.webServer`: headers, error pages, WebSockets, handlers, modules,
//! warm-up.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::not_enforced;
use crate::web_config::hints::shorten;
use crate::web_config::report::Report;
use crate::web_config::tree::Set;

/// `webSocket`, but for whether it is enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebSocket {
    /// `pingInterval`; zero is never.
    pub ping_interval: Duration,
    /// `receiveBufferLimit`, in bytes.
    pub receive_buffer_limit: u64,
}

impl Default for WebSocket {
    /// IIS's: no pings, 4 MiB.
    fn default() -> Self {
        Self { ping_interval: Duration::ZERO, receive_buffer_limit: 4 << 20 }
    }
}

/// `httpErrors`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpErrors {
    /// Who sees details.
    pub mode: ErrorMode,
    /// Whether `errorMode` is written: without it nobody was given more to see than before.
    pub mode_given: bool,
    /// What happens to a body that the app made.
    pub existing_response: ExistingResponse,
    /// The page of statuses without one of their own; `None` when there is none.
    pub default_page: Option<(String, ResponseMode)>,
    /// Pages, unique in status and sub-status.
    pub pages: Vec<ErrorPage>,
    /// Whether the server's own pages were cleared.
    pub cleared: bool,
}

impl HttpErrors {
    /// The page for a status: that of the sub-status before that of any.
    pub fn page(&self, status: u16, sub_status: u16) -> Option<&ErrorPage> {
        let of = |wanted: Option<u16>| {
            self.pages.iter().find(|page| page.status == status && page.sub_status == wanted)
        };
        of(Some(sub_status)).or_else(|| of(None))
    }
}

/// Who sees details of a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorMode {
    /// Clients on this machine.
    #[default]
    DetailedLocalOnly,
    /// Nobody.
    Custom,
    /// Everybody.
    Detailed,
}

/// What happens to the body of an error response that the app made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExistingResponse {
    /// It stays as it is when the app asks for that.
    #[default]
    Auto,
    /// It is always replaced.
    Replace,
    /// It always stays.
    PassThrough,
}

/// What the path of an error page is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResponseMode {
    /// A file below the app's folder.
    #[default]
    File,
    /// A path of the site.
    ExecuteUrl,
    /// Where the client is sent.
    Redirect,
}

/// The page for one status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorPage {
    /// 400 to 999.
    pub status: u16,
    /// `None` is any.
    pub sub_status: Option<u16>,
    /// `path`, as written.
    pub path: String,
    /// `prefixLanguageFilePath`, as written; empty when not given.
    pub language_prefix: String,
    /// What `path` is.
    pub mode: ResponseMode,
}

/// One mapping of `handlers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlerMapping {
    /// `name`.
    pub name: String,
    /// `path`.
    pub path: String,
    /// `verb`.
    pub verb: String,
    /// `modules`.
    pub modules: String,
}

/// `modules`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modules {
    /// Names added.
    pub added: Vec<String>,
    /// Names removed.
    pub removed: Vec<String>,
}

/// `applicationInitialization`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationInitialization {
    /// `doAppInitAfterRestart`.
    pub after_restart: bool,
    /// The pages, in order.
    pub pages: Vec<InitializationPage>,
}

/// One page of the warm-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitializationPage {
    /// Its path in the app.
    pub path: String,
    /// The host name to ask for it with; empty when not given.
    pub host_name: String,
}

pub(super) fn web_socket(set: &Set) -> WebSocket {
    WebSocket {
        ping_interval: Duration::from_secs(set.number("pingInterval")),
        receive_buffer_limit: set.number("receiveBufferLimit"),
    }
}

/// Characters of a header's name.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

pub(super) fn custom_headers(set: &Set, report: &mut Report<'_>) -> Vec<(String, String)> {
    /// They frame a message or belong to one connection, so that a second one would break it.
    const OURS: [&str; 5] = ["content-length", "transfer-encoding", "connection", "upgrade", "trailer"];
    let mut headers = Vec::new();
    for item in &set.items {
        let (name, value) = (item.text("name"), item.text("value"));
        if !is_token(name) {
            let message = format!("'{}' is no name of a header", shorten(name));
            report.violation(item.place("name"), message, |problem| {
                problem.expected("expected letters, digits and '-'")
            });
        } else if OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name)) {
            let message = format!("the header '{name}' cannot be set");
            report.violation(item.place("name"), message, |problem| {
                problem.help("remove it: it belongs to each single message")
            });
        } else if value.contains(|c: char| c.is_control() && c != '\t') {
            let message = format!("the value of '{name}' holds a control character");
            report.violation(item.place("value"), message, |problem| {
                problem.help("write the value on one line")
            });
        } else {
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    headers
}

fn response_mode(set: &Set, attribute: &str) -> ResponseMode {
    if set.has(attribute, "ExecuteURL") {
        ResponseMode::ExecuteUrl
    } else if set.has(attribute, "Redirect") {
        ResponseMode::Redirect
    } else {
        ResponseMode::File
    }
}

pub(super) fn http_errors(set: &Set) -> HttpErrors {
    let default = set.text("defaultPath");
    HttpErrors {
        mode_given: set.given("errorMode").is_some(),
        mode: match set.text("errorMode") {
            mode if mode.eq_ignore_ascii_case("Custom") => ErrorMode::Custom,
            mode if mode.eq_ignore_ascii_case("Detailed") => ErrorMode::Detailed,
            _ => ErrorMode::DetailedLocalOnly,
        },
        existing_response: match set.text("existingResponse") {
            what if what.eq_ignore_ascii_case("Replace") => ExistingResponse::Replace,
            what if what.eq_ignore_ascii_case("PassThrough") => ExistingResponse::PassThrough,
            _ => ExistingResponse::Auto,
        },
        default_page: (!default.is_empty())
            .then(|| (default.to_owned(), response_mode(set, "defaultResponseMode"))),
        pages: set
            .items
            .iter()
            .map(|item| ErrorPage {
                status: item.number_u16("statusCode"),
                sub_status: match item.text("subStatusCode") {
                    "-1" => None,
                    _ => Some(item.number_u16("subStatusCode")),
                },
                path: item.owned("path"),
                language_prefix: item.owned("prefixLanguageFilePath"),
                mode: response_mode(item, "responseMode"),
            })
            .collect(),
        cleared: set.cleared,
    }
}

pub(super) fn handlers(set: &Set, report: &mut Report<'_>) -> Vec<HandlerMapping> {
    for item in &set.items {
        let modules = item.text("modules");
        let ours = modules.split(',').any(|module| {
            let module = module.trim();
            module.eq_ignore_ascii_case("AspNetCoreModule")
                || module.eq_ignore_ascii_case("AspNetCoreModuleV2")
        });
        for (attribute, what) in [("path", "paths"), ("verb", "methods")] {
            if ours && item.given(attribute).is_some_and(|given| given.text != "*") {
                let message = format!("the handler '{}' is for some {what} only", shorten(item.text("name")));
                report.warning(item.place(attribute), message, |problem| {
                    problem.help(format!("write {attribute}=\"*\": here the app gets all requests"))
                });
            }
        }
        if !ours {
            let message = format!("the handler '{}' needs IIS", shorten(item.text("name")));
            let files = modules.contains("StaticFile") || modules.contains("DefaultDocument");
            report.warning(item.at, message, |problem| {
                problem.help(if files {
                    "serve files with UseStaticFiles in the app: it gets all requests"
                } else {
                    "remove it: the app gets all requests"
                })
            });
        }
    }
    let mapping = |item: &Set| HandlerMapping {
        name: item.owned("name"),
        path: item.owned("path"),
        verb: item.owned("verb"),
        modules: item.owned("modules"),
    };
    set.items.iter().map(mapping).collect()
}

pub(super) fn modules(set: &Set, report: &mut Report<'_>) -> Modules {
    for item in &set.items {
        let message = format!("the module '{}' needs IIS", shorten(item.text("name")));
        report.warning(item.at, message, |problem| problem.help("write it as middleware of the app"));
    }
    Modules { added: set.items.iter().map(|item| item.owned("name")).collect(), removed: set.removed.clone() }
}

pub(super) fn application_initialization(set: &Set, report: &mut Report<'_>) -> ApplicationInitialization {
    if !set.items.is_empty() {
        not_enforced(set, "applicationInitialization is not acted on", report);
    }
    ApplicationInitialization {
        after_restart: set.is("doAppInitAfterRestart"),
        pages: set
            .items
            .iter()
            .map(|item| InitializationPage {
                path: item.owned("initializationPage"),
                host_name: item.owned("hostName"),
            })
            .collect(),
    }
}
