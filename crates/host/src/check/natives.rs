//! Native libraries in the app's folder: whether this machine can load them. They fail only when they are used,
//! so these are warnings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mews_clr::hostfxr::elf::{self, Executable, MACHINE};
use mews_model::{Severity, StatusCode};

use super::files::names;
use super::problem::Problem;
use super::report::Report;

/// Names in one message.
const MOST_NAMES: usize = 3;

pub(super) fn check(folder: &Path, report: &mut Report) {
    let mut foreign = Foreign { folder, found: BTreeMap::new() };
    let libraries: Vec<String> = names(folder).into_iter().filter(|name| name.ends_with(".so")).collect();
    for name in &libraries {
        foreign.look(PathBuf::from(name));
    }
    let runtimes = folder.join("runtimes");
    let mut others = Vec::new();
    let mut ours = false;
    for rid in names(&runtimes) {
        let natives = names(&runtimes.join(&rid).join("native"));
        if natives.is_empty() {
            continue;
        }
        match rid.as_str() {
            "unix" | "linux" | "any" => ours = true,
            rid if rid == format!("linux-{MACHINE}") || rid == format!("linux-musl-{MACHINE}") => {
                ours = true;
                for name in natives.iter().filter(|name| name.ends_with(".so")) {
                    foreign.look(Path::new("runtimes").join(rid).join("native").join(name));
                }
            }
            _ => others.push(rid),
        }
    }
    // A self-contained app for another machine has been told of as a whole.
    if !report.has_status(StatusCode::HOST_NOT_LOADED) {
        foreign.found.iter().for_each(|(machine, names)| report.add(built_for(machine, names)));
    }
    // Libraries that were published for this machine alone lie beside the app.
    if !ours && !others.is_empty() && libraries.is_empty() {
        let text = format!(
            "the native libraries of this app are for {} only, none is for linux-{MACHINE}",
            others.join(", ")
        );
        report.add(
            Problem::new(Severity::Warning, text)
                .file(runtimes.to_string_lossy())
                .help("add the packages with the libraries for Linux; what uses them will fail otherwise"),
        );
    }
}

/// Libraries that cannot be loaded here, by the machine they are for.
struct Foreign<'a> {
    folder: &'a Path,
    found: BTreeMap<&'static str, Vec<PathBuf>>,
}

impl Foreign<'_> {
    fn look(&mut self, name: PathBuf) {
        let machine = match elf::look(&self.folder.join(&name)) {
            Ok(Executable::Foreign(machine)) => machine,
            Ok(Executable::Pe { .. }) => "Windows",
            _ => return,
        };
        self.found.entry(machine).or_default().push(name);
    }
}

fn built_for(machine: &str, names: &[PathBuf]) -> Problem {
    let mut shown: Vec<String> =
        names.iter().take(MOST_NAMES).map(|name| name.display().to_string()).collect();
    if names.len() > MOST_NAMES {
        shown.push(format!("{} more", names.len() - MOST_NAMES));
    }
    let verb = if names.len() == 1 { "was" } else { "were" };
    let text = format!("{} {verb} built for {machine}, but this machine is {MACHINE}", shown.join(", "));
    Problem::new(Severity::Warning, text)
        .help(format!("publish for linux-{MACHINE}; what uses them will fail otherwise"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of an ELF file for 32-bit ARM, which Mews does not run on.
    const ARM: &[u8] = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x28\0";

    fn problems(files: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for name in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, ARM).unwrap();
        }
        let mut report = Report::default();
        check(folder.path(), &mut report);
        report.problems.iter().map(Problem::text).collect()
    }

    #[test]
    fn libraries_for_other_machines_are_told() {
        let ours = format!("runtimes/linux-{MACHINE}/native/libe.so");
        let told = problems(&[
            "libx.so",
            &ours,
            "runtimes/linux-arm/native/libe.so",
            "runtimes/win-x64/native/e.dll",
        ]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(&format!("libx.so, {ours} were built for arm, but")), "{told:?}");
    }

    #[test]
    fn an_app_for_windows_only_is_told() {
        let told = problems(&["runtimes/win-x64/native/e.dll", "runtimes/win-x86/native/e.dll"]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("for win-x64, win-x86 only"), "{told:?}");
        assert!(problems(&["runtimes/win/lib/net9.0/managed.dll"]).is_empty());
    }
}
