//! Rules about manifests: which crate may know which, and that the managed server has no packages.

use super::{Finding, TextFile};

/// What each crate may depend on among our own. A crate that is not listed may depend on all.
const LAYERS: [(&str, &[&str]); 4] = [
    ("crates/model/Cargo.toml", &[]),
    ("crates/clr/Cargo.toml", &[]),
    ("crates/process/Cargo.toml", &["mews-model"]),
    ("crates/server/Cargo.toml", &["mews-model"]),
];

/// All findings in one manifest.
pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |line: usize, rule: String| findings.push(Finding { file: file.path.clone(), line, rule });
    if let Some((path, allowed)) = LAYERS.iter().find(|(path, _)| file.path == *path) {
        for (line, name) in own_dependencies(&file.text) {
            if !allowed.contains(&name.as_str()) {
                let allowed = if allowed.is_empty() { "none of ours".to_owned() } else { allowed.join(", ") };
                add(line, format!("depends on {name}: {path} may depend on {allowed}"));
            }
        }
    }
    if file.path.starts_with("managed/src/") && file.extension() == "csproj" {
        for (number, line) in file.text.lines().enumerate() {
            if line.contains("<PackageReference") {
                add(
                    number + 1,
                    "a package in the server assembly, which is loaded into every app: none".to_owned(),
                );
            }
        }
    }
    findings
}

/// Our own crates among the dependencies, with the line that names them.
fn own_dependencies(manifest: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_dependencies = false;
    for (number, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_matches(['[', ']']);
            let kind = section.rsplit("dependencies").next().unwrap_or_default();
            in_dependencies = section.ends_with("dependencies");
            // [dependencies.NAME]
            if section.contains("dependencies.") {
                found.extend(own(kind.trim_start_matches('.')).map(|name| (number + 1, name)));
            }
        } else if in_dependencies && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            found.extend(own(name).map(|name| (number + 1, name)));
        }
    }
    found
}

fn own(name: &str) -> Option<String> {
    let name = name.trim().trim_matches('"');
    (name == "mews" || name.starts_with("mews-")).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn the_server_may_know_the_model_only() {
        let text = "[package]\nname = \"mews-server\"\n[dependencies]\nmews-model.workspace = true\nmews-clr = { path = \"x\" }\n";
        let found = check(&file("crates/server/Cargo.toml", text));
        assert_eq!(found.len(), 1);
        assert!(found[0].line == 5 && found[0].rule.contains("depends on mews-clr"), "{found:?}");
        assert!(check(&file("crates/host/Cargo.toml", text)).is_empty());
    }

    #[test]
    fn every_way_to_write_a_dependency_is_seen() {
        let text = "[dev-dependencies]\n\"mews-clr\" = \"1\"\n[dependencies.mews-process]\npath = \"x\"\n\
                    [target.'cfg(unix)'.dependencies]\nmews.workspace = true\n[features]\nmews-x = []\n";
        let found: Vec<(usize, String)> = own_dependencies(text);
        let names: Vec<&str> = found.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["mews-clr", "mews-process", "mews"]);
    }

    #[test]
    fn the_managed_server_has_no_packages() {
        let text = "<Project>\n<PackageReference Include=\"X\" />\n</Project>";
        assert_eq!(check(&file("managed/src/S/S.csproj", text))[0].line, 2);
        assert!(check(&file("managed/test/S/S.csproj", text)).is_empty());
    }
}
