//! `App.deps.json`: whether it can be read, and whether the files it names are there.
//!
//! hostfxr has the last word on what is needed; this tells what it does not, and names every missing file.

use std::path::{Path, PathBuf};

use mews_model::Severity;
use serde_json::Value;

use super::problem::Problem;
use super::report::Report;

/// Names in one message.
const MOST_NAMES: usize = 5;

pub(super) fn check(dll: &Path, report: &mut Report) {
    let path = dll.with_extension("deps.json");
    let Ok(bytes) = std::fs::read(&path) else {
        // hostfxr then takes every .dll of the folder; publishing always writes it.
        return report.add(
            Problem::new(Severity::Warning, format!("{} is not there or cannot be read", path.display()))
                .help("copy the whole output of 'dotnet publish'"),
        );
    };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    // What is not JSON hostfxr has refused already, with the place.
    let Ok(manifest) = serde_json::from_slice::<Value>(bytes) else { return };
    let folder = dll.parent().unwrap_or(Path::new("."));
    let missing: Vec<(String, String)> =
        wanted(&manifest).into_iter().filter(|(_, file)| !folder.join(file).is_file()).map(shown).collect();
    if missing.is_empty() {
        return;
    }
    let mut names: Vec<String> =
        missing.iter().take(MOST_NAMES).map(|(library, file)| format!("{file} ({library})")).collect();
    if missing.len() > MOST_NAMES {
        names.push(format!("{} more", missing.len() - MOST_NAMES));
    }
    let verb = if missing.len() == 1 { "is" } else { "are" };
    let text = format!("{} names {}, which {verb} not in the folder", path.display(), names.join(", "));
    report
        .add(Problem::new(Severity::Warning, text).help("publish the app again, and copy the whole folder"));
}

fn shown((library, file): (String, PathBuf)) -> (String, String) {
    (library, file.to_string_lossy().into_owned())
}

/// Library and file, relative to the app's folder, of everything that an app needs there.
fn wanted(manifest: &Value) -> Vec<(String, PathBuf)> {
    let target = match manifest.pointer("/runtimeTarget/name").and_then(Value::as_str) {
        Some(name) => manifest.get("targets").and_then(|targets| targets.get(name)),
        None => {
            manifest.get("targets").and_then(Value::as_object).and_then(|targets| targets.values().next())
        }
    };
    let Some(libraries) = target.and_then(Value::as_object) else { return Vec::new() };
    let mut files = Vec::new();
    for (library, assets) in libraries {
        // Packages keep their folders in the manifest (`lib/net9.0/X.dll`); publishing puts the file beside the app.
        for kind in ["runtime", "native"] {
            let names = assets.get(kind).and_then(Value::as_object).into_iter().flat_map(|map| map.keys());
            let names = names.filter(|name| !name.ends_with("_._"));
            let flat = names.filter_map(|name| Path::new(name).file_name());
            files.extend(flat.map(|name| (library.clone(), PathBuf::from(name))));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"{"runtimeTarget":{"name":".NETCoreApp,Version=v9.0"},"targets":{
        ".NETCoreApp,Version=v9.0":{
            "Shop/1.0.0":{"dependencies":{"Dapper":"2.1.0"},"runtime":{"Shop.dll":{}}},
            "Dapper/2.1.0":{"runtime":{"lib/net8.0/Dapper.dll":{}},"compile":{"ref/X.dll":{}}},
            "Empty/1.0.0":{"runtime":{"lib/net8.0/_._":{}}},
            "Sqlite/2.0.0":{"runtimeTargets":{"runtimes/win-x64/native/e.dll":{"rid":"win-x64","assetType":"native"}}}},
        "other":{"Not/1.0.0":{"runtime":{"Not.dll":{}}}}},"libraries":{}}"#;

    fn problems(files: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut report = Report::default();
        check(&folder.path().join("Shop.dll"), &mut report);
        report.problems.iter().map(Problem::text).collect()
    }

    #[test]
    fn missing_files_are_named_with_their_library() {
        let all = [("Shop.dll", ""), ("Shop.deps.json", MANIFEST), ("Dapper.dll", "")];
        assert_eq!(problems(&all), "");
        let text = problems(&all[..2]);
        assert!(text.contains("names Dapper.dll (Dapper/2.1.0), which is not in the folder"), "{text}");
    }

    #[test]
    fn a_manifest_of_any_shape_is_survived() {
        for text in [
            "",
            "[]",
            "{}",
            "{\"targets\":[]}",
            "{\"targets\":{\"a\":{\"b\":[1]}}}",
            "{\"targets\":{\"a\":{\"b\":{\"runtime\":{\"..\":0,\"\":0}}}}}",
        ] {
            assert_eq!(problems(&[("Shop.deps.json", text)]), "", "{text}");
        }
        assert!(problems(&[]).contains("Shop.deps.json is not there"));
    }
}
