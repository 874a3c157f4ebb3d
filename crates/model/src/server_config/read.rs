//! From bytes to a configuration, whatever the format.

use std::path::Path;

use super::draft::Draft;
use super::{Loaded, Problems, application_host, mews_toml, validate};
use crate::diagnostic::{Diagnostic, Source};
use crate::web_config::decode::decode;
use crate::web_config::report::Report;
use crate::web_config::server_file;

/// Larger files are refused.
const MOST_BYTES: usize = 1 << 20;

/// The formats of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `mews.toml`.
    #[default]
    MewsToml,
    /// `applicationHost.config` of IIS.
    ApplicationHost,
}

impl Format {
    /// Told by the name's end, and for other names by what the file begins with.
    pub fn of(file: &str, bytes: &[u8]) -> Self {
        let ends = |end: &str| {
            let at = file.len().checked_sub(end.len());
            at.and_then(|at| file.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
        };
        let xml = || bytes.iter().find(|byte| byte.is_ascii_graphic()) == Some(&b'<');
        if !ends(".toml") && (ends(".config") || ends(".xml") || xml()) {
            Self::ApplicationHost
        } else {
            Self::MewsToml
        }
    }
}

/// What surrounds a file.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The file's name in messages.
    pub file: &'a str,
    /// The folder that it is in, absolute: relative paths begin there.
    pub folder: &'a Path,
    /// The environment, for `%NAME%` in files of IIS.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Processors of the machine: IIS limits a pool to a part of them.
    pub processors: u32,
}

/// Reads a file's bytes.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(bytes: &[u8], surroundings: Surroundings<'_>) -> Result<Loaded, Box<Problems>> {
    let broken =
        |source: Source, problem: Diagnostic| Err(Box::new(Problems { source, diagnostics: vec![problem] }));
    let file = surroundings.file;
    if bytes.len() > MOST_BYTES {
        let source = Source::new(file, "");
        let problem = source
            .error_in_file(format!("the file is larger than {MOST_BYTES} bytes"))
            .help("it holds the settings of sites and pools only: is it the right file?");
        return broken(source, problem);
    }
    match Format::of(file, bytes) {
        Format::MewsToml => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            match std::str::from_utf8(bytes) {
                Ok(text) => {
                    let source = Source::new(file, text);
                    let mut report = Report::new(std::slice::from_ref(&source));
                    let draft = mews_toml::read(&source, surroundings.folder, &mut report);
                    finish(draft, report, None, &source)
                }
                Err(error) => {
                    let at = error.valid_up_to();
                    let source = Source::new(file, String::from_utf8_lossy(bytes));
                    let problem = source
                        .error(at..at + 1, "the file is not valid UTF-8 from here on")
                        .help("save it as UTF-8");
                    broken(source, problem)
                }
            }
        }
        Format::ApplicationHost => match decode(file, bytes) {
            Ok((source, _)) if source.text.trim().is_empty() => {
                let problem = source.error_in_file("the file is empty").help("write at least one site");
                broken(source, problem)
            }
            Ok((source, notice)) => {
                let mut report = Report::new(std::slice::from_ref(&source));
                match server_file::read(&source, &mut report) {
                    Ok(tree) => {
                        let draft = application_host::read(&tree, bytes, surroundings, &mut report);
                        finish(draft, report, notice, &source)
                    }
                    Err(problem) => broken(source, *problem),
                }
            }
            Err(undecoded) => broken(undecoded.0, undecoded.1),
        },
    }
}

fn finish(
    draft: Draft,
    mut report: Report<'_>,
    notice: Option<Diagnostic>,
    source: &Source,
) -> Result<Loaded, Box<Problems>> {
    let config = validate::finish(draft, &mut report);
    let (found, failed) = report.finish();
    let diagnostics: Vec<Diagnostic> = notice.into_iter().chain(found).collect();
    let source = source.clone();
    if failed {
        return Err(Box::new(Problems { source, diagnostics }));
    }
    Ok(Loaded { config, source, warnings: diagnostics })
}
