//! Lays the files that apply to an app over each other: for all of the app, and for each path inside it that has sections of
//! its own.

use roxmltree::{Document, Node};

use super::hints::shorten;
use super::layers::{LayerKind, declared, locked_by_default};
use super::report::{Place, Report};
use super::schema::{ROOT, Role, Support};
use super::scopes::{self, Meaning, Scope, meaning, normalised, segments};
use super::tree::Set;
use super::values::{self, Part, WebConfig};
use super::walk::{ACCESS, Walk, access_elements};
use crate::routing::{MOST_SEGMENT_BYTES, MOST_SEGMENTS};

/// Paths inside an app that may have sections of their own.
const MOST_PARTS: usize = 100;

/// A file, parsed: its number, and whose it is.
pub(super) type Parsed<'l, 'i> = (usize, LayerKind<'l>, Document<'i>);

/// What the files say together, outermost first.
pub(super) fn merge(documents: &[Parsed<'_, '_>], report: &mut Report<'_>) -> WebConfig {
    let deepest = documents.iter().map(|(_, kind, _)| segments(kind.base())).max().unwrap_or(0);
    let mut merging = Merging { report, files: Vec::new(), locked: Vec::new() };
    let mut scopes = Vec::new();
    let mut known = Vec::new();
    for (layer, kind, document) in documents {
        let element = document.root_element();
        declared(element, &mut known);
        let depth = deepest - segments(kind.base());
        let file = File { layer: *layer, kind: *kind, depth, declared: known.clone() };
        merging.find(&file, element, &mut scopes);
        merging.files.push(file);
    }
    scopes::sort(&mut scopes);
    let mut root = Set::new(&ROOT, Place::default());
    for scope in scopes.iter().filter(|scope| scope.below.is_empty()) {
        merging.apply(scope, false, &mut root);
    }
    scopes.retain(|scope| !scope.below.is_empty());
    let parts = merging.parts(&root, &scopes);
    report.quiet = false;
    WebConfig { parts, ..values::from_tree(&root, report) }
}

/// What is known of a file.
struct File<'l> {
    layer: usize,
    kind: LayerKind<'l>,
    /// Folders from the root to its own.
    depth: usize,
    /// Sections that it and those before it declare: the group and the name.
    declared: Vec<(String, String)>,
}

/// Lays files over each other.
struct Merging<'r, 's, 'l> {
    report: &'r mut Report<'s>,
    files: Vec<File<'l>>,
    /// Sections that files below may not set, with the place where that is said.
    locked: Vec<(String, Place)>,
}

impl File<'_> {
    /// Walks through a part of it; answers the sections met, too.
    fn walk<'s, R>(
        &self,
        report: &mut Report<'s>,
        locked: &[(String, Place)],
        walk: impl FnOnce(&mut Walk<'_, 's>) -> R,
    ) -> (R, Vec<(String, Place)>) {
        report.quiet = self.kind != LayerKind::App;
        let mut walker =
            Walk { report, layer: self.layer, declared: &self.declared, locked, met: Vec::new() };
        let result = walk(&mut walker);
        (result, walker.met)
    }
}

