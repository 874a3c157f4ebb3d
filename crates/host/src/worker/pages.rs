//! The host's own answers: failure pages, refusals, and the error pages that `web.config` puts in their place.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mews_model::filtering::Rejection;
use mews_model::web_config::{ErrorPage, ResponseMode};
use mews_model::{Failure, StatusCode};
use mews_server::{Application, Details, Page, PageHandler};

use super::Place;
use crate::app::file;
use crate::control::{AnswerRules, Audience, Hosted};

/// The page for a start that failed. `retry_after`: when the app is tried again.
pub(super) fn failure(failed: &Failure, rules: &AnswerRules, retry_after: Option<Duration>) -> PageHandler {
    if rules.no_failure_page {
        // What IIS calls a failed start of a process when it shows no page.
        let code =
            if failed.code == StatusCode::PROCESS_FAILED { StatusCode::BAD_GATEWAY } else { failed.code };
        return custom(code, rules).unwrap_or_else(|| PageHandler::bare(code.number));
    }
    let shown = failed.clone().shown(rules.details == Audience::Everybody);
    let for_local = (rules.details == Audience::Local).then(|| {
        let full = failed.clone().shown(true);
        Details { cause: full.cause, detail: full.detail }
    });
    PageHandler::new(&Page {
        status: failed.code.number,
        sub_status: failed.code.sub_status,
        title: failed.code.title().to_owned(),
        cause: shown.cause,
        cure: shown.cure,
        detail: shown.detail,
        for_local,
        link: rules.link.clone(),
        retry_after: retry_after.map(whole_seconds),
        ..Page::default()
    })
}

/// The answer to a request whose process cannot be had.
pub(super) fn process_failure(
    failed: &Failure,
    rules: &AnswerRules,
    retry_after: Option<Duration>,
) -> PageHandler {
    if failed.code == StatusCode::UNAVAILABLE { stopping() } else { failure(failed, rules, retry_after) }
}

/// What is served of a pool's other application, the one of this number, that cannot be hosted.
pub(super) fn of_other(other: &Hosted, (number, place): (usize, &Place)) -> Application {
    let (page, headers) = match other {
        Hosted::Refused(page) => {
            (failure(&page.failure, &page.rules, page.retry_after), &*page.rules.headers)
        }
        // Only one application is hosted in-process.
        Hosted::App(_) => (no_worker(), &[][..]),
    };
    let application = Application::new(Arc::new(page)).with_response_headers(headers);
    place.over_https(number, application, headers)
}

/// The page for a request that is refused.
pub(super) fn refusal(refusal: &Rejection, rules: &AnswerRules) -> PageHandler {
    let page = custom(refusal.code, rules).unwrap_or_else(|| {
        PageHandler::new(&Page {
            status: refusal.code.number,
            sub_status: refusal.code.sub_status,
            title: refusal.code.title().to_owned(),
            cause: refusal.cause.clone(),
            cure: refusal.code.cure().to_owned(),
            ..Page::default()
        })
    });
    if refusal.code == StatusCode::CONTENT_LENGTH_TOO_LARGE { page.closing() } else { page }
}

/// The answer to a request for a host name that no site has, in the words of HTTP.sys.
pub(crate) fn invalid_host() -> PageHandler {
    let page = PageHandler::new(&Page {
        status: 400,
        title: "Bad Request - Invalid Hostname".to_owned(),
        cause: "The request hostname is invalid: no site here has a binding with this host name.".to_owned(),
        cure: "Use the name that the site is known under, or add a binding with this name to the site."
            .to_owned(),
        ..Page::default()
    });
    page.with_reason("Bad Request").closing()
}

/// The answer to a request whose host is not that for which its connection was made.
pub(crate) fn misdirected() -> PageHandler {
    PageHandler::new(&Page {
        status: 421,
        title: "Misdirected Request".to_owned(),
        cause: "This connection was made for another host: this one has another certificate, or is not served over HTTP/2."
            .to_owned(),
        cure: "Send the request over a connection of its own, as browsers do by themselves.".to_owned(),
        ..Page::default()
    })
}

