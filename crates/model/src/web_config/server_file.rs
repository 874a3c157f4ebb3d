//! An `applicationHost.config` as a tree: sites and pools by their table, and what else counts in it: the sections that say
//! who may send requests.

use std::sync::Arc;

use roxmltree::Node;

use super::hints::shorten;
use super::layers::{declared, locked_by_default};
use super::report::{Place, Report};
use super::schema::{APPLICATION_HOST, Element, ROOT, Role, Support};
use super::scopes::{self, Meaning, meaning, normalised};
use super::tree::{Given, Set};
use super::values::{self, Access};
use super::walk::{Walk, access_elements, is_access, is_named};
use super::xml;
use crate::diagnostic::{Diagnostic, Source};

/// The file.
pub(crate) struct ServerFile {
    /// `configuration`.
    pub(crate) root: Set,
    /// What it says about who may send requests.
    pub(crate) rules: Vec<Rules>,
    /// The sections about that which others may not set, if there are any.
    locked: Option<Arc<str>>,
}

/// Sections that say who may send requests, for the whole server or for the path of a `location`.
pub(crate) struct Rules {
    /// `Default Web Site/api`; empty for the whole server.
    pub(crate) path: Given,
    normalised: String,
    /// Applications below are meant as well.
    inherits: bool,
    /// The sections as written.
    text: Arc<str>,
    /// `access`, if it is among them.
    pub(crate) access: Option<Access>,
}

impl Rules {
    /// What its path means for an application, as in `shop/api`, normalised.
    pub(crate) fn meaning(&self, application: &str) -> Meaning {
        meaning(application, &self.normalised, self.normalised.is_empty() || self.inherits)
    }
}

impl ServerFile {
    /// What the file says about who may send requests to an application, as in `shop/api`, normalised; the same texts mean
    /// the same.
    pub(crate) fn rules_for(&self, application: &str) -> Vec<Arc<str>> {
        let counts = |rules: &&Rules| rules.meaning(application) != Meaning::Elsewhere;
        let texts = self.rules.iter().filter(counts).map(|rules| &rules.text);
        self.locked.iter().chain(texts).cloned().collect()
    }
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
    let root = Set::new(&APPLICATION_HOST, Place::default());
    let mut file = ServerFile { root, rules: Vec::new(), locked: None };
    let mut walk = Walk { report, layer: 0, declared: &sections, locked: &[], met: Vec::new() };
    if element.tag_name().name() != ROOT.name {
        let at = walk.tag(element);
        let message = format!("the root element is '{}'", shorten(element.tag_name().name()));
        walk.report.violation(at, message, |problem| problem.expected("expected configuration"));
        return Ok(file);
    }
    walk.scope(element, &mut file.root);
    let locked = locked_by_default(&walk, element);
    let names: Vec<&str> = locked.iter().map(|(path, _)| path.as_str()).collect();
    file.locked = (!names.is_empty()).then(|| format!("locked: {}", names.join(", ")).into());
    let whole = Set::new(&super::schema::LOCATION, walk.tag(element));
    file.rules.extend(walk.rules(element, &whole));
    for server in element.children().filter(|child| is_named(*child, "system.webServer")) {
        let at = walk.tag(server);
        walk.not_applied(at, "system.webServer is not applied here", server);
    }
    for node in scopes::locations(element) {
        let location = scopes::location(&mut walk, node);
        file.rules.extend(walk.rules(node, &location));
        walk.others(node, &location);
    }
    Ok(file)
}

impl Walk<'_, '_> {
    /// What stands in `configuration` or a `location` about who may send requests.
    fn rules(&mut self, node: Node<'_, '_>, location: &Set) -> Option<Rules> {
        let mut elements = access_elements(node).peekable();
        elements.peek()?;
        let mut tree = Set::new(&ROOT, location.at);
        self.access(node, &mut tree);
        let read = values::part("", &tree, self.report);
        let says_access = tree.find(&["system.webServer", "security", "access"]).is_some();
        let mut text = ["path", "inheritInChildApplications", "overrideMode", "allowOverride"]
            .map(|name| location.text(name).to_lowercase())
            .join(" ");
        for element in elements {
            text.push('\n');
            text.push_str(element.document().input_text().get(element.range()).unwrap_or_default());
        }
        let at = location.place("path");
        Some(Rules {
            path: Given { text: location.owned("path"), at },
            normalised: normalised(location.text("path")),
            inherits: location.is("inheritInChildApplications"),
            text: text.into(),
            access: says_access.then_some(read.security.access),
        })
    }

    /// The other sections of a `location`.
    fn others(&mut self, node: Node<'_, '_>, location: &Set) {
        for child in node.children().filter(|child| is_named(*child, "system.applicationHost")) {
            let at = self.tag(child);
            self.report.violation(at, "sites and pools cannot stand in a location", |problem| {
                problem.help("move them out, directly into configuration")
            });
        }
        // With an empty path IIS says which modules applications may change.
        let path = location.text("path");
        if !path.is_empty() {
            let message = format!("the sections for '{}' are not applied here", shorten(path));
            for server in node.children().filter(|child| is_named(*child, "system.webServer")) {
                self.not_applied(location.place("path"), &message, server);
            }
        }
    }

    /// Warns about sections that would count in a `web.config`.
    fn not_applied(&mut self, at: Place, message: &str, server: Node<'_, '_>) {
        let sections = counting(server);
        if !sections.is_empty() {
            self.report.warning(at, format!("{message}: {}", sections.join(", ")), |problem| {
                problem
                    .help("what differs from IIS's own settings goes into the web.config of each application")
            });
        }
    }
}

/// The sections below `system.webServer` that would count in a `web.config` and do not here, each once.
fn counting(server: Node<'_, '_>) -> Vec<&'static str> {
    fn visit(node: Node<'_, '_>, element: &'static Element, path: &str, found: &mut Vec<&'static str>) {
        for child in node.children().filter(Node::is_element) {
            let Some(row) = element.child(child.tag_name().name()) else { continue };
            let path = format!("{path}/{}", row.name);
            if row.role == Role::Group {
                visit(child, row, &path, found);
            } else if matches!(row.support, Support::Honoured | Support::Read(_))
                && !is_access(&path)
                && !found.contains(&row.name)
            {
                found.push(row.name);
            }
        }
    }
    let mut found = Vec::new();
    if let Some(row) = ROOT.child("system.webServer") {
        visit(server, row, row.name, &mut found);
    }
    found
}
