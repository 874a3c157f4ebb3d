//! Which parts of which files apply to an app: `location` elements, and the files of applications above it.

use std::borrow::Cow;

use roxmltree::Node;

use super::decode::decode;
use super::problems::Problems;
use super::report::{Place, Report};
use super::schema::{LOCATION, ROOT, Role, Support};
use super::tree::Set;
use super::values::WebConfig;
use super::walk::Walk;
use super::{values, xml};
use crate::diagnostic::{Diagnostic, Source};

/// Larger files are refused; IIS's own limit is 250 KB.
const MOST_BYTES: usize = 1 << 20;

/// One `web.config` of several that apply to an app.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// The file's name in messages.
    pub file: &'a str,
    /// What it holds.
    pub bytes: &'a [u8],
    /// Whose it is.
    pub kind: LayerKind<'a>,
}

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind<'a> {
    /// That of an application above the app; `path` is the app's URL path below that application, as in `api/v2`.
    Parent {
        /// Without slashes at its ends; case does not count.
        path: &'a str,
    },
    /// The app's own.
    App,
}

/// Reads a file's bytes; `file` is its name in messages. Answers warnings beside a usable file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(file: &str, bytes: &[u8]) -> Result<(WebConfig, Vec<Diagnostic>), Box<Problems>> {
    read_layers(&[Layer { file, bytes, kind: LayerKind::App }])
}

