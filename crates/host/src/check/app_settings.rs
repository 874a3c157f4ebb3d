//! The app's `appsettings.json` files: what is not JSON ends nearly every app at its start.
//!
//! .NET reads them with comments and with commas at the end of lists.

use std::ffi::OsString;
use std::path::Path;

use mews_model::{Severity, Source, StatusCode};

use super::problem::Problem;
use super::report::Report;

/// Larger files are not looked at, in bytes.
const MOST_BYTES: u64 = 4 << 20;

pub(super) fn check(folder: &Path, environment: &[(OsString, OsString)], report: &mut Report) {
    let get = |wanted: &str| {
        environment.iter().find(|(name, _)| name == wanted).and_then(|(_, value)| value.to_str())
    };
    let name = get("ASPNETCORE_ENVIRONMENT").or_else(|| get("DOTNET_ENVIRONMENT")).unwrap_or("Production");
    for file in ["appsettings.json".to_owned(), format!("appsettings.{name}.json")] {
        let path = folder.join(file);
        let Ok(metadata) = std::fs::metadata(&path) else { continue };
        if !metadata.is_file() || metadata.len() > MOST_BYTES {
            continue;
        }
        let problem = match std::fs::read(&path) {
            Ok(bytes) => malformed(&path, &bytes),
            Err(error) => Some(
                Problem::new(Severity::Error, format!("{} cannot be read: {error}", path.display()))
                    .help("make the file readable for the user that Mews runs as"),
            ),
        };
        if let Some(problem) = problem {
            report.add(problem.status(StatusCode::START_FAILED));
        }
    }
}

fn malformed(path: &Path, bytes: &[u8]) -> Option<Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let source = Source::new(path.to_string_lossy(), String::from_utf8_lossy(bytes));
    let (at, message) = match serde_json::from_slice::<serde_json::Value>(&plain_json(bytes)) {
        Ok(value) if value.is_object() => return None,
        Ok(_) => (source.span(0..1), "the file holds no JSON object".to_owned()),
        Err(error) => {
            let message = error.to_string();
            let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(text, _)| text);
            (source.point(error.line(), error.column()), format!("the file is not valid JSON: {message}"))
        }
    };
    let diagnostic = source.error_at(at, message).help("mend the file; the app reads it when it starts");
    Some(Problem::in_text(&diagnostic, Some(&source)))
}

/// Comments, and commas before a closing bracket, become blanks; positions stay.
fn plain_json(text: &[u8]) -> Vec<u8> {
    let mut out = text.to_vec();
    let mut blank = |from: usize, to: usize| {
        for byte in out.iter_mut().take(to).skip(from).filter(|byte| !matches!(byte, b'\n' | b'\r')) {
            *byte = b' ';
        }
    };
    let mut comma = None;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        let mut next = at + 1;
        match byte {
            b'"' => {
                next = at + string_length(rest);
                comma = None;
            }
            b'/' if rest.starts_with(b"//") => {
                next = at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                blank(at, next);
            }
            b'/' if rest.starts_with(b"/*") => {
                let end = rest.get(2..).unwrap_or_default().windows(2).position(|pair| pair == b"*/");
                next = at + end.map_or(rest.len(), |end| end + 4);
                blank(at, next);
            }
            b',' => comma = Some(at),
            b']' | b'}' => {
                if let Some(comma) = comma.take() {
                    blank(comma, comma + 1);
                }
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => comma = None,
        }
        at = next;
    }
    out
}

/// With both quotes; all of the rest when the second is missing.
fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Option<String> {
        malformed(Path::new("appsettings.json"), text.as_bytes())?.one_line()
    }

    #[test]
    fn what_dotnet_reads_is_fine() {
        for text in [
            "{}",
            "\u{feff}{\"a\": 1}",
            "{ // why, not\n \"a\": [1, 2, ], /* and, } */ \"url\": \"http://x/*,]\", \"q\": \"\\\"//\",\n}",
        ] {
            assert_eq!(place(text), None, "{text}");
        }
    }

    #[test]
    fn what_it_does_not_is_placed() {
        for (text, expected) in [
            ("{\n  \"a\" 1\n}", "appsettings.json:2:7: the file is not valid JSON: expected `:`"),
            ("{\"a\": }", "appsettings.json:1:7: "),
            ("{\"a\": 1,, }", "appsettings.json:1:11: "),
            ("{\"a\": \"b", "appsettings.json:1:8: "),
            ("[]", "appsettings.json:1:1: the file holds no JSON object"),
            ("", "appsettings.json:1:1: "),
            ("/*", "appsettings.json:1:2: "),
        ] {
            let problem = place(text).unwrap_or_default();
            assert!(problem.starts_with(expected), "{text}: {problem}");
        }
    }

    #[test]
    fn the_environments_own_file_counts() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("appsettings.Staging.json"), "{").unwrap();
        let problems = |environment: &[(OsString, OsString)]| {
            let mut report = Report::default();
            check(folder.path(), environment, &mut report);
            report.problems.len()
        };
        assert_eq!(problems(&[]), 0);
        assert_eq!(problems(&[("ASPNETCORE_ENVIRONMENT".into(), "Staging".into())]), 1);
    }
}
