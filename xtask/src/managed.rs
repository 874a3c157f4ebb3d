//! `cargo xtask managed`: every C# project under `managed/` becomes a publish folder in `target/managed`.
//!
//! With an SDK this is `dotnet publish`. Without one the private compiler does the part of it that these projects use, and refuses the rest.
//! A project whose inputs have not changed is not built again.

mod assembly;
mod fingerprint;
mod glob;
mod project;
mod publish;
mod sdk;

use crate::command::{lock, replace_file};
use crate::dotnet::{Compiler, PrivateCompiler, Toolchain};
use crate::paths;
use anyhow::{Context as _, Result, bail};
use project::Project;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folders of `managed/` that hold projects.
const FOLDERS: [&str; 3] = ["src", "samples", "test"];

/// The project that every in-process app needs.
const SERVER: &str = "Mews.Server";

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Only these projects and what they reference; default: all
    projects: Vec<String>,
}

pub(crate) fn task(options: &Options) -> Result<()> {
    build(&Toolchain::get()?, &options.projects)
}

/// Builds the projects named in `only` (all when empty) with what they reference.
///
/// # Errors
/// A project cannot be read or does not compile; those that do are published all the same.
pub(crate) fn build(toolchain: &Toolchain, only: &[String]) -> Result<()> {
    let output = paths::managed_output();
    std::fs::create_dir_all(&output).with_context(|| format!("cannot create {}", output.display()))?;
    let _lock = lock(&output.join(".lock"), "another run that builds the C# projects")?;
    let projects = in_order(find()?)?;
    remove_stale(&output, &projects)?;
    let projects = select(projects, only)?;
    let prints = fingerprint::of(&projects, &toolchain.compiler)?;
    let mut changed = Vec::new();
    for project in &projects {
        let print = &prints[&project.file];
        if !fingerprint::is_current(&output, project, print) {
            // From here to its success the folder counts as out of date, even if the old inputs come back.
            fingerprint::forget(&output, project)?;
            changed.push(project);
        }
    }
    let names: Vec<&str> = changed.iter().map(|project| project.name.as_str()).collect();
    let current = projects.len() - changed.len();
    if !names.is_empty() {
        eprintln!("xtask: compiling {} ({current} up to date)", names.join(", "));
    }
    let failed = match &toolchain.compiler {
        Compiler::Sdk { dotnet, .. } => sdk::build(dotnet, &changed, &output, &prints)?,
        Compiler::Private(compiler) => build_private(compiler, &projects, &changed, &output, &prints)?,
    };
    place_server(&output)?;
    if !failed.is_empty() {
        bail!("not built: {}; see the errors above", failed.join(", "));
    }
    eprintln!("xtask: {} C# projects are in {}", projects.len(), paths::shown(&output));
    Ok(())
}

fn build_private(
    compiler: &PrivateCompiler,
    projects: &[Project],
    changed: &[&Project],
    output: &Path,
    prints: &BTreeMap<PathBuf, String>,
) -> Result<Vec<String>> {
    let mut failed = Vec::new();
    let mut jobs = Vec::new();
    for project in changed {
        match project.require_private() {
            Ok(()) => jobs.push((project, assembly::prepare(project, projects, compiler, output)?)),
            Err(error) => {
                eprintln!("error: {error:#}");
                failed.push(project.name.clone());
            }
        }
    }
    if jobs.is_empty() {
        return Ok(failed);
    }
    let responses: Vec<PathBuf> = jobs.iter().map(|(_, response)| response.clone()).collect();
    let compiled = compiler.compile(&responses)?;
    eprint!("{}", assembly::readable(&compiled.diagnostics));
    for (project, response) in &jobs {
        if !compiled.succeeded.contains(response) {
            failed.push(project.name.clone());
            continue;
        }
        publish::publish(project, projects, output)?;
        fingerprint::store(output, project, &prints[&project.file])?;
    }
    Ok(failed)
}

/// Puts the server beside the `mews` that cargo builds: that is where it is looked for.
fn place_server(output: &Path) -> Result<()> {
    let server = output.join(SERVER).join(format!("{SERVER}.dll"));
    let Ok(content) = std::fs::read(&server) else { return Ok(()) };
    for profile in ["debug", "release"] {
        let to = paths::target().join(profile).join(format!("{SERVER}.dll"));
        if std::fs::read(&to).is_ok_and(|old| old == content) {
            continue;
        }
        replace_file(&to, &content)?;
    }
    Ok(())
}

/// Every project file, in alphabetical order.
fn find() -> Result<Vec<PathBuf>> {
    let managed = paths::root().join("managed");
    let mut found = Vec::new();
    for folder in FOLDERS {
        let folder = managed.join(folder);
        if folder.is_dir() {
            found.extend(glob::expand(&folder, "**/*.csproj")?);
        }
    }
    found.sort();
    if found.is_empty() {
        bail!("there is no .csproj under {}", managed.display());
    }
    Ok(found)
}

