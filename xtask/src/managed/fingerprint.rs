//! Whether a project must be built again: a hash of everything that goes into its publish folder.

use super::project::{self, Project};
use crate::command::replace_file;
use crate::dotnet::Compiler;
use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The code that makes the folder: when it changes, so may every folder.
const RECIPE: [&str; 6] = [
    include_str!("assembly.rs"),
    include_str!("glob.rs"),
    include_str!("project.rs"),
    include_str!("project/reader.rs"),
    include_str!("publish.rs"),
    include_str!("sdk.rs"),
];

/// The hash of each project, by project file. `projects` are ordered: references first.
///
/// # Errors
/// A source cannot be read.
pub(crate) fn of(projects: &[Project], compiler: &Compiler) -> Result<BTreeMap<PathBuf, String>> {
    let mut prints: BTreeMap<PathBuf, String> = BTreeMap::new();
    for project in projects {
        let mut hash = Hash::new();
        for part in RECIPE {
            hash.add(part.as_bytes());
        }
        hash.add(compiler.identity().as_bytes());
        let own = [&project.file].into_iter().chain(&project.props);
        for file in own.chain(&project.sources).chain(&project.content) {
            let content = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            hash.add(file.to_string_lossy().as_bytes());
            hash.add(&content);
        }
        for reference in project::closure(project, projects) {
            hash.add(prints.get(&reference.file).map_or("", String::as_str).as_bytes());
        }
        prints.insert(project.file.clone(), hash.finish());
    }
    Ok(prints)
}

/// Whether the publish folder was made from inputs with this hash.
pub(crate) fn is_current(output: &Path, project: &Project, print: &str) -> bool {
    let assembly = output.join(&project.name).join(format!("{}.dll", project.assembly()));
    assembly.is_file() && std::fs::read_to_string(file(output, project)).is_ok_and(|stored| stored == print)
}

/// Remembers what the publish folder was made from; called when it is complete.
pub(crate) fn store(output: &Path, project: &Project, print: &str) -> Result<()> {
    replace_file(&file(output, project), print.as_bytes())
}

/// The opposite of [`store`].
pub(crate) fn forget(output: &Path, project: &Project) -> Result<()> {
    let file = file(output, project);
    match std::fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file.display()))
        }
        _ => Ok(()),
    }
}

fn file(output: &Path, project: &Project) -> PathBuf {
    super::publish::work_folder(output, project).join("fingerprint")
}

/// Length before content, so that no two lists of parts hash alike.
struct Hash(Sha256);

impl Hash {
    fn new() -> Self {
        Self(Sha256::new())
    }

    fn add(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    fn finish(self) -> String {
        let mut text = String::new();
        for byte in self.0.finalize() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiler(version: &str) -> Compiler {
        Compiler::Sdk { dotnet: PathBuf::from("/x/dotnet"), version: version.to_owned() }
    }

    fn prints(dir: &Path, version: &str) -> Vec<String> {
        let files = ["Lib", "App"].map(|name| dir.join(name).join(format!("{name}.csproj")));
        let projects: Vec<Project> = files.iter().map(|file| Project::read(file).unwrap()).collect();
        let prints = of(&projects, &compiler(version)).unwrap();
        files.iter().map(|file| prints[file].clone()).collect()
    }

    fn write(dir: &Path, file: &str, text: &str) {
        let file = dir.join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    #[test]
    fn changes_of_inputs_compiler_and_references_are_seen() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        write(dir, "Lib/Lib.csproj", r#"<Project Sdk="Microsoft.NET.Sdk"/>"#);
        write(dir, "Lib/a.cs", "class A {}");
        let reference = r#"<ProjectReference Include="..\Lib\Lib.csproj"/>"#;
        let app =
            format!(r#"<Project Sdk="Microsoft.NET.Sdk.Web"><ItemGroup>{reference}</ItemGroup></Project>"#);
        write(dir, "App/App.csproj", &app);
        write(dir, "App/appsettings.json", "{}");
        let first = prints(dir, "9.0.1");
        assert_eq!(first, prints(dir, "9.0.1"));
        assert!(first.iter().zip(&prints(dir, "9.0.2")).all(|(a, b)| a != b));

        write(dir, "App/appsettings.json", "{ }");
        let second = prints(dir, "9.0.1");
        assert_eq!(first[0], second[0]);
        assert_ne!(first[1], second[1]);

        write(dir, "Lib/a.cs", "class B {}");
        let third = prints(dir, "9.0.1");
        assert_ne!(second[0], third[0]);
        assert_ne!(second[1], third[1]);
    }

    #[test]
    fn parts_do_not_run_together() {
        let join = |parts: &[&str]| {
            let mut hash = Hash::new();
            parts.iter().for_each(|part| hash.add(part.as_bytes()));
            hash.finish()
        };
        assert_ne!(join(&["ab", "c"]), join(&["a", "bc"]));
    }
}
