//! A first look at what `web.config` wants started, before anything is.
//!
//! Only what tells a broken folder from a whole one early; what kind of app it is in the end, and how its
//! arguments are split, the worker finds out.

use std::path::{Path, PathBuf};

use mews_model::web_config::Launcher;
use mews_model::{Failure, HostingModel, StatusCode};

/// The .dll that a launcher names, as far as that can be seen: `dotnet .\Shop.dll` or `.\Shop.exe` beside a
/// `Shop.dll`. `None` when it cannot; then the worker decides.
///
/// # Errors
/// A placeholder that publishing should have replaced; in-process also a .dll that is not there. (Out-of-process that is a
/// process that cannot be started, and answered as one.)
pub(super) fn check(
    folder: &Path,
    launcher: &Launcher,
    model: HostingModel,
) -> Result<Option<PathBuf>, Box<Failure>> {
    let error = |cause: String, cure: &str| {
        Err(Box::new(Failure::new(StatusCode::CANNOT_RESOLVE, cause).with_cure(cure)))
    };
    let process = launcher.process_path.as_str();
    if process.contains("%LAUNCHER_PATH%") || launcher.arguments.contains("%LAUNCHER_ARGS%") {
        return error(
            format!("processPath is still the placeholder '{process}': this web.config was not published."),
            "Run 'dotnet publish -c Release -o out', then 'mews run out'.",
        );
    }
    let process = process.replace('\\', "/");
    let stem = process.rsplit('/').next().unwrap_or("");
    let stem = strip_suffix_ignoring_case(stem, ".exe");
    if !stem.eq_ignore_ascii_case("dotnet") {
        let dll = folder.join(Path::new(&process).with_file_name(format!("{stem}.dll")));
        return Ok(dll.is_file().then_some(dll));
    }
    let Some(argument) = first_dll(&launcher.arguments) else { return Ok(None) };
    let dll = folder.join(argument.replace('\\', "/"));
    if dll.is_file() {
        return Ok(dll.canonicalize().ok());
    }
    if model == HostingModel::OutOfProcess {
        return Ok(None);
    }
    error(
        format!("{argument}, which web.config names in arguments, is not in {}.", folder.display()),
        "Publish the app again, and copy the whole folder. Letters in file names count by case here.",
    )
}

fn strip_suffix_ignoring_case<'a>(text: &'a str, suffix: &str) -> &'a str {
    let at = text.len().saturating_sub(suffix.len());
    match (text.get(..at), text.get(at..)) {
        (Some(stem), Some(end)) if end.eq_ignore_ascii_case(suffix) => stem,
        _ => text,
    }
}

/// The first argument if it is a .dll: quoted, or up to the first space. `exec` may stand before it.
fn first_dll(arguments: &str) -> Option<&str> {
    let mut rest = arguments.trim_start();
    if let Some(after) = rest.strip_prefix("exec ") {
        rest = after.trim_start();
    }
    let argument = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        // A whole text that is the name of one file may hold spaces.
        None if rest.to_ascii_lowercase().ends_with(".dll") && !rest.contains('"') && !has_flag(rest) => rest,
        None => rest.split_whitespace().next()?,
    };
    argument.to_ascii_lowercase().ends_with(".dll").then_some(argument)
}

/// `a.dll --x b.dll` is not the name of one file.
fn has_flag(text: &str) -> bool {
    text.starts_with('-') || text.contains(" -") || text.to_ascii_lowercase().contains(".dll ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dll_in_the_arguments() {
        for (arguments, expected) in [
            (".\\Shop.dll", Some(".\\Shop.dll")),
            ("  exec Shop.DLL --x 1", Some("Shop.DLL")),
            ("\"My Shop.dll\" a b", Some("My Shop.dll")),
            ("My Shop.dll", Some("My Shop.dll")),
            ("Shop.dll other.dll", Some("Shop.dll")),
            ("Shop.dll --with other.dll", Some("Shop.dll")),
            ("--roll-forward Major Shop.dll", None),
            ("", None),
            ("\"", None),
        ] {
            assert_eq!(first_dll(arguments), expected, "{arguments}");
        }
    }

    #[test]
    fn what_is_said_about_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::write(root.join("Shop.dll"), "").unwrap();
        let check = |process: &str, arguments: &str| {
            let launcher = Launcher { process_path: process.to_owned(), arguments: arguments.to_owned() };
            check(&root, &launcher, HostingModel::InProcess)
        };
        assert_eq!(check("dotnet", ".\\Shop.dll").unwrap(), Some(root.join("Shop.dll")));
        assert_eq!(check("C:\\dotnet\\DOTNET.EXE", "Shop.dll").unwrap(), Some(root.join("Shop.dll")));
        assert_eq!(check(".\\Shop.exe", "").unwrap().map(|dll| dll.is_file()), Some(true));
        assert_eq!(check("./Other", "").unwrap(), None);
        assert!(check("dotnet", "shop.dll").unwrap_err().cause.contains("shop.dll"));
        assert!(check("%LAUNCHER_PATH%", "").unwrap_err().cure.contains("publish"));
        let launcher = Launcher { process_path: "dotnet".to_owned(), arguments: "shop.dll".to_owned() };
        assert_eq!(super::check(&root, &launcher, HostingModel::OutOfProcess).unwrap(), None);
    }
}
