//! What to execute: `processPath` and `arguments`, as Windows wrote them, turned into a program and its arguments.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use mews_clr::hostfxr::{Environment, arguments, resolve};
use mews_model::{Failure, StatusCode};

use super::executable::{on_path, problem_of};
use crate::control::{AppSpec, Launch};

/// What to execute.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Executable {
    /// The program. Absolute.
    pub(crate) path: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// The .NET that was found, for `DOTNET_ROOT`.
    pub(crate) dotnet_root: Option<PathBuf>,
}

type Result<T> = std::result::Result<T, Box<Failure>>;

fn failure(cause: impl Into<String>, cure: impl Into<String>) -> Box<Failure> {
    Box::new(Failure::new(StatusCode::PROCESS_FAILED, cause).with_cure(cure))
}

/// Finds it anew for each start, since the folder may have changed.
pub(crate) fn find(app: &AppSpec) -> Result<Executable> {
    let root = || resolve(&Environment::of_process(), None).ok().map(|found| found.root);
    let mut executable = match &app.launch {
        Launch::Dll(dll) => dotnet(vec![dll.clone().into()])?,
        Launch::Process { process_path, arguments } => {
            process(process_path, arguments, &app.physical_path, root)?
        }
    };
    executable.arguments.extend(app.args.iter().map(OsString::from));
    Ok(executable)
}

/// Why a program that was found could not be started after all.
pub(super) fn not_started(executable: &Executable, error: &io::Error) -> Box<Failure> {
    let path = executable.path.display();
    let errno = rustix::io::Errno::from_io_error(error);
    let (why, cure) = match errno {
        Some(rustix::io::Errno::NOENT) => (
            "what it needs to run is not there: its interpreter or its loader",
            "Look at its first line if it is a script; a program may be built for another C library (musl, glibc).",
        ),
        Some(rustix::io::Errno::ACCESS) => (
            "permission was denied",
            "Check the permissions of the file, of its folders, and mount options (noexec).",
        ),
        _ => {
            return failure(
                format!("{path} cannot be executed: {error}."),
                "Check the limits of processes, descriptors and memory.",
            );
        }
    };
    failure(format!("{path} cannot be executed: {why}."), cure)
}

/// `dotnet` with these arguments.
fn dotnet(arguments: Vec<OsString>) -> Result<Executable> {
    match resolve(&Environment::of_process(), None) {
        Ok(found) => {
            let beside = found.root.join("dotnet");
            let path = if beside.is_file() { Some(beside) } else { on_path("dotnet") };
            let Some(path) = path else {
                return Err(failure(
                    format!("The .NET in {} has no dotnet executable.", found.root.display()),
                    "Install the ASP.NET Core runtime completely, or set DOTNET_ROOT to an installation that is.",
                ));
            };
            checked(Executable { path, arguments, dotnet_root: Some(found.root) })
        }
        Err(error) => match on_path("dotnet") {
            Some(path) => checked(Executable { path, arguments, dotnet_root: None }),
            None => {
                let tried: Vec<String> = error.tried.iter().map(ToString::to_string).collect();
                let failure = failure(format!("dotnet was not found: {error}."), error.cure());
                Err(Box::new(failure.with_detail(tried.join("\n"))))
            }
        },
    }
}

fn checked(executable: Executable) -> Result<Executable> {
    match problem_of(&executable.path) {
        None => Ok(executable),
        Some(problem) => {
            Err(failure(format!("{} {}.", executable.path.display(), problem.what), problem.cure))
        }
    }
}

