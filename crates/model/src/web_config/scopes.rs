//! Which parts of which files count for an app and for the paths inside it, and in which order: those for outer folders come
//! before those for inner ones, and among those for one folder, those of outer files before those of inner ones. So an
//! administrator's `location` for an application counts over the file of the application above it.

use roxmltree::Node;

use super::report::Place;
use super::schema::LOCATION;
use super::tree::Set;
use super::walk::{Walk, is_named};

/// A part of a file that counts.
pub(super) struct Scope<'a, 'i> {
    /// Which file.
    pub(super) layer: usize,
    /// Folders from the root to the one that it is for.
    depth: usize,
    /// `configuration` or a `location`.
    pub(super) node: Node<'a, 'i>,
    /// The `location` with its values.
    pub(super) location: Option<Set>,
    /// The path inside the app that it is for; empty for the whole app.
    pub(super) below: String,
}

impl<'a, 'i> Scope<'a, 'i> {
    /// What stands in a file outside of its `location` elements. `depth` is that of the file's folder.
    pub(super) fn of_file(layer: usize, depth: usize, node: Node<'a, 'i>) -> Self {
        Self { layer, depth, node, location: None, below: String::new() }
    }

    /// A `location` in such a file that means the app, or a path inside it.
    pub(super) fn of_location(
        layer: usize,
        depth: usize,
        node: Node<'a, 'i>,
        location: Set,
        below: String,
    ) -> Self {
        let depth = depth + segments(&normalised(location.text("path")));
        Self { layer, depth, node, location: Some(location), below }
    }

    /// Whether it is for this path inside the app, or for what is above that.
    pub(super) fn covers(&self, path: &str) -> bool {
        matches!(meaning(path, &self.below, true), Meaning::Here)
    }

    /// Where it is in the file.
    pub(super) fn place(&self) -> Place {
        self.location.as_ref().map_or_else(Place::default, |location| location.place("path"))
    }
}

/// Puts parts into the order in which they count.
pub(super) fn sort(scopes: &mut [Scope<'_, '_>]) {
    // Those of one folder keep the order of the files.
    scopes.sort_by_key(|scope| scope.depth);
}

/// What the path of a `location` means for an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The app, or what is above it.
    Here,
    /// A path inside the app.
    Inside(String),
    /// Something else.
    Elsewhere,
}

/// What a path means for an app at `base`; both are [`normalised`] and begin at the same folder. `inherits`: the
/// applications below are meant as well.
pub(crate) fn meaning(base: &str, path: &str, inherits: bool) -> Meaning {
    if let Some(rest) = below(base, path)
        && (rest.is_empty() || inherits)
    {
        return Meaning::Here;
    }
    match below(path, base) {
        Some(rest) if !rest.is_empty() => Meaning::Inside(rest.to_owned()),
        _ => Meaning::Elsewhere,
    }
}

/// What is left of a path below another one.
fn below<'p>(path: &'p str, above: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(above)?;
    match rest.strip_prefix('/') {
        Some(rest) => Some(rest),
        None => (rest.is_empty() || above.is_empty()).then_some(rest),
    }
}

/// A path as it is compared: without slashes at its ends, in small letters. `.` is the folder of the file.
pub(crate) fn normalised(path: &str) -> String {
    match path {
        "." | "./" | ".\\" => String::new(),
        path => path.replace('\\', "/").trim_matches('/').to_lowercase(),
    }
}

/// How many folders a path leads down.
pub(super) fn segments(path: &str) -> usize {
    path.split('/').filter(|segment| !segment.is_empty()).count()
}

/// The values of a `location` element.
pub(super) fn location(walk: &mut Walk<'_, '_>, node: Node<'_, '_>) -> Set {
    let mut place = Set::new(&LOCATION, walk.tag(node));
    walk.attributes(node, &mut place);
    place
}

/// The `location` elements of a file.
pub(super) fn locations<'a, 'i>(configuration: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    configuration.children().filter(|child| is_named(*child, LOCATION.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_paths_mean() {
        let inside = |path: &str| Meaning::Inside(path.to_owned());
        for (base, path, expected) in [
            ("", "", Meaning::Here),
            ("", "Admin/", inside("admin")),
            ("shop/api", "", Meaning::Here),
            ("shop/api", "Shop", Meaning::Here),
            ("shop/api", "\\shop\\API", Meaning::Here),
            ("shop/api", "shop/api/v2/x", inside("v2/x")),
            ("shop/api", "shop/apiv2", Meaning::Elsewhere),
            ("shop/api", "sho", Meaning::Elsewhere),
            ("shop/api", "other", Meaning::Elsewhere),
        ] {
            assert_eq!(meaning(base, &normalised(path), true), expected, "{base} {path}");
        }
        assert_eq!(meaning("shop/api", "shop", false), Meaning::Elsewhere);
        assert_eq!(meaning("shop", "shop", false), Meaning::Here);
        assert_eq!((segments(""), segments("a/b")), (0, 2));
    }
}
