//! From a project to a command line of the private compiler: options, references and the sources that an SDK would generate.

use super::project::{self, Project};
use super::publish::{assembly_file, work_folder};
use crate::dotnet::{LOWEST_MAJOR, PrivateCompiler};
use crate::paths;
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const USINGS: [&str; 7] = [
    "System",
    "System.Collections.Generic",
    "System.IO",
    "System.Linq",
    "System.Net.Http",
    "System.Threading",
    "System.Threading.Tasks",
];

const WEB_USINGS: [&str; 9] = [
    "Microsoft.AspNetCore.Builder",
    "Microsoft.AspNetCore.Hosting",
    "Microsoft.AspNetCore.Http",
    "Microsoft.AspNetCore.Routing",
    "Microsoft.Extensions.Configuration",
    "Microsoft.Extensions.DependencyInjection",
    "Microsoft.Extensions.Hosting",
    "Microsoft.Extensions.Logging",
    "System.Net.Http.Json",
];

/// Writes the generated sources and the response file; answers with the latter.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn prepare(
    project: &Project,
    all: &[Project],
    compiler: &PrivateCompiler,
    output: &Path,
) -> Result<PathBuf> {
    let folder = work_folder(output, project);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let assembly = assembly_file(output, project);
    // A dependent must not be compiled against the last build of what now fails.
    if assembly.exists() {
        std::fs::remove_file(&assembly).with_context(|| format!("cannot remove {}", assembly.display()))?;
    }
    let write = |name: &str, text: String| -> Result<PathBuf> {
        let file = folder.join(name);
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    };
    let mut generated = vec![write("AssemblyInfo.g.cs", assembly_info(project))?];
    let usings = global_usings(project);
    if !usings.is_empty() {
        generated.push(write("GlobalUsings.g.cs", usings)?);
    }
    let mut text = options(project);
    let _ = writeln!(text, "-out:\"{}\"", assembly.display());
    for reference in compiler.references() {
        let of_aspnet = reference.components().any(|part| part.as_os_str() == "Microsoft.AspNetCore.App");
        if project.aspnet || !of_aspnet {
            let _ = writeln!(text, "-r:\"{}\"", reference.display());
        }
    }
    for reference in project::closure(project, all) {
        if let Some(other) = all.iter().find(|other| other.file == reference.file) {
            let _ = writeln!(text, "-r:\"{}\"", assembly_file(output, other).display());
        }
    }
    for source in project.sources.iter().chain(&generated) {
        let _ = writeln!(text, "\"{}\"", source.display());
    }
    write("compile.rsp", text)
}

/// The compiler's output with paths as seen from the repository's root.
pub(crate) fn readable(diagnostics: &str) -> String {
    diagnostics.replace(&format!("{}/", paths::root().display()), "")
}

fn options(project: &Project) -> String {
    let mut text = String::from("-nologo\n-nostdlib\n-optimize+\n-deterministic+\n-langversion:latest\n");
    // Stack traces show paths from the repository's root, whoever built.
    let _ = writeln!(text, "-debug:embedded\n-pathmap:\"{}\"=.", paths::root().display());
    let _ = writeln!(text, "-target:{}", if project.is_exe() { "exe" } else { "library" });
    let nullable = project.property("Nullable").unwrap_or("disable");
    let _ = writeln!(text, "-nullable:{nullable}\n-warn:{}", project.property("WarningLevel").unwrap_or("9"));
    if project.flag("AllowUnsafeBlocks") == Some(true) {
        text.push_str("-unsafe+\n");
    }
    if project.flag("TreatWarningsAsErrors") == Some(true) {
        text.push_str("-warnaserror+\n");
    }
    if project.flag("CheckForOverflowUnderflow") == Some(true) {
        text.push_str("-checked+\n");
    }
    let suppressed = project.property("NoWarn").unwrap_or_default();
    let suppressed: Vec<&str> =
        suppressed.split([';', ',']).map(str::trim).filter(|s| !s.is_empty()).collect();
    let _ = writeln!(text, "-nowarn:1701,1702{}", suppressed.iter().fold(String::new(), |s, w| s + "," + w));
    let mut symbols =
        vec!["TRACE".to_owned(), "RELEASE".to_owned(), "NET".to_owned(), "NETCOREAPP".to_owned()];
    symbols.push(format!("NET{LOWEST_MAJOR}_0"));
    symbols.extend((5..=LOWEST_MAJOR).map(|major| format!("NET{major}_0_OR_GREATER")));
    let own = project.property("DefineConstants").unwrap_or_default();
    symbols.extend(own.split([';', ',']).map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned));
    let _ = writeln!(text, "-define:{}", symbols.join(";"));
    text
}

