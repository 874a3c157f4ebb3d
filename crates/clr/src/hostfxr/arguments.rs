//! `processPath` and `arguments` of `web.config`, as Windows wrote them, turned into an app and its arguments.
//!
//! Only text and the existence of files; what kind of app it is says [`App::inspect`](super::App::inspect).

use std::path::{Path, PathBuf};

use super::app::has_extension;

/// What shall be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The app's assembly or executable, absolute if the folder was.
    pub app: PathBuf,
    /// The `dotnet` executable, if the configuration names one by path.
    pub dotnet: Option<PathBuf>,
    /// Options for the host that come before the app (`--roll-forward Major`).
    pub host_options: Vec<String>,
    /// The app's own arguments.
    pub arguments: Vec<String>,
}

/// The two attributes name no app. All of these are 500.0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentsError {
    /// `processPath` is empty.
    #[error("`processPath` is empty")]
    NoProcessPath,
    /// A path with a drive letter or a UNC name.
    #[error("`processPath` is `{path}`, a path of Windows")]
    WindowsPath {
        /// As written.
        path: String,
    },
    /// A `dotnet` with a folder that is not there.
    #[error("could not find dotnet at {path}")]
    DotnetMissing {
        /// What was looked for.
        path: PathBuf,
    },
    /// `dotnet` with nothing to run.
    #[error("`processPath` is dotnet, but `arguments` is empty")]
    NoArguments,
    /// `dotnet` with something else than an assembly.
    #[error("`arguments` begins with `{first}`, which is not a .dll")]
    NotADll {
        /// The first argument that is no option.
        first: String,
    },
    /// An option of the host without its value.
    #[error("`{option}` in `arguments` has no value or no .dll after it")]
    OptionWithoutValue {
        /// The option.
        option: String,
    },
}

impl ArgumentsError {
    /// What the user can do.
    #[must_use]
    pub fn cure(&self) -> &'static str {
        match self {
            Self::NoProcessPath => "Write processPath=\"dotnet\" and the app's .dll in `arguments`.",
            Self::WindowsPath { .. } => {
                "Write processPath=\"dotnet\"; where .NET is installed is found out (see DOTNET_ROOT)."
            }
            Self::DotnetMissing { .. } => "Write processPath=\"dotnet\" without a folder, or mend the path.",
            Self::NoArguments => "Name the app's main .dll in `arguments`, as in arguments=\".\\App.dll\".",
            Self::NotADll { .. } => {
                "Name the published app's main .dll; commands of the SDK (`run`, `watch`) cannot be hosted."
            }
            Self::OptionWithoutValue { .. } => "Write `--option value App.dll`, or leave the option out.",
        }
    }
}

/// Options of `dotnet [exec]` that take a value and may come before the app.
const HOST_OPTIONS: [&str; 7] = [
    "--additional-deps",
    "--additionalprobingpath",
    "--depsfile",
    "--fx-version",
    "--roll-forward",
    "--roll-forward-on-no-candidate-fx",
    "--runtimeconfig",
];

/// Reads the two attributes, after `%VAR%` has been expanded. Relative paths are relative to `folder`.
///
/// # Errors
/// They do not name an app.
pub fn parse(process_path: &str, arguments: &str, folder: &Path) -> Result<Launch, ArgumentsError> {
    let process_path = process_path.trim();
    if process_path.is_empty() {
        return Err(ArgumentsError::NoProcessPath);
    }
    let bytes = process_path.as_bytes();
    if process_path.starts_with(r"\\") || (bytes.get(1) == Some(&b':') && bytes[0].is_ascii_alphabetic()) {
        return Err(ArgumentsError::WindowsPath { path: process_path.to_owned() });
    }
    let path = forward(process_path);
    let file = path.rsplit('/').next().unwrap_or(&path);
    if !(file.eq_ignore_ascii_case("dotnet") || file.eq_ignore_ascii_case("dotnet.exe")) {
        let arguments = split(arguments);
        return Ok(Launch {
            app: absolute(folder, &path),
            dotnet: None,
            host_options: Vec::new(),
            arguments,
        });
    }
    let dotnet = path.contains('/').then(|| existing_dotnet(&absolute(folder, &path))).transpose()?;
    let (app, host_options, arguments) = portable(arguments, folder)?;
    Ok(Launch { app, dotnet, host_options, arguments })
}

