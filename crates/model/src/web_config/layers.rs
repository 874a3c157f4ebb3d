//! The files that apply to an app: its own, those of applications above it, and the server's.

use roxmltree::Node;

use super::decode::decode;
use super::merge::merge;
use super::problems::Problems;
use super::report::{Place, Report};
use super::values::WebConfig;
use super::walk::{Walk, is_access, is_named};
use super::xml;
use crate::diagnostic::{Diagnostic, Source};

/// Larger files are refused; IIS's own limit is 250 KB.
const MOST_BYTES: usize = 1 << 20;

/// One of several files that apply to an app.
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
    /// The server's `applicationHost.config`, of which only the sections count that say who may send requests; `path` is the
    /// site's name and the app's URL path, as in `Shop/api/v2`.
    Server {
        /// Without slashes at its ends; case does not count.
        path: &'a str,
    },
    /// That of an application above the app; `path` is the app's URL path below that application, as in `api/v2`.
    Parent {
        /// Without slashes at its ends; case does not count.
        path: &'a str,
    },
    /// The app's own.
    App,
}

impl<'a> LayerKind<'a> {
    /// Where the app is, seen from the file's folder.
    pub(super) fn base(self) -> &'a str {
        match self {
            Self::Server { path } | Self::Parent { path } => path,
            Self::App => "",
        }
    }

    /// Whether it is the server's.
    pub(super) fn is_server(self) -> bool {
        matches!(self, Self::Server { .. })
    }
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
    let mut config = WebConfig::default();
    if broken.is_empty() {
        let mut documents = Vec::new();
        for (index, (source, layer)) in sources.iter().zip(layers).enumerate() {
            match xml::parse(source) {
                Ok(document) => documents.push((index, layer.kind, document)),
                Err(problem) => broken.push(*problem),
            }
        }
        config = merge(&documents, &mut report);
    }
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

/// Sections about who may send requests that the server's file does not let others set, with the place where.
pub(super) fn locked_by_default(walk: &Walk<'_, '_>, root: Node<'_, '_>) -> Vec<(String, Place)> {
    let mut locked = Vec::new();
    each_declared(root, |path, node| {
        let denies =
            node.attribute("overrideModeDefault").is_some_and(|mode| mode.eq_ignore_ascii_case("Deny"));
        if denies && is_access(path) {
            locked.push((path.to_owned(), walk.tag(node)));
        }
    });
    locked
}

/// Adds the sections and groups that a file declares in `configSections`, with the group they stand in.
pub(super) fn declared(root: Node<'_, '_>, found: &mut Vec<(String, String)>) {
    each_declared(root, |path, _| {
        let (group, name) = path.rsplit_once('/').unwrap_or(("", path));
        found.push((group.to_owned(), name.to_owned()));
    });
}

/// Shows the path of each section and group in `configSections`, and its element.
fn each_declared<'a, 'i>(root: Node<'a, 'i>, mut show: impl FnMut(&str, Node<'a, 'i>)) {
    for sections in root.children().filter(|child| is_named(*child, "configSections")) {
        let mut open = vec![(sections, String::new())];
        while let Some((node, group)) = open.pop() {
            for child in node.children().filter(Node::is_element) {
                let Some(name) = child.attribute("name") else { continue };
                let path = if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") };
                show(&path, child);
                if is_named(child, "sectionGroup") {
                    open.push((child, path));
                }
            }
        }
    }
}
