//! The publish folder, as `dotnet publish` lays it out: assemblies, runtime configuration, dependencies, content, `web.config`.

use super::project::{self, Project};
use crate::dotnet::LOWEST_MAJOR;
use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Properties of a project that become runtime properties.
const RUNTIME_PROPERTIES: [(&str, &str); 7] = [
    ("ServerGarbageCollection", "System.GC.Server"),
    ("ConcurrentGarbageCollection", "System.GC.Concurrent"),
    ("InvariantGlobalization", "System.Globalization.Invariant"),
    ("TieredPGO", "System.Runtime.TieredPGO"),
    ("TieredCompilation", "System.Runtime.TieredCompilation"),
    ("AutoreleasePoolSupport", "System.Threading.Thread.EnableAutoreleasePool"),
    ("UseSystemResourceKeys", "System.Resources.UseSystemResourceKeys"),
];

/// Where a project's intermediate files lie.
pub(crate) fn work_folder(output: &Path, project: &Project) -> PathBuf {
    output.join(".obj").join(&project.name)
}

/// Where the private compiler puts a project's assembly.
pub(crate) fn assembly_file(output: &Path, project: &Project) -> PathBuf {
    work_folder(output, project).join(format!("{}.dll", project.assembly()))
}

/// Lays the publish folder of a compiled project out, in a folder beside it that then takes its place.
///
/// # Errors
/// A file cannot be read or written.
pub(crate) fn publish(project: &Project, all: &[Project], output: &Path) -> Result<()> {
    let stage = work_folder(output, project).join("publish");
    remove(&stage)?;
    std::fs::create_dir_all(&stage).with_context(|| format!("cannot create {}", stage.display()))?;
    let assembly = project.assembly();
    copy(&assembly_file(output, project), &stage.join(format!("{assembly}.dll")))?;
    let referenced: Vec<&Project> = project::closure(project, all)
        .iter()
        .filter(|reference| reference.copied)
        .filter_map(|reference| all.iter().find(|other| other.file == reference.file))
        .collect();
    for other in &referenced {
        copy(&assembly_file(output, other), &stage.join(format!("{}.dll", other.assembly())))?;
    }
    let names: Vec<&str> = referenced.iter().map(|other| other.assembly()).collect();
    write_json(&stage.join(format!("{assembly}.deps.json")), &deps(assembly, &names))?;
    if project.is_exe() {
        write_json(&stage.join(format!("{assembly}.runtimeconfig.json")), &runtime_config(project))?;
    }
    for file in &project.content {
        let to = stage.join(file.strip_prefix(&project.folder).unwrap_or(file));
        copy(file, &to)?;
    }
    if project.web && project.web_config().is_none() {
        let model = project.property("AspNetCoreHostingModel").unwrap_or("inprocess").to_ascii_lowercase();
        let file = stage.join("web.config");
        let text = web_config(assembly, &model);
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let folder = output.join(&project.name);
    remove(&folder)?;
    std::fs::rename(&stage, &folder).with_context(|| format!("cannot create {}", folder.display()))
}

/// What `dotnet publish` writes for an app without a `web.config` of its own.
fn web_config(assembly: &str, model: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<configuration>
  <location path="." inheritInChildApplications="false">
    <system.webServer>
      <handlers>
        <add name="aspNetCore" path="*" verb="*" modules="AspNetCoreModuleV2" resourceType="Unspecified" />
      </handlers>
      <aspNetCore processPath="dotnet" arguments=".\{assembly}.dll" stdoutLogEnabled="false" stdoutLogFile=".\logs\stdout" hostingModel="{model}" />
    </system.webServer>
  </location>
</configuration>
"#
    )
}

fn runtime_config(project: &Project) -> Value {
    let framework = |name: &str| json!({ "name": name, "version": format!("{LOWEST_MAJOR}.0.0") });
    let mut options = json!({ "tfm": format!("net{LOWEST_MAJOR}.0") });
    if project.aspnet {
        options["frameworks"] =
            json!([framework("Microsoft.NETCore.App"), framework("Microsoft.AspNetCore.App")]);
    } else {
        options["framework"] = framework("Microsoft.NETCore.App");
    }
    let mut properties = Map::new();
    if project.web {
        properties.insert("System.GC.Server".to_owned(), json!(true));
    }
    properties.insert("System.Reflection.Metadata.MetadataUpdater.IsSupported".to_owned(), json!(false));
    for (name, property) in RUNTIME_PROPERTIES {
        if let Some(value) = project.flag(name) {
            properties.insert(property.to_owned(), json!(value));
        }
    }
    options["configProperties"] = Value::Object(properties);
    json!({ "runtimeOptions": options })
}

