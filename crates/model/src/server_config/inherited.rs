//! What the server's own file says about who may send requests to an application.

use std::fmt;
use std::sync::Arc;

use crate::web_config::{Layer, LayerKind};

/// The part of an `applicationHost.config` that counts for an application. Two are equal when they say the same, wherever it
/// stands in the file.
#[derive(Clone)]
pub struct Inherited {
    file: String,
    bytes: Arc<[u8]>,
    path: String,
    rules: Vec<Arc<str>>,
}

impl Inherited {
    pub(super) fn new(file: &str, bytes: &Arc<[u8]>, path: String, rules: Vec<Arc<str>>) -> Self {
        Self { file: file.to_owned(), bytes: Arc::clone(bytes), path, rules }
    }

    /// As the outermost of the files that apply to the application.
    pub fn layer(&self) -> Layer<'_> {
        Layer { file: &self.file, bytes: &self.bytes, kind: LayerKind::Server { path: &self.path } }
    }
}

impl PartialEq for Inherited {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, &self.rules) == (&other.path, &other.rules)
    }
}

impl Eq for Inherited {}

impl fmt::Debug for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rules.iter().flat_map(|text| text.lines().map(str::trim))).finish()
    }
}