/// A `dotnet` given with a folder, `.exe` or not.
fn existing_dotnet(path: &Path) -> Result<PathBuf, ArgumentsError> {
    if path.is_file() {
        return Ok(path.to_owned());
    }
    let plain = path.with_extension("");
    if has_extension(path, "exe") && plain.is_file() {
        return Ok(plain);
    }
    Err(ArgumentsError::DotnetMissing { path: path.to_owned() })
}

/// `[exec] [options] App.dll args`.
fn portable(text: &str, folder: &Path) -> Result<(PathBuf, Vec<String>, Vec<String>), ArgumentsError> {
    let whole = text.trim();
    if whole.is_empty() {
        return Err(ArgumentsError::NoArguments);
    }
    // A path with spaces and without quotes is still one path if there is such a file.
    if let Some(app) = existing(folder, whole) {
        return Ok((app, Vec::new(), Vec::new()));
    }
    if let Some(app) = whole.strip_prefix("exec ").and_then(|rest| existing(folder, rest.trim())) {
        return Ok((app, Vec::new(), Vec::new()));
    }
    let mut parts = split(whole).into_iter().peekable();
    parts.next_if(|first| first == "exec");
    let mut options = Vec::new();
    while let Some(option) = parts.next_if(|part| HOST_OPTIONS.contains(&part.as_str())) {
        let Some(value) = parts.next() else { return Err(ArgumentsError::OptionWithoutValue { option }) };
        options.extend([option, value]);
    }
    let Some(first) = parts.next() else {
        return Err(options
            .into_iter()
            .next()
            .map_or(ArgumentsError::NoArguments, |option| ArgumentsError::OptionWithoutValue { option }));
    };
    if !has_extension(Path::new(&forward(&first)), "dll") {
        return Err(ArgumentsError::NotADll { first });
    }
    let app = absolute(folder, &forward(&first));
    let rest = parts.map(|part| match has_extension(Path::new(&forward(&part)), "dll") {
        true => existing(folder, &part).map_or(part, |path| path.to_string_lossy().into_owned()),
        false => part,
    });
    Ok((app, options, rest.collect()))
}

/// The absolute path of an existing file, or nothing.
fn existing(folder: &Path, text: &str) -> Option<PathBuf> {
    [absolute(folder, text), absolute(folder, &forward(text))].into_iter().find(|path| path.is_file())
}

fn forward(path: &str) -> String {
    path.replace('\\', "/")
}

/// `path` under `folder` unless it is absolute, without `.` parts.
fn absolute(folder: &Path, path: &str) -> PathBuf {
    folder.join(path).components().collect()
}

