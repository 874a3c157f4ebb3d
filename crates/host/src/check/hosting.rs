//! What would be started, and whether it can be.

use std::path::PathBuf;

use mews_model::{HostingModel, Severity, StatusCode};

use super::probe::{self, Answer, Found, Program};
use super::problem::Problem;
use super::report::Report;
use crate::app::Plan;

/// Answers the app's main assembly, if it is a .NET app and was found.
pub(super) fn check(plan: &Plan, model: HostingModel, report: &mut Report) -> Option<PathBuf> {
    let Answer { program, found, failures } = match probe::start(plan, model) {
        Ok(answer) => answer,
        Err(why) => {
            report.add(
                Problem::new(Severity::Error, format!(".NET could not be asked about the app: {why}"))
                    .status(StatusCode::HOST_NOT_LOADED)
                    .help("install the .NET runtime anew if its host crashes"),
            );
            return None;
        }
    };
    failures.into_iter().for_each(|failure| report.add(Problem::failure(failure)));
    if let Some(program) = &program {
        report.fact("program", program.path.display().to_string());
    }
    if let Some(found) = &found {
        describe(found, report);
    }
    report.start = start(model, program.as_ref(), found.as_ref());
    found.map(|found| found.dll)
}

fn describe(found: &Found, report: &mut Report) {
    let kind = if found.self_contained { "self-contained" } else { "framework-dependent" };
    let tfm = found.tfm.as_deref().map_or_else(String::new, |tfm| format!(", {tfm}"));
    report.fact("app", format!("{}, {kind}{tfm}", file_name(found)));
    let list: Vec<String> = found
        .frameworks
        .iter()
        .map(|(name, wanted, taken)| match taken {
            Some(taken) if taken != wanted => format!("{name} {wanted} (taking {taken})"),
            _ => format!("{name} {wanted}"),
        })
        .collect();
    if !list.is_empty() {
        report.fact("frameworks", list.join(", "));
    }
    report.fact(".NET", format!("{} ({})", found.root.display(), found.found_by));
    if let Some(why) = found.not_asked.as_ref().filter(|_| !found.self_contained) {
        let root = found.root.display();
        let text = format!("whether the frameworks are installed was not asked of {root}: {why}");
        report.add(
            Problem::new(Severity::Warning, text).help("run the check as the user that the app will run as"),
        );
    }
}

fn file_name(found: &Found) -> String {
    found.dll.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// `start Shop.dll in-process with .NET 9.0.7 from /usr/share/dotnet`
fn start(model: HostingModel, program: Option<&Program>, found: Option<&Found>) -> Option<String> {
    let what = match (model, program, found) {
        (HostingModel::InProcess, _, Some(found)) => file_name(found),
        (HostingModel::OutOfProcess, Some(program), _) => format!("'{}'", program.command),
        _ => return None,
    };
    let Some(found) = found else { return Some(format!("start {what} {model}")) };
    let version = found
        .frameworks
        .iter()
        .find(|(name, ..)| name == "Microsoft.NETCore.App")
        .or(found.frameworks.first())
        .and_then(|(_, wanted, taken)| {
            taken.clone().or_else(|| found.self_contained.then(|| wanted.clone()))
        });
    let dotnet = match (found.self_contained, version) {
        (true, Some(version)) => format!("its own .NET {version}"),
        (true, None) => "its own .NET".to_owned(),
        (false, Some(version)) => format!(".NET {version} from {}", found.root.display()),
        (false, None) => format!("the .NET in {}", found.root.display()),
    };
    Some(format!("start {what} {model} with {dotnet}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_says_what_would_be_started() {
        let mut found = Found {
            dll: "/srv/shop/Shop.dll".into(),
            self_contained: false,
            tfm: None,
            root: "/usr/share/dotnet".into(),
            found_by: "PATH".to_owned(),
            frameworks: vec![
                ("Microsoft.AspNetCore.App".to_owned(), "9.0.0".to_owned(), Some("9.0.6".to_owned())),
                ("Microsoft.NETCore.App".to_owned(), "9.0.0".to_owned(), Some("9.0.7".to_owned())),
            ],
            not_asked: None,
        };
        let program =
            Program { path: "/usr/share/dotnet/dotnet".into(), command: "dotnet ./Shop.dll".to_owned() };
        let (inside, outside) = (HostingModel::InProcess, HostingModel::OutOfProcess);
        assert_eq!(
            start(inside, None, Some(&found)).unwrap(),
            "start Shop.dll in-process with .NET 9.0.7 from /usr/share/dotnet"
        );
        assert_eq!(
            start(outside, Some(&program), Some(&found)).unwrap(),
            "start 'dotnet ./Shop.dll' out-of-process with .NET 9.0.7 from /usr/share/dotnet"
        );
        assert_eq!(start(outside, Some(&program), None).unwrap(), "start 'dotnet ./Shop.dll' out-of-process");
        assert_eq!(start(inside, None, None), None);
        found.self_contained = true;
        found.frameworks = vec![("Microsoft.NETCore.App".to_owned(), "9.0.1".to_owned(), None)];
        assert_eq!(
            start(inside, None, Some(&found)).unwrap(),
            "start Shop.dll in-process with its own .NET 9.0.1"
        );
    }
}