/// Reads the files that apply to a sub-application, outermost first and its own last: what an inner one says
/// counts over what an outer one says. Warnings are those of the app's own file.
///
/// # Errors
/// Everything that is wrong with them.
pub fn read_layers(layers: &[Layer<'_>]) -> Result<(WebConfig, Vec<Diagnostic>), Box<Problems>> {
    let mut sources = Vec::new();
    let mut broken = Vec::new();
    let mut notices = Vec::new();
    for layer in layers {
        let text = if layer.bytes.len() > MOST_BYTES {
            let source = Source::new(layer.file, "");
            let problem = source
                .error_in_file(format!("the file is larger than {MOST_BYTES} bytes"))
                .help("move large tables into the app; IIS reads 250 KB at most");
            Err(Box::new((source, problem)))
        } else {
            decode(layer.file, layer.bytes)
        };
        match text {
            Ok((source, notice)) => {
                if layer.kind == LayerKind::App {
                    notices.extend(notice);
                }
                sources.push(source);
            }
            Err(problem) => {
                sources.push(problem.0);
                broken.push(problem.1);
            }
        }
    }
    let mut report = Report::new(&sources);
    let mut root = Set::new(&ROOT, Place::default());
    if broken.is_empty() {
        let mut known = Known::default();
        for (index, (source, layer)) in sources.iter().zip(layers).enumerate() {
            match xml::parse(source) {
                Ok(document) => {
                    report.quiet = layer.kind != LayerKind::App;
                    let element = document.root_element();
                    let mut reading = Reading { layer: index, kind: layer.kind, known: &mut known };
                    reading.document(element, &mut root, &mut report);
                }
                Err(problem) => broken.push(*problem),
            }
        }
    }
    report.quiet = false;
    let config = values::from_tree(&root, &mut report);
    let violates_schema = report.violates_schema || !broken.is_empty();
    let (found, failed) = report.finish();
    let failed = failed || !broken.is_empty();
    let diagnostics = [broken, notices, found].concat();
    if failed {
        let source = sources.pop().unwrap_or_else(|| Source::new("web.config", ""));
        return Err(Box::new(Problems { source, parents: sources, diagnostics, violates_schema }));
    }
    Ok((config, diagnostics))
}

/// What the files so far say about sections.
#[derive(Default)]
struct Known {
    /// Sections that they declare: the group and the name.
    declared: Vec<(String, String)>,
    /// Sections that they do not let others set, with the place where.
    locked: Vec<(String, Place)>,
}

/// Reading one file.
struct Reading<'a, 'l> {
    layer: usize,
    kind: LayerKind<'l>,
    known: &'a mut Known,
}

impl Reading<'_, '_> {
    fn document(&mut self, element: Node<'_, '_>, root: &mut Set, report: &mut Report<'_>) {
        declared(element, &mut self.known.declared);
        let Known { declared, locked } = &*self.known;
        let mut walk = Walk { report, layer: self.layer, declared, locked, met: Vec::new() };
        let at = walk.tag(element);
        let name = element.tag_name().name();
        if name != ROOT.name {
            walk.report.violation(at, format!("the root element is '{name}'"), |problem| {
                problem
                    .expected("expected configuration")
                    .help("the file must look as dotnet publish writes it")
            });
            return;
        }
        walk.scope(element, root);
        let mut locks = Vec::new();
        for location in element.children().filter(|child| is_named(*child, LOCATION.name)) {
            let mut place = Set::new(&LOCATION, walk.tag(location));
            walk.attributes(location, &mut place);
            match self.applies(&place) {
                Applies::Here => {
                    let before = walk.met.len();
                    walk.scope(location, root);
                    if place.has("overrideMode", "Deny") || !place.is("allowOverride") {
                        locks.extend(walk.met.split_off(before));
                    }
                }
                Applies::Elsewhere => walk.elsewhere(location, &place),
            }
        }
        self.known.locked.extend(locks);
    }

    fn applies(&self, location: &Set) -> Applies {
        let path = match location.text("path") {
            "." | "./" | ".\\" => Cow::Borrowed(""),
            path => Cow::Owned(path.replace('\\', "/").trim_matches('/').to_lowercase()),
        };
        let here = match self.kind {
            LayerKind::App => path.is_empty(),
            LayerKind::Parent { path: app } => {
                let app = app.trim_matches('/').to_lowercase();
                let below = app.strip_prefix(&*path);
                let at_itself = below.is_some_and(str::is_empty);
                let above = path.is_empty() || below.is_some_and(|rest| rest.starts_with('/'));
                at_itself || (above && location.is("inheritInChildApplications"))
            }
        };
        if here { Applies::Here } else { Applies::Elsewhere }
    }
}

enum Applies {
    Here,
    Elsewhere,
}

/// Whether it is an element with this name, whatever its namespace.
pub(super) fn is_named(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

impl Walk<'_, '_> {
    /// Sections that apply to other paths are checked, but not kept.
    fn elsewhere(&mut self, location: Node<'_, '_>, place: &Set) {
        let quiet = std::mem::replace(&mut self.report.quiet, true);
        let met = self.met.len();
        let mut scratch = Set::new(&ROOT, place.at);
        self.scope(location, &mut scratch);
        self.met.truncate(met);
        self.report.quiet = quiet;
        let counts = |section: &&Set| {
            section.element.role == Role::Section
                && matches!(section.element.support, Support::Honoured | Support::Read(_))
        };
        let mut sections = Vec::new();
        collect(&scratch, &mut sections);
        if let Some(section) = sections.into_iter().find(counts) {
            let path = place.text("path");
            let message = format!(
                "the sections for '{}' are not applied: {} cannot differ below a part of the app",
                super::hints::shorten(path),
                section.element.name
            );
            let at = place.place("path");
            self.report.warning(at, message, |problem| {
                problem.help(
                    "make them count for the whole app with path=\".\", or treat that path in the app's own code",
                )
            });
        }
    }
}

fn collect<'t>(set: &'t Set, sections: &mut Vec<&'t Set>) {
    for child in &set.children {
        sections.push(child);
        if child.element.role == Role::Group {
            collect(child, sections);
        }
    }
}

/// Adds the sections and groups that a file declares in `configSections`, with the group they stand in.
pub(super) fn declared(root: Node<'_, '_>, found: &mut Vec<(String, String)>) {
    for sections in root.children().filter(|child| is_named(*child, "configSections")) {
        let mut open = vec![(sections, String::new())];
        while let Some((node, group)) = open.pop() {
            for child in node.children().filter(Node::is_element) {
                let Some(name) = child.attribute("name") else { continue };
                found.push((group.clone(), name.to_owned()));
                if is_named(child, "sectionGroup") {
                    let path = if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") };
                    open.push((child, path));
                }
            }
        }
    }
}
