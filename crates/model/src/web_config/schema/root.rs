//! The table's root: `configuration`, `location` and `system.webServer`.

use super::{Element, asp_net_core, choice, flag, framework, others, rewrite, security, server, text};

/// Sections of `system.webServer`; an array, so that two lists can be joined in a constant.
const SERVER: [Element; 11 + others::OTHERS.len()] = {
    let counting = [
        asp_net_core::SECTION,
        server::HANDLERS_SECTION,
        server::MODULES_SECTION,
        security::SECURITY,
        server::WEB_SOCKET,
        server::HTTP_PROTOCOL,
        server::HTTP_ERRORS,
        rewrite::REWRITE,
        server::HTTP_REDIRECT,
        server::APPLICATION_INITIALIZATION,
        server::URL_COMPRESSION,
    ];
    let mut all = [asp_net_core::SECTION; 11 + others::OTHERS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < counting.len() { counting[at] } else { others::OTHERS[at - counting.len()] };
        at += 1;
    }
    all
};

const TOP: [Element; 1 + framework::FRAMEWORK.len()] = {
    let server = Element::group("system.webServer", "Settings of the web server.").children(&SERVER);
    let mut all = [server; 1 + framework::FRAMEWORK.len()];
    let mut at = 1;
    while at < all.len() {
        all[at] = framework::FRAMEWORK[at - 1];
        at += 1;
    }
    all
};

/// The root element; `location` is not among its children.
pub static ROOT: Element = Element::group("configuration", "The whole file.").children(&TOP);

/// `location`: sections for a path. Inside it stands what stands in the root.
pub static LOCATION: Element = Element::group("location", "Sections for a path.").attributes(&[
    text("path", "The path below the folder of the file; empty or . is the folder itself."),
    flag("inheritInChildApplications", "true", "Whether sub-applications inherit the sections."),
    choice(
        "overrideMode",
        &["Inherit", "Allow", "Deny"],
        "Inherit",
        "Whether files of sub-applications may hold the same sections.",
    ),
    flag("allowOverride", "true", "The older spelling of overrideMode."),
]);