impl Merging<'_, '_, '_> {
    /// Finds what of a file counts. What does not is checked all the same.
    fn find<'a, 'i>(&mut self, file: &File<'_>, element: Node<'a, 'i>, scopes: &mut Vec<Scope<'a, 'i>>) {
        let (layer, depth) = (file.layer, file.depth);
        let name = element.tag_name().name();
        if name != ROOT.name {
            file.walk(self.report, &self.locked, |walk| {
                walk.report.violation(
                    walk.tag(element),
                    format!("the root element is '{name}'"),
                    |problem| {
                        problem
                            .expected("expected configuration")
                            .help("the file must look as dotnet publish writes it")
                    },
                );
            });
            return;
        }
        if file.kind.is_server() {
            let (locks, _) = file.walk(self.report, &[], |walk| locked_by_default(walk, element));
            self.locked.extend(locks);
        }
        scopes.push(Scope::of_file(layer, depth, element));
        let base = normalised(file.kind.base());
        for node in scopes::locations(element) {
            let (place, _) = file.walk(self.report, &[], |walk| scopes::location(walk, node));
            let path = normalised(place.text("path"));
            // The whole server is no application that others lie below.
            let whole = file.kind.is_server() && path.is_empty();
            match meaning(&base, &path, whole || place.is("inheritInChildApplications")) {
                Meaning::Here => {
                    scopes.push(Scope::of_location(layer, depth, node, place, String::new()));
                }
                Meaning::Inside(below) if access_elements(node).next().is_some() => {
                    self.elsewhere(file, node, &place);
                    scopes.push(Scope::of_location(layer, depth, node, place, below));
                }
                Meaning::Inside(_) | Meaning::Elsewhere => self.elsewhere(file, node, &place),
            }
        }
    }

    fn elsewhere(&mut self, file: &File<'_>, node: Node<'_, '_>, place: &Set) {
        if !file.kind.is_server() {
            file.walk(self.report, &self.locked, |walk| walk.elsewhere(node, place));
        }
    }

    /// Lays a part of a file over what is there. `access`: only the sections that say who may send requests.
    fn apply(&mut self, scope: &Scope<'_, '_>, access: bool, root: &mut Set) {
        let Some(file) = self.files.iter().find(|file| file.layer == scope.layer) else { return };
        let access = access || file.kind.is_server();
        let ((), met) = file.walk(self.report, &self.locked, |walk| {
            if access { walk.access(scope.node, root) } else { walk.scope(scope.node, root) }
        });
        let Some(location) = &scope.location else { return };
        if location.has("overrideMode", "Deny") || !location.is("allowOverride") {
            self.locked.extend(met);
        } else if location.has("overrideMode", "Allow") {
            self.locked.retain(|(locked, _)| !met.iter().any(|(section, _)| section == locked));
        }
    }

    /// What counts for paths inside the app, in place of what is said for all of it.
    fn parts(&mut self, root: &Set, scopes: &[Scope<'_, '_>]) -> Vec<Part> {
        let mut paths: Vec<&Scope<'_, '_>> = scopes.iter().collect();
        paths.sort_by(|one, other| one.below.cmp(&other.below));
        paths.dedup_by(|one, other| one.below == other.below);
        let mut parts = Vec::new();
        for (count, scope) in paths.into_iter().enumerate() {
            let path = scope.below.as_str();
            if count >= MOST_PARTS {
                let message = format!("more than {MOST_PARTS} paths of the app have sections of their own");
                self.report.violation(scope.place(), message, |problem| {
                    problem.help("treat some of them in the app's own code")
                });
                break;
            }
            self.check_path(path, scope);
            let mut tree = root.only(&["system.webServer", "security"]);
            let locked = self.locked.clone();
            for scope in scopes.iter().filter(|scope| scope.covers(path)) {
                self.apply(scope, true, &mut tree);
            }
            self.locked = locked;
            self.report.quiet = false;
            parts.push(values::part(path, &tree, self.report));
        }
        parts
    }

    /// A path that no request has would leave open what it is to close.
    fn check_path(&mut self, path: &str, scope: &Scope<'_, '_>) {
        let odd = |c: char| c.is_control() || matches!(c, '*' | '?' | '%' | '#');
        let segments = || path.split('/');
        let problem = if let Some(odd) = path.chars().find(|c| odd(*c)) {
            format!("no path holds '{}'", odd.escape_default())
        } else if segments().any(|segment| matches!(segment, "" | "." | "..")) {
            "no request has a path with an empty part, '.' or '..'".to_owned()
        } else if segments().count() > MOST_SEGMENTS || segments().any(|one| one.len() > MOST_SEGMENT_BYTES) {
            format!("it has more than {MOST_SEGMENTS} parts, or one longer than {MOST_SEGMENT_BYTES} bytes")
        } else {
            return;
        };
        let message = format!("'{}' means no path of the app: {problem}", shorten(path));
        self.report.violation(scope.place(), message, |problem| {
            problem.help("write a path as it is without escapes, as in admin/reports")
        });
    }
}

impl Walk<'_, '_> {
    /// Sections that do not count are checked, but not kept.
    fn elsewhere(&mut self, location: Node<'_, '_>, place: &Set) {
        let quiet = std::mem::replace(&mut self.report.quiet, true);
        let mut scratch = Set::new(&ROOT, place.at);
        self.scope(location, &mut scratch);
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
                shorten(path),
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

/// The elements below, but for the sections that may differ from path to path.
fn collect<'t>(set: &'t Set, sections: &mut Vec<&'t Set>) {
    for child in set.children.iter().filter(|child| !ACCESS.contains(&child.element.name)) {
        sections.push(child);
        if child.element.role == Role::Group {
            collect(child, sections);
        }
    }
}
