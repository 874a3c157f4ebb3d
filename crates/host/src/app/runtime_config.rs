//! A first look at an app's runtimeconfig.json.

use std::path::Path;

use mews_model::StatusCode;

use super::file;
use super::site::{ResolveError, other};

/// A runtimeconfig.json that is not JSON would only fail deep inside the .NET host.
pub(super) fn check(dll: &Path) -> Result<(), ResolveError> {
    let path = dll.with_extension("runtimeconfig.json");
    let text = match file::read_text(&path) {
        Ok(text) => text,
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => {
            return Err(other(
                StatusCode::CANNOT_RESOLVE,
                format!("{} is missing beside the app.", path.display()),
                "Publish the app again; a .dll without it is a library, not an app.",
            ));
        }
        Err(problem) => {
            let cause = format!("{} cannot be read: {problem}.", path.display());
            return Err(other(StatusCode::BAD_CONFIGURATION, cause, "Check its permissions and encoding."));
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let broken = |place: String, problem: String| {
        let cause = format!("{}{place}: {problem}.", path.display());
        other(StatusCode::BAD_CONFIGURATION, cause, "Publish the app again, or mend the file.")
    };
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) if value.get("runtimeOptions").is_some_and(serde_json::Value::is_object) => Ok(()),
        Ok(_) => Err(broken(String::new(), "runtimeOptions is missing".to_owned())),
        Err(error) => {
            let message = error.to_string();
            // The position goes before the text, as everywhere.
            let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(text, _)| text);
            Err(broken(format!(":{}:{}", error.line(), error.column()), message.to_owned()))
        }
    }
}