/// Splits arguments by the rules of Windows: white space separates, double quotes keep together, `\"` is a quote,
/// backslashes before a quote count half, and `""` inside quotes is a quote.
#[must_use]
pub fn split(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part: Option<String> = None;
    let mut quoted = false;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' if !quoted => parts.extend(part.take()),
            '\\' => {
                let mut count = 1;
                while rest.next_if_eq(&'\\').is_some() {
                    count += 1;
                }
                let part = part.get_or_insert_default();
                if rest.peek() == Some(&'"') {
                    part.extend(std::iter::repeat_n('\\', count / 2));
                    if count % 2 == 1 {
                        rest.next();
                        part.push('"');
                    }
                } else {
                    part.extend(std::iter::repeat_n('\\', count));
                }
            }
            '"' if quoted && rest.next_if_eq(&'"').is_some() => part.get_or_insert_default().push('"'),
            '"' => {
                quoted = !quoted;
                part.get_or_insert_default();
            }
            c => part.get_or_insert_default().push(c),
        }
    }
    parts.extend(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_as_windows_does() {
        let table: [(&str, &[&str]); 16] = [
            ("", &[]),
            ("   ", &[]),
            ("a b\tc", &["a", "b", "c"]),
            (r#"exec "test.dll""#, &["exec", "test.dll"]),
            (r#""a b" c"#, &["a b", "c"]),
            (r#"a"b c"d"#, &["ab cd"]),
            (r#""""#, &[""]),
            (r#"a "" b"#, &["a", "", "b"]),
            (r"C:\logs\x", &[r"C:\logs\x"]),
            (r#"a\"b"#, &[r#"a"b"#]),
            (r#"a\\"b c""#, &[r"a\b c"]),
            (r#"a\\\"b c"#, &[r#"a\"b"#, "c"]),
            (r"a\\b", &[r"a\\b"]),
            (r#""a""b""#, &[r#"a"b"#]),
            (r#""open end"#, &["open end"]),
            ("π 'x y'", &["π", "'x", "y'"]),
        ];
        for (text, expected) in table {
            assert_eq!(split(text), expected, "{text}");
        }
    }

    fn app_folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in ["App.dll", "bin/App.dll", "π ≠ 3·14/App.dll", "tools/dotnet"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    #[test]
    fn finds_the_app_and_its_arguments() {
        let folder = app_folder();
        let root = folder.path().to_str().unwrap();
        let table: [(&str, String, &str, &[&str]); 13] = [
            ("dotnet", r".\App.dll".into(), "App.dll", &[]),
            ("DotNet.EXE", "App.dll --x".into(), "App.dll", &["--x"]),
            ("dotnet", format!("exec {root}/bin/App.dll"), "bin/App.dll", &[]),
            ("dotnet", "π ≠ 3·14/App.dll".into(), "π ≠ 3·14/App.dll", &[]),
            ("dotnet", r"exec π ≠ 3·14\App.dll".into(), "π ≠ 3·14/App.dll", &[]),
            (
                "dotnet",
                format!(r#"exec "{root}/π ≠ 3·14/App.dll" extra arguments"#),
                "π ≠ 3·14/App.dll",
                &["extra", "arguments"],
            ),
            ("dotnet", r#"bin/App.dll "extra argument""#.into(), "bin/App.dll", &["extra argument"]),
            ("dotnet", "not-exist.dll".into(), "not-exist.dll", &[]),
            (
                "dotnet",
                r"App.dll C:\data --path .\logs".into(),
                "App.dll",
                &[r"C:\data", "--path", r".\logs"],
            ),
            ("./App", "args here".into(), "App", &["args", "here"]),
            (r".\App.exe", r#""additional argument""#.into(), "App.exe", &["additional argument"]),
            (r"π ≠ 3·14\App.exe", String::new(), "π ≠ 3·14/App.exe", &[]),
            ("App", String::new(), "App", &[]),
        ];
        for (process_path, arguments, app, expected) in table {
            let launch = parse(process_path, &arguments, folder.path()).unwrap();
            assert_eq!(launch.app, folder.path().join(app), "{process_path} {arguments}");
            assert_eq!(launch.arguments, expected, "{process_path} {arguments}");
            assert_eq!(launch.dotnet, None);
        }
    }

    #[test]
    fn later_assemblies_become_absolute_if_they_exist() {
        let folder = app_folder();
        let launch = parse("dotnet", r".\App.dll bin\App.dll none.dll", folder.path()).unwrap();
        let there = folder.path().join("bin/App.dll");
        assert_eq!(launch.arguments, [there.to_str().unwrap(), "none.dll"]);
    }

    #[test]
    fn passes_options_of_the_host_on() {
        let folder = app_folder();
        let launch =
            parse("dotnet", "exec --roll-forward Major App.dll --roll-forward x", folder.path()).unwrap();
        assert_eq!(launch.host_options, ["--roll-forward", "Major"]);
        assert_eq!(launch.arguments, ["--roll-forward", "x"]);
    }

    #[test]
    fn a_dotnet_with_a_folder_must_be_there() {
        let folder = app_folder();
        let launch = parse(r"tools\dotnet.exe", "App.dll", folder.path()).unwrap();
        assert_eq!(launch.dotnet, Some(folder.path().join("tools/dotnet")));
        let error = parse(r".\dotnet.exe", "App.dll", folder.path()).unwrap_err();
        assert_eq!(error, ArgumentsError::DotnetMissing { path: folder.path().join("dotnet.exe") });
    }

    #[test]
    fn says_what_is_wrong() {
        let folder = app_folder();
        let cases = [
            (" ", "App.dll", "`processPath` is empty"),
            (r"C:\Program Files\dotnet\dotnet.exe", "App.dll", "a path of Windows"),
            ("dotnet", "  ", "`arguments` is empty"),
            ("dotnet", "exec", "`arguments` is empty"),
            ("dotnet", "run --project x", "begins with `run`"),
            ("dotnet", "--fx-version 9.0.0", "`--fx-version` in `arguments` has no value or no .dll"),
            ("dotnet", "--fx-version", "`--fx-version` in `arguments` has no value or no .dll"),
        ];
        for (process_path, arguments, text) in cases {
            let error = parse(process_path, arguments, folder.path()).unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
            assert!(!error.cure().is_empty());
        }
    }
}
