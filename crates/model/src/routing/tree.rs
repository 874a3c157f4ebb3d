//! The applications of a site as a tree of path segments, walked segment by segment.

use super::path;

/// The most segments that an application's path may have.
pub const MOST_SEGMENTS: usize = 32;
/// The longest segment of an application's path, in bytes.
pub const MOST_SEGMENT_BYTES: usize = 255;

/// See the module's documentation. The first node is the path `/`.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
struct Node {
    /// Folded.
    segment: Box<str>,
    parent: usize,
    children: Vec<usize>,
    /// The application at this node or the closest one above.
    application: usize,
}

impl Tree {
    pub(crate) fn new(paths: &[String]) -> Self {
        let mut all: Vec<(usize, String)> =
            paths.iter().enumerate().map(|(at, path)| (at, fold(path))).collect();
        // Shorter paths first, so that a new node inherits from what is above it.
        all.sort_by_key(|(_, path)| path.len());
        let root = all.iter().find(|(_, path)| path == "/").map_or(0, |(at, _)| *at);
        let first = Node { segment: "".into(), parent: 0, children: Vec::new(), application: root };
        let mut tree = Self { nodes: vec![first] };
        for (application, path) in all {
            let mut node = 0;
            for segment in path.split('/').filter(|segment| !segment.is_empty()).take(MOST_SEGMENTS) {
                node = match tree.child(node, segment) {
                    Some(child) => child,
                    None => tree.add(node, segment),
                };
            }
            if let Some(node) = tree.nodes.get_mut(node) {
                node.application = application;
            }
        }
        tree
    }

    fn add(&mut self, parent: usize, segment: &str) -> usize {
        let new = self.nodes.len();
        let mut application = 0;
        if let Some(node) = self.nodes.get_mut(parent) {
            node.children.push(new);
            application = node.application;
        }
        self.nodes.push(Node { segment: segment.into(), parent, children: Vec::new(), application });
        new
    }

    fn child(&self, node: usize, segment: &str) -> Option<usize> {
        let children = self.nodes.get(node).map_or(&[][..], |node| node.children.as_slice());
        children
            .iter()
            .copied()
            .find(|child| self.nodes.get(*child).is_some_and(|node| same(&node.segment, segment)))
    }

    /// The application for a path.
    pub(crate) fn find(&self, path: &[u8]) -> usize {
        if self.nodes.len() > 1 {
            let mut walk = Walk { tree: self, node: 0, depth: 0, empty: [0; MOST_SEGMENTS + 1], beyond: 0 };
            path::segments(path, |segment| walk.step(segment));
            return walk.tree.application(walk.node);
        }
        self.application(0)
    }

    fn application(&self, node: usize) -> usize {
        self.nodes.get(node).map_or(0, |node| node.application)
    }
}

/// A way through the tree. Segments that a `..` may take back are counted, never kept: those of the tree by `node`, the
/// others by numbers.
struct Walk<'t> {
    tree: &'t Tree,
    node: usize,
    depth: usize,
    /// Empty segments behind each node on the way. They do not count for the place in the tree, but `..` takes them back
    /// like any other: `/a//../b` is `/a/b`.
    empty: [u32; MOST_SEGMENTS + 1],
    /// Segments beyond the tree.
    beyond: usize,
}

impl Walk<'_> {
    fn step(&mut self, segment: &[u8]) {
        match segment {
            b"." => {}
            b".." => self.back(),
            _ if self.beyond > 0 => self.beyond += 1,
            b"" => {
                if let Some(empty) = self.empty.get_mut(self.depth) {
                    *empty = empty.saturating_add(1);
                }
            }
            _ => match std::str::from_utf8(segment).ok().and_then(|text| self.tree.child(self.node, text)) {
                Some(child) => {
                    self.node = child;
                    self.depth += 1;
                    if let Some(empty) = self.empty.get_mut(self.depth) {
                        *empty = 0;
                    }
                }
                None => self.beyond = 1,
            },
        }
    }

    fn back(&mut self) {
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        match self.empty.get_mut(self.depth) {
            Some(empty) if *empty > 0 => *empty -= 1,
            _ => {
                self.node = self.tree.nodes.get(self.node).map_or(0, |node| node.parent);
                self.depth = self.depth.saturating_sub(1);
            }
        }
    }
}

/// A text as it is compared: the case of letters does not count, as with .NET's ordinal comparison.
pub(crate) fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_uppercase();
    }
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        // Letters that have no single capital, or one of ASCII, are no other spelling of it.
        (Some(upper), None) if !upper.is_ascii() => upper,
        _ => c,
    }
}

/// Whether a text is the folded one.
fn same(folded: &str, text: &str) -> bool {
    let mut chars = text.chars().map(fold_char);
    folded.chars().all(|c| chars.next() == Some(c)) && chars.next().is_none()
}