/// Reads the projects and orders them so that each comes after those it references.
fn in_order(files: Vec<PathBuf>) -> Result<Vec<Project>> {
    let mut waiting = Vec::new();
    for file in files {
        let project = Project::read(&file)?;
        if let Some(other) = waiting.iter().find(|other: &&Project| other.name == project.name) {
            bail!("{} and {} have the same name; their output would collide", other.shown(), project.shown());
        }
        waiting.push(project);
    }
    let known: Vec<PathBuf> = waiting.iter().map(|project| project.file.clone()).collect();
    let mut ordered: Vec<Project> = Vec::new();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut later = Vec::new();
        for project in waiting {
            if let Some(lost) = project.references.iter().find(|reference| !known.contains(&reference.file)) {
                bail!(
                    "{} references {}, which is not a project under managed/",
                    project.shown(),
                    lost.file.display()
                );
            }
            let met = |file: &PathBuf| ordered.iter().any(|done| done.file == *file);
            if project.references.iter().all(|reference| met(&reference.file)) {
                ordered.push(project);
            } else {
                later.push(project);
            }
        }
        if later.len() == before {
            let names: Vec<&str> = later.iter().map(|project| project.name.as_str()).collect();
            bail!("these projects reference each other in a circle: {}", names.join(", "));
        }
        waiting = later;
    }
    Ok(ordered)
}

/// Removes the folders of projects that are no more: nobody shall test what nobody can build.
fn remove_stale(output: &Path, projects: &[Project]) -> Result<()> {
    let work = output.join(".obj");
    let Ok(entries) = std::fs::read_dir(&work) else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !projects.iter().any(|project| name == *project.name) {
            publish::remove(&output.join(&name))?;
            publish::remove(&work.join(&name))?;
        }
    }
    Ok(())
}

/// Keeps the named projects and what they reference.
fn select(projects: Vec<Project>, only: &[String]) -> Result<Vec<Project>> {
    if only.is_empty() {
        return Ok(projects);
    }
    let mut wanted: Vec<PathBuf> = Vec::new();
    for name in only {
        let Some(project) = projects.iter().find(|project| project.name == *name) else {
            let names: Vec<&str> = projects.iter().map(|project| project.name.as_str()).collect();
            bail!("there is no project {name:?}; the projects are {}", names.join(", "));
        };
        wanted.push(project.file.clone());
        wanted.extend(project::closure(project, &projects).iter().map(|reference| reference.file.clone()));
    }
    Ok(projects.into_iter().filter(|project| wanted.contains(&project.file)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(folder: &Path, name: &str, references: &[&str]) -> PathBuf {
        let items: String = references
            .iter()
            .map(|name| format!(r#"<ProjectReference Include="..\{name}\{name}.csproj" />"#))
            .collect();
        let file = folder.join(name).join(format!("{name}.csproj"));
        std::fs::create_dir_all(folder.join(name)).unwrap();
        let text = format!(r#"<Project Sdk="Microsoft.NET.Sdk"><ItemGroup>{items}</ItemGroup></Project>"#);
        std::fs::write(&file, text).unwrap();
        file
    }

    fn names(projects: &[Project]) -> Vec<&str> {
        projects.iter().map(|project| project.name.as_str()).collect()
    }

    #[test]
    fn references_come_first() {
        let dir = tempfile::tempdir().unwrap();
        let files = vec![
            project(dir.path(), "A", &["B", "C"]),
            project(dir.path(), "B", &["C"]),
            project(dir.path(), "C", &[]),
        ];
        assert_eq!(names(&in_order(files.clone()).unwrap()), ["C", "B", "A"]);
        let some = select(in_order(files).unwrap(), &["B".to_owned()]).unwrap();
        assert_eq!(names(&some), ["C", "B"]);
    }

    #[test]
    fn only_folders_of_known_projects_stay() {
        let dir = tempfile::tempdir().unwrap();
        let projects = in_order(vec![project(dir.path(), "A", &[])]).unwrap();
        let output = dir.path().join("out");
        for folder in ["A", ".obj/A", "Gone", ".obj/Gone", "NotOurs"] {
            std::fs::create_dir_all(output.join(folder)).unwrap();
        }
        remove_stale(&output, &projects).unwrap();
        let left = ["A", ".obj/A", "Gone", ".obj/Gone", "NotOurs"].map(|folder| output.join(folder).is_dir());
        assert_eq!(left, [true, true, false, false, true]);
    }

    #[test]
    fn a_circle_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let files = vec![project(dir.path(), "A", &["B"]), project(dir.path(), "B", &["A"])];
        let text = in_order(files).map(|_| ()).unwrap_err().to_string();
        assert!(text.contains("in a circle: A, B"), "{text}");
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let dir = tempfile::tempdir().unwrap();
        let projects = in_order(vec![project(dir.path(), "A", &[])]).unwrap();
        let text = select(projects, &["X".to_owned()]).map(|_| ()).unwrap_err().to_string();
        assert!(text.contains("no project \"X\"; the projects are A"), "{text}");
    }
}