fn deps(assembly: &str, referenced: &[&str]) -> Value {
    let framework = format!(".NETCoreApp,Version=v{LOWEST_MAJOR}.0");
    let mut target = Map::new();
    let mut libraries = Map::new();
    for name in [assembly].iter().chain(referenced) {
        let key = format!("{name}/1.0.0");
        let mut entry = json!({ "runtime": { format!("{name}.dll"): {} } });
        if *name == assembly && !referenced.is_empty() {
            let others = referenced.iter().map(|other| ((*other).to_owned(), json!("1.0.0")));
            entry["dependencies"] = Value::Object(others.collect());
        }
        target.insert(key.clone(), entry);
        libraries.insert(key, json!({ "type": "project", "serviceable": false, "sha512": "" }));
    }
    json!({
        "runtimeTarget": { "name": framework, "signature": "" },
        "compilationOptions": {},
        "targets": { framework: target },
        "libraries": libraries,
    })
}

fn write_json(file: &Path, value: &Value) -> Result<()> {
    std::fs::write(file, format!("{value:#}\n")).with_context(|| format!("cannot write {}", file.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    std::fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Removes a folder that may not be there.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(dir: &Path, xml: &str) -> Project {
        let file = dir.join("App/App.csproj");
        std::fs::create_dir_all(dir.join("App/wwwroot")).unwrap();
        std::fs::write(dir.join("App/wwwroot/a.txt"), "a").unwrap();
        std::fs::write(&file, xml).unwrap();
        Project::read(&file).unwrap()
    }

    #[test]
    fn a_publish_folder_holds_what_an_app_needs() {
        let dir = tempfile::tempdir().unwrap();
        let project = project(dir.path(), r#"<Project Sdk="Microsoft.NET.Sdk.Web"/>"#);
        let output = dir.path().join("out");
        std::fs::create_dir_all(work_folder(&output, &project)).unwrap();
        std::fs::write(assembly_file(&output, &project), "assembly").unwrap();
        std::fs::create_dir_all(output.join("App")).unwrap();
        std::fs::write(output.join("App/stale.txt"), "").unwrap();
        let all = [project];
        publish(&all[0], &all, &output).unwrap();
        let mut names: Vec<String> = std::fs::read_dir(output.join("App"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["App.deps.json", "App.dll", "App.runtimeconfig.json", "web.config", "wwwroot"]);
        let config = std::fs::read_to_string(output.join("App/web.config")).unwrap();
        assert!(
            config.contains(r#"arguments=".\App.dll""#) && config.contains(r#"hostingModel="inprocess""#)
        );
    }

    #[test]
    fn a_web_app_names_both_frameworks_and_server_collection() {
        let dir = tempfile::tempdir().unwrap();
        let config = runtime_config(&project(dir.path(), r#"<Project Sdk="Microsoft.NET.Sdk.Web"/>"#));
        let options = &config["runtimeOptions"];
        assert_eq!(options["frameworks"][1]["name"], "Microsoft.AspNetCore.App");
        assert_eq!(options["configProperties"]["System.GC.Server"], true);
    }

    #[test]
    fn a_project_overrides_runtime_properties() {
        let dir = tempfile::tempdir().unwrap();
        let config = runtime_config(&project(
            dir.path(),
            r#"<Project Sdk="Microsoft.NET.Sdk.Web"><PropertyGroup>
                 <ServerGarbageCollection>false</ServerGarbageCollection></PropertyGroup></Project>"#,
        ));
        assert_eq!(config["runtimeOptions"]["configProperties"]["System.GC.Server"], false);
    }

    #[test]
    fn referenced_assemblies_are_dependencies() {
        let value = deps("App", &["Lib"]);
        let target = &value["targets"][".NETCoreApp,Version=v9.0"];
        assert_eq!(target["App/1.0.0"]["dependencies"]["Lib"], "1.0.0");
        assert!(target["Lib/1.0.0"]["runtime"]["Lib.dll"].is_object());
    }
}