fn global_usings(project: &Project) -> String {
    let mut text = String::new();
    let mut line = |rest: &str| {
        let _ = writeln!(text, "global using {rest};");
    };
    if project.flag("ImplicitUsings") == Some(true) {
        let web: &[&str] = if project.web { &WEB_USINGS } else { &[] };
        USINGS.iter().chain(web).for_each(|namespace| line(&format!("global::{namespace}")));
    }
    for using in &project.usings {
        match (&using.alias, using.is_static) {
            (Some(alias), _) => line(&format!("{alias} = global::{}", using.namespace)),
            (None, true) => line(&format!("static global::{}", using.namespace)),
            (None, false) => line(&format!("global::{}", using.namespace)),
        }
    }
    text
}

fn assembly_info(project: &Project) -> String {
    let version = project.property("Version").unwrap_or("1.0.0");
    let numbers = version.split(['-', '+']).next().unwrap_or("1.0.0");
    let four = match numbers.split('.').count() {
        1 => format!("{numbers}.0.0.0"),
        2 => format!("{numbers}.0.0"),
        3 => format!("{numbers}.0"),
        _ => numbers.to_owned(),
    };
    let name = project.assembly();
    let mut text = format!(
        "[assembly: global::System.Runtime.Versioning.TargetFramework(\".NETCoreApp,Version=v{LOWEST_MAJOR}.0\", \
         FrameworkDisplayName = \".NET {LOWEST_MAJOR}.0\")]\n"
    );
    for (attribute, value) in [
        ("Company", name),
        ("Configuration", "Release"),
        ("FileVersion", &four),
        ("InformationalVersion", version),
        ("Product", name),
        ("Title", name),
        ("Version", &four),
    ] {
        let _ = writeln!(text, "[assembly: global::System.Reflection.Assembly{attribute}({value:?})]");
    }
    for friend in &project.internals_visible_to {
        let _ = writeln!(
            text,
            "[assembly: global::System.Runtime.CompilerServices.InternalsVisibleTo({friend:?})]"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(sdk: &str, properties: &str, items: &str) -> Project {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("App.csproj");
        let xml = format!(
            r#"<Project Sdk="{sdk}"><PropertyGroup>{properties}</PropertyGroup><ItemGroup>{items}</ItemGroup></Project>"#
        );
        std::fs::write(&file, xml).unwrap();
        Project::read(&file).unwrap()
    }

    #[test]
    fn options_follow_the_project() {
        let text = options(&project(
            "Microsoft.NET.Sdk.Web",
            "<Nullable>enable</Nullable><AllowUnsafeBlocks>true</AllowUnsafeBlocks><NoWarn>$(NoWarn);CA1</NoWarn>
             <DefineConstants>FOO</DefineConstants>",
            "",
        ));
        for line in ["-target:exe", "-nullable:enable", "-unsafe+", "-nowarn:1701,1702,CA1"] {
            assert!(text.lines().any(|l| l == line), "{line} is not in {text}");
        }
        assert!(text.contains("NET9_0_OR_GREATER;FOO"), "{text}");
        let plain = options(&project("Microsoft.NET.Sdk", "", ""));
        assert!(plain.contains("-target:library") && !plain.contains("-unsafe"), "{plain}");
    }

    #[test]
    fn implicit_usings_depend_on_the_sdk() {
        let on = "<ImplicitUsings>enable</ImplicitUsings>";
        let web = global_usings(&project("Microsoft.NET.Sdk.Web", on, ""));
        assert!(web.contains("global using global::Microsoft.AspNetCore.Builder;"), "{web}");
        let plain = global_usings(&project("Microsoft.NET.Sdk", on, r#"<Using Include="A.B" Alias="C"/>"#));
        assert_eq!(plain.lines().count(), 8);
        assert!(plain.ends_with("global using C = global::A.B;\n"), "{plain}");
        assert_eq!(global_usings(&project("Microsoft.NET.Sdk", "", "")), "");
    }

    #[test]
    fn assembly_versions_have_four_numbers() {
        let text = assembly_info(&project(
            "Microsoft.NET.Sdk",
            "<Version>2.1.3-beta</Version>",
            r#"<InternalsVisibleTo Include="Tests"/>"#,
        ));
        assert!(text.contains("AssemblyVersion(\"2.1.3.0\")"), "{text}");
        assert!(text.contains("AssemblyInformationalVersion(\"2.1.3-beta\")"), "{text}");
        assert!(text.contains("InternalsVisibleTo(\"Tests\")"), "{text}");
    }
}
