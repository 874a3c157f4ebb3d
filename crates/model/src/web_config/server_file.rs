//! An `applicationHost.config` as a tree: sites and pools by their table, and what else counts in it.

use roxmltree::Node;

use super::hints::shorten;
use super::layers::{declared, is_named};
use super::report::{Place, Report};
use super::schema::{APPLICATION_HOST, Element, LOCATION, ROOT, Role, Support};
use super::tree::{Given, Set};
use super::walk::Walk;
use super::xml;
use crate::diagnostic::{Diagnostic, Source};

/// The file.
pub(crate) struct ServerFile {
    /// `configuration`.
    pub(crate) root: Set,
    /// Sections for a site or a part of it.
    pub(crate) locations: Vec<Location>,
}

/// A `location`.
pub(crate) struct Location {
    /// `Default Web Site/api`
    pub(crate) path: Given,
    /// `security/access sslFlags`, if it is there.
    pub(crate) access: Option<Given>,
}

/// Reads the file, and warns about sections that belong into the `web.config` of an application.
///
/// # Errors
/// The file is not well-formed.
pub(crate) fn read(source: &Source, report: &mut Report<'_>) -> Result<ServerFile, Box<Diagnostic>> {
    let document = xml::parse(source)?;
    let element = document.root_element();
    let mut sections = Vec::new();
    declared(element, &mut sections);
    let mut root = Set::new(&APPLICATION_HOST, Place::default());
    let mut walk = Walk { report, layer: 0, declared: &sections, locked: &[], met: Vec::new() };
    let mut locations = Vec::new();
    if element.tag_name().name() != ROOT.name {
        let at = walk.tag(element);
        let message = format!("the root element is '{}'", shorten(element.tag_name().name()));
        walk.report.violation(at, message, |problem| problem.expected("expected configuration"));
        return Ok(ServerFile { root, locations });
    }
    walk.scope(element, &mut root);
    for server in element.children().filter(|child| is_named(*child, "system.webServer")) {
        walk.server_wide(server);
    }
    for location in element.children().filter(|child| is_named(*child, LOCATION.name)) {
        locations.push(walk.location(location));
    }
    Ok(ServerFile { root, locations })
}

impl Walk<'_, '_> {
    /// Sections that count for all applications of IIS.
    fn server_wide(&mut self, server: Node<'_, '_>) {
        let sections = counting(server);
        self.restrictions(server, true);
        if !sections.is_empty() {
            let at = self.tag(server);
            let names: Vec<&str> = sections.iter().map(|(name, _)| *name).collect();
            let message = format!("system.webServer is not applied here: {}", names.join(", "));
            self.report.warning(at, message, |problem| {
                problem
                    .help("what differs from IIS's own settings goes into the web.config of each application")
            });
        }
    }

    fn location(&mut self, location: Node<'_, '_>) -> Location {
        let at = self.tag(location);
        let mut place = Set::new(&LOCATION, at);
        self.attributes(location, &mut place);
        let path = place.given("path").cloned().unwrap_or(Given { text: String::new(), at });
        let mut sections = Vec::new();
        let mut access = None;
        for server in location.children().filter(|child| is_named(*child, "system.webServer")) {
            self.restrictions(server, false);
            for (name, node) in counting(server) {
                let flags = node.attribute_node("sslFlags").filter(|_| name == "access");
                match flags {
                    Some(flags) => {
                        let at = Place::new(self.layer, flags.range_value());
                        access = Some(Given { text: flags.value().to_owned(), at });
                    }
                    None => sections.push(name),
                }
            }
        }
        for child in location.children().filter(|child| is_named(*child, "system.applicationHost")) {
            let at = self.tag(child);
            self.report.violation(at, "sites and pools cannot stand in a location", |problem| {
                problem.help("move them out, directly into configuration")
            });
        }
        // With an empty path IIS says which modules applications may change.
        if !path.text.is_empty() && !sections.is_empty() {
            let message = format!(
                "the sections for '{}' are not applied here: {}",
                shorten(&path.text),
                sections.join(", ")
            );
            self.report.warning(path.at, message, |problem| {
                problem.help("move them into the web.config of that application")
            });
        }
        Location { path, access }
    }

    /// Sections that close something: passing them over would open it.
    fn restrictions(&mut self, server: Node<'_, '_>, with_access: bool) {
        for (name, node) in counting(server) {
            let is = |attribute: &str, value: &str| {
                node.attribute(attribute).is_some_and(|text| text.eq_ignore_ascii_case(value))
            };
            let everybody = |rule: &Node<'_, '_>| {
                let allows =
                    rule.attribute("accessType").is_some_and(|kind| kind.eq_ignore_ascii_case("Allow"));
                allows
                    && rule.attribute("users") == Some("*")
                    && rule.attribute("verbs").unwrap_or("").is_empty()
            };
            let mut entries = node.children().filter(Node::is_element);
            let closes = match name {
                "access" => {
                    with_access
                        && !(is("sslFlags", "None") || node.attribute("sslFlags").unwrap_or("").is_empty())
                }
                "ipSecurity" => is("allowUnlisted", "false") || entries.next().is_some(),
                "authorization" => entries
                    .any(|rule| is_named(rule, "remove") || is_named(rule, "clear") || !everybody(&rule)),
                "anonymousAuthentication" => is("enabled", "false"),
                _ => false,
            };
            if closes {
                let at = self.tag(node);
                self.report.violation(
                    at,
                    format!("{name} restricts access, and is not applied here"),
                    |problem| problem.help("move it into the web.config of each application that it is for"),
                );
            }
        }
    }
}

/// The sections below `system.webServer` that would count in a `web.config`, each once.
fn counting<'a, 'i>(server: Node<'a, 'i>) -> Vec<(&'static str, Node<'a, 'i>)> {
    fn visit<'a, 'i>(
        node: Node<'a, 'i>,
        element: &'static Element,
        found: &mut Vec<(&'static str, Node<'a, 'i>)>,
    ) {
        for child in node.children().filter(Node::is_element) {
            let Some(row) = element.child(child.tag_name().name()) else { continue };
            if row.role == Role::Group {
                visit(child, row, found);
            } else if matches!(row.support, Support::Honoured | Support::Read(_))
                && !found.iter().any(|(name, _)| *name == row.name)
            {
                found.push((row.name, child));
            }
        }
    }
    let mut found = Vec::new();
    if let Some(row) = ROOT.child("system.webServer") {
        visit(server, row, &mut found);
    }
    found
}