fn process(
    process_path: &str,
    arguments: &str,
    folder: &Path,
    root: impl FnOnce() -> Option<PathBuf>,
) -> Result<Executable> {
    let process_path = process_path.trim();
    let bytes = process_path.as_bytes();
    if process_path.starts_with(r"\\") || (bytes.get(1) == Some(&b':') && bytes[0].is_ascii_alphabetic()) {
        return Err(failure(
            format!("processPath is '{process_path}', a path of Windows."),
            "Write processPath=\"dotnet\", or the app's executable relative to its folder.",
        ));
    }
    let path = process_path.replace('\\', "/");
    let file = path.rsplit('/').next().unwrap_or(&path);
    if file.is_empty() {
        return Err(failure(
            format!("processPath is '{process_path}', which names no file."),
            "Write processPath=\"dotnet\", or the app's executable.",
        ));
    }
    let is_dotnet = strip_exe(file).eq_ignore_ascii_case("dotnet");
    if is_dotnet && !path.contains('/') {
        return dotnet(dotnet_arguments(arguments, folder)?);
    }
    let own = folder.join(&path).components().collect::<PathBuf>();
    let plain = own.with_file_name(strip_exe(file));
    // Of a pair that was published for Windows and Linux, ours is the one without the suffix.
    let found = [&plain, &own].into_iter().find(|path| path.is_file());
    let dll = || plain.with_file_name(format!("{}.dll", strip_exe(file)));
    let windows_only =
        found.is_none_or(|found| problem_of(found).is_some_and(|p| p.what.contains("Windows")));
    if !is_dotnet && windows_only && dll().is_file() {
        let mut all = vec![OsString::from(dll())];
        all.extend(split(arguments));
        return dotnet(all);
    }
    let path = match found {
        Some(found) => found.clone(),
        None if !path.contains('/') => {
            on_path(strip_exe(file)).or_else(|| on_path(file)).ok_or_else(|| {
                not_found(process_path, &format!("in {} or in the folders of PATH", folder.display()))
            })?
        }
        None => return Err(not_found(process_path, &format!("({} is not there)", own.display()))),
    };
    let arguments = if is_dotnet { dotnet_arguments(arguments, folder)? } else { split(arguments) };
    checked(Executable { path, arguments, dotnet_root: root() })
}

fn not_found(process_path: &str, place: &str) -> Box<Failure> {
    failure(
        format!("'{process_path}', which web.config names in processPath, was not found {place}."),
        "Mend processPath, or publish the app again. Letters in file names count by case here.",
    )
}

fn strip_exe(file: &str) -> &str {
    let at = file.len().saturating_sub(4);
    match (file.get(..at), file.get(at..)) {
        (Some(stem), Some(end)) if end.eq_ignore_ascii_case(".exe") && !stem.is_empty() => stem,
        _ => file,
    }
}

fn split(arguments: &str) -> Vec<OsString> {
    arguments::split(arguments).into_iter().map(OsString::from).collect()
}

/// The arguments of `dotnet`. The app's own .dll is looked at: what is not there would only be told by an exit code.
fn dotnet_arguments(text: &str, folder: &Path) -> Result<Vec<OsString>> {
    let whole = text.trim();
    // A path with spaces and without quotes is still one path if there is such a file.
    for (first, rest) in [(None, Some(whole)), (Some("exec"), whole.strip_prefix("exec ").map(str::trim))] {
        if let Some(path) = rest.filter(|rest| is_dll(rest)).map(|rest| rest.replace('\\', "/"))
            && folder.join(&path).is_file()
        {
            return Ok(first.into_iter().map(OsString::from).chain([path.into()]).collect());
        }
    }
    let mut parts = arguments::split(whole);
    let Some(at) = parts.iter().position(|part| is_dll(part)) else {
        if parts.is_empty() {
            return Err(failure(
                "processPath is dotnet, but arguments is empty.",
                "Name the app's main .dll in arguments, as in arguments=\".\\App.dll\".",
            ));
        }
        return Ok(parts.into_iter().map(OsString::from).collect());
    };
    let is_app = at == 0 || (at == 1 && parts.first().is_some_and(|first| first == "exec"));
    if let Some(dll) = parts.get_mut(at) {
        let mapped = dll.replace('\\', "/");
        if is_app && !folder.join(&mapped).is_file() {
            return Err(failure(
                format!("{dll}, which web.config names in arguments, is not in {}.", folder.display()),
                "Publish the app again, and copy the whole folder. Letters in file names count by case here.",
            ));
        }
        *dll = mapped;
    }
    Ok(parts.into_iter().map(OsString::from).collect())
}

