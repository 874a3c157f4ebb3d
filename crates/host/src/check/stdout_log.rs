//! Whether the stdout log can be written. An app starts without it, so this is never more than a warning.

use std::path::Path;

use mews_model::Severity;
use rustix::fs::{Access, access};

use super::problem::Problem;
use super::report::Report;
use crate::app::{Hosting, Plan};

pub(super) fn check(plan: &Plan, report: &mut Report) {
    let log = match &plan.hosting {
        Hosting::InProcess(_) => &plan.stdout_log,
        Hosting::OutOfProcess(spec) => &spec.stdout_log,
    };
    let Some(log) = log else { return };
    let folder = log.prefix.parent().unwrap_or(Path::new("/"));
    match creatable(folder) {
        Ok(()) => report.fact("stdout log", format!("{}_TIME_PID.log", log.prefix.display())),
        Err(why) => {
            let text = format!("stdoutLogFile: no file can be created in {}: {why}", folder.display());
            report.add(Problem::new(Severity::Warning, text).help(
                "create the folder, or give the user that Mews runs as the right to write there; the app starts \
                 without this log",
            ));
        }
    }
}

/// Whether files can be made in a folder that may have to be made itself.
fn creatable(folder: &Path) -> Result<(), String> {
    for ancestor in folder.ancestors() {
        match std::fs::metadata(ancestor) {
            Ok(metadata) if metadata.is_dir() => {
                let wanted = Access::WRITE_OK | Access::EXEC_OK;
                return access(ancestor, wanted).map_err(|error| format!("{}: {error}", ancestor.display()));
            }
            Ok(_) => return Err(format!("{} is not a folder", ancestor.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{}: {error}", ancestor.display())),
        }
    }
    Err("it lies nowhere".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_are_missing_can_be_made() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(creatable(&folder.path().join("a/b/c")), Ok(()));
        std::fs::write(folder.path().join("file"), "").unwrap();
        let error = creatable(&folder.path().join("file/logs")).unwrap_err();
        assert!(error.contains("Not a directory") || error.contains("not a folder"), "{error}");
        assert!(creatable(Path::new("/proc/1/nothing")).is_err());
    }
}
