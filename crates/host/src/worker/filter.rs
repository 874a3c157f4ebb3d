//! Puts the rules of `web.config` before the handler that reaches the app.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use mews_model::rewrite::{self, FileKind, FileSystem};
use mews_model::{Failure, StatusCode};
use mews_server::{Application, CompressionHandler, FilterHandler, FilterOptions, Handler};

use super::authentication::authenticated;
use super::{Place, pages};
use crate::control::AppSpec;
use crate::edge::Edge;

/// The handler with the app's rules before it: filtering and rewriting first, then who may send the request. Around them
/// all, what is answered is compressed.
///
/// # Errors
/// A rule that cannot be compiled. Reading `web.config` finds these first; this is for what it cannot have seen.
fn filtered(inner: Arc<dyn Handler>, app: &AppSpec) -> Result<Arc<dyn Handler>, Box<Failure>> {
    let rules = rewrite::compile(&app.rules.rewrite).map_err(|errors| {
        let cause = errors.first().map_or_else(String::new, |error| {
            let name = app.rules.rewrite.rules.get(error.rule).map_or("", |rule| rule.name.as_str());
            format!("The rewrite rule '{name}' cannot be used: {}.", error.message)
        });
        Box::new(Failure::new(StatusCode::BAD_CONFIGURATION, cause))
    })?;
    let answers = app.rules.answers.clone();
    let options = FilterOptions {
        filtering: app.rules.filtering.clone(),
        rules,
        base: app.virtual_path.trim_end_matches('/').to_owned(),
        files: Box::new(Folder { root: app.physical_path.to_string_lossy().into_owned() }),
        pages: Box::new(move |refusal| pages::refusal(refusal, &answers)),
    };
    let filtered = Arc::new(FilterHandler::new(authenticated(inner, app), options));
    Ok(match &app.rules.compression {
        None => filtered,
        Some(compression) => Arc::new(CompressionHandler::new(filtered, compression.clone())),
    })
}

/// The app as the server sees it: its rules before it, and before these whether it may be reached without TLS.
///
/// # Errors
/// As [`filtered`].
pub(super) fn application(
    inner: Arc<dyn Handler>,
    app: &AppSpec,
    edge: &Edge,
    (number, place): (usize, &Place),
) -> Result<Application, Box<Failure>> {
    let headers = &app.rules.answers.headers;
    let application = Application::new(filtered(inner, app)?)
        .with_max_request_body(app.max_request_body)
        .with_response_headers(headers)
        .with_accounting(edge.accounting(&app.site_name, &app.virtual_path));
    Ok(place.over_https(number, application, headers))
}

/// The app's folder. Names on this system count by case, while those of a request that asks for a file of another
/// system's making need not: a file in any case counts as there.
struct Folder {
    root: String,
}

impl FileSystem for Folder {
    fn root(&self) -> &str {
        &self.root
    }

    fn kind(&self, path: &str) -> Option<FileKind> {
        let mut full = PathBuf::from(&self.root);
        for segment in path.split('/').filter(|segment| !segment.is_empty() && *segment != ".") {
            if segment == ".." {
                return None;
            }
            let exact = full.join(segment);
            full = if exact.symlink_metadata().is_ok() { exact } else { in_any_case(&full, segment)? };
        }
        let metadata = fs::metadata(&full).ok()?;
        if metadata.is_dir() {
            Some(FileKind::Directory)
        } else if metadata.is_file() {
            Some(FileKind::File)
        } else {
            None
        }
    }
}

fn in_any_case(folder: &PathBuf, name: &str) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder).ok()?.flatten();
    let found = entries
        .find(|entry| entry.file_name().to_str().is_some_and(|known| known.eq_ignore_ascii_case(name)));
    found.map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_looked_at_in_any_case() {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir(scratch.path().join("Bin")).unwrap();
        fs::write(scratch.path().join("Bin/Web.Config"), "").unwrap();
        let folder = Folder { root: scratch.path().to_string_lossy().into_owned() };
        assert_eq!(folder.kind("/bin"), Some(FileKind::Directory));
        assert_eq!(folder.kind("/BIN/web.config"), Some(FileKind::File));
        assert_eq!(folder.kind("/bin/../Bin"), None);
        assert_eq!(folder.kind("/other"), None);
        assert_eq!(folder.kind("/"), Some(FileKind::Directory));
    }
}