fn is_dll(text: &str) -> bool {
    text.len() > 4 && text.get(text.len() - 4..).is_some_and(|end| end.eq_ignore_ascii_case(".dll"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    fn find(process_path: &str, arguments: &str, folder: &Path) -> Result<(PathBuf, Vec<String>)> {
        let found = process(process_path, arguments, folder, || None)?;
        let arguments = found.arguments.into_iter().map(|argument| argument.into_string().unwrap());
        Ok((found.path, arguments.collect()))
    }

    #[test]
    fn executables_are_found_below_the_folder_and_on_the_path() {
        let script = b"#!/bin/sh\n";
        let folder =
            folder(&[("App", script), ("App.exe", b"MZ"), ("bin/Tool", script), ("Old.exe", script)]);
        let root = folder.path();
        for (process_path, expected) in [
            ("./App", "App"),
            (r".\App.exe", "App"),
            ("App.EXE", "App"),
            (r"bin\Tool", "bin/Tool"),
            ("Old.exe", "Old.exe"),
        ] {
            let (path, arguments) = find(process_path, r#"a "b c" .\x.dll"#, root).unwrap();
            assert_eq!(path, root.join(expected), "{process_path}");
            assert_eq!(arguments, ["a", "b c", r".\x.dll"]);
        }
        let (path, _) = find("sh", "", root).unwrap();
        assert!(path.is_absolute() && path.ends_with("sh"));
        let (path, _) = find("/bin/sh", "", root).unwrap();
        assert_eq!(path, Path::new("/bin/sh"));
    }

    #[test]
    fn what_is_not_there_is_told() {
        let folder = folder(&[("App.exe", b"MZ"), ("notes.txt", b"x")]);
        fs::set_permissions(folder.path().join("notes.txt"), fs::Permissions::from_mode(0o644)).unwrap();
        for (process_path, arguments, part) in [
            ("bogus", "", "'bogus', which web.config names in processPath, was not found in"),
            ("./bogus", "", "is not there"),
            (r"C:\app\App.exe", "", "a path of Windows"),
            ("App.exe", "", "is a program for Windows"),
            ("./notes.txt", "", "is not executable"),
            ("bin/", "", "names no file"),
            ("dotnet", "", "arguments is empty"),
            ("dotnet", r".\gone.dll", r".\gone.dll, which web.config names in arguments"),
            ("tools/dotnet", "x.dll", "'tools/dotnet'"),
        ] {
            let failure = find(process_path, arguments, folder.path()).unwrap_err();
            assert!(failure.cause.contains(part), "{process_path}: {}", failure.cause);
            assert_eq!(failure.code, StatusCode::PROCESS_FAILED);
        }
    }

    #[test]
    fn the_arguments_of_dotnet() {
        let folder = folder(&[("App.dll", b""), ("My App.dll", b""), ("bin/App.dll", b"")]);
        let made = |text: &str| -> Vec<String> {
            let made = dotnet_arguments(text, folder.path()).unwrap();
            made.into_iter().map(|argument| argument.into_string().unwrap()).collect()
        };
        for (text, expected) in [
            (r".\App.dll", &["./App.dll"][..]),
            (r"exec .\App.dll --x .\y.dll", &["exec", "./App.dll", "--x", r".\y.dll"]),
            ("My App.dll", &["My App.dll"]),
            ("exec My App.dll", &["exec", "My App.dll"]),
            (r#"--roll-forward Major bin\App.dll "a b""#, &["--roll-forward", "Major", "bin/App.dll", "a b"]),
            ("run --project x", &["run", "--project", "x"]),
        ] {
            assert_eq!(made(text), expected, "{text}");
        }
    }
}