/// The answer to a request for a pool whose worker cannot be waited for.
pub(crate) fn no_worker() -> PageHandler {
    let page = PageHandler::new(&Page {
        status: 503,
        title: "Service Unavailable".to_owned(),
        cause: "The application pool that serves this address takes no requests now.".to_owned(),
        cure: "Send the request again in a moment; what keeps the pool from starting is in the log."
            .to_owned(),
        ..Page::default()
    });
    page.closing()
}

/// The answer to whatever comes when the app is stopping.
pub(super) fn stopping() -> PageHandler {
    PageHandler::new(&Page {
        status: StatusCode::UNAVAILABLE.number,
        sub_status: StatusCode::UNAVAILABLE.sub_status,
        title: "The app is stopping".to_owned(),
        cause: "The application is stopping.".to_owned(),
        cure: "Try again in a moment.".to_owned(),
        retry_after: Some(1),
        ..Page::default()
    })
}

/// The answer while the app is offline: the file, and nothing else.
pub(super) fn offline(path: &Path) -> PageHandler {
    let bytes = file::read_whole(path).unwrap_or_else(|problem| {
        // One that has gone again meanwhile brings the app back.
        if problem.kind() != io::ErrorKind::NotFound {
            tracing::warn!("{} cannot be shown: {problem}; an empty page is", path.display());
        }
        Vec::new()
    });
    PageHandler::body(StatusCode::UNAVAILABLE.number, "text/html", bytes)
}

/// What `httpErrors` has for a status. A page that cannot be used is logged, and the host's own is shown.
fn custom(code: StatusCode, rules: &AnswerRules) -> Option<PageHandler> {
    let errors = rules.errors.as_ref()?;
    let (path, mode) = match errors.page(code.number, code.sub_status) {
        Some(page) => (localized(page, &rules.folder), page.mode),
        None => errors.default_page.clone()?,
    };
    if mode == ResponseMode::Redirect {
        let ascii = path.bytes().all(|byte| byte.is_ascii_graphic());
        return ascii.then(|| PageHandler::redirect(302, &path));
    }
    match read(&rules.folder, &path) {
        Ok(bytes) => Some(PageHandler::body(code.number, content_type(&path), bytes)),
        Err(problem) => {
            tracing::warn!("the error page '{path}' of httpErrors for {code} cannot be shown: {problem}");
            None
        }
    }
}

/// With `prefixLanguageFilePath` the page lies in a folder of the language below it; only one language is known here.
fn localized(page: &ErrorPage, folder: &Path) -> String {
    if page.language_prefix.is_empty() {
        return page.path.clone();
    }
    let prefix = page.language_prefix.trim_end_matches(['/', '\\']);
    let english = format!("{prefix}/en-US/{}", page.path);
    if read(folder, &english).is_ok() { english } else { format!("{prefix}/{}", page.path) }
}

/// Reads a file of the app's folder, which no path leads out of.
fn read(folder: &Path, path: &str) -> Result<Vec<u8>, String> {
    let slashed = path.replace('\\', "/");
    let relative = slashed.trim_start_matches("~/").trim_start_matches('/');
    let full: PathBuf = folder.join(relative).canonicalize().map_err(|error| error.to_string())?;
    let root = folder.canonicalize().map_err(|error| error.to_string())?;
    if !full.starts_with(&root) {
        return Err("it is not in the app's folder".to_owned());
    }
    file::read_whole(&full).map_err(|error| error.to_string())
}

fn content_type(path: &str) -> &'static str {
    let extension = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "htm" | "html" => "text/html; charset=utf-8",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "xml" => "application/xml",
        _ => "application/octet-stream",
    }
}

/// Rounded up, and never 0, which would ask clients to come back at once.
fn whole_seconds(span: Duration) -> u32 {
    u32::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_files_of_the_folder_are_read() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("app");
        fs::create_dir_all(folder.join("errors")).unwrap();
        fs::write(folder.join("errors/down.htm"), "down").unwrap();
        fs::write(scratch.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink(scratch.path().join("secret"), folder.join("link.htm")).unwrap();
        for path in ["errors/down.htm", "/errors/down.htm", "~/errors\\down.htm", ".\\errors\\down.htm"] {
            assert_eq!(read(&folder, path).unwrap(), b"down", "{path}");
        }
        for path in ["../secret", "/../secret", "link.htm", "errors", "gone.htm", ""] {
            assert!(read(&folder, path).is_err(), "{path}");
        }
    }
}
