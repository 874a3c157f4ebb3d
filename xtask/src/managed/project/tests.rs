//! Tests of project file reading.

use super::*;

fn read(xml: &str, files: &[&str]) -> (tempfile::TempDir, Result<Project>) {
    let dir = tempfile::tempdir().unwrap();
    for file in files {
        let file = dir.path().join("App").join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
    }
    let file = dir.path().join("App/App.csproj");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, xml).unwrap();
    let project = Project::read(&file);
    (dir, project)
}

fn names(project: &Project, files: &[PathBuf]) -> Vec<String> {
    files.iter().map(|file| file.strip_prefix(&project.folder).unwrap().display().to_string()).collect()
}

#[test]
fn a_web_project_is_a_program_with_content() {
    let (_dir, project) = read(
        r#"<Project Sdk="Microsoft.NET.Sdk.Web"><PropertyGroup>
             <TargetFramework>net9.0</TargetFramework><ImplicitUsings>enable</ImplicitUsings>
           </PropertyGroup></Project>"#,
        &[
            "Program.cs",
            "obj/x.cs",
            "wwwroot/css/a.css",
            "appsettings.json",
            "Properties/launchSettings.json",
            "web.config",
            "notes.md",
        ],
    );
    let project = project.unwrap();
    assert!(project.web && project.aspnet && project.is_exe());
    assert_eq!(project.assembly(), "App");
    assert_eq!(project.flag("ImplicitUsings"), Some(true));
    assert_eq!(names(&project, &project.sources), ["Program.cs"]);
    assert_eq!(names(&project, &project.content), ["appsettings.json", "web.config", "wwwroot/css/a.css"]);
    assert!(project.web_config().is_some());
    project.require_private().unwrap();
}

#[test]
fn a_library_says_its_references_and_friends() {
    let (dir, project) = read(
        r#"<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><AssemblyName>Other</AssemblyName></PropertyGroup>
           <ItemGroup>
             <FrameworkReference Include="Microsoft.AspNetCore.App" />
             <ProjectReference Include="..\Lib\Lib.csproj" />
             <ProjectReference Include="..\Far\Far.csproj"><Private>false</Private></ProjectReference>
             <InternalsVisibleTo Include="$(MSBuildProjectName).Tests" />
             <Using Include="System.Math" Static="true" />
           </ItemGroup></Project>"#,
        &[],
    );
    let project = project.unwrap();
    assert!(project.aspnet && !project.is_exe());
    assert_eq!(project.assembly(), "Other");
    assert_eq!(
        project.references,
        [
            Reference { file: dir.path().join("Lib/Lib.csproj"), copied: true },
            Reference { file: dir.path().join("Far/Far.csproj"), copied: false },
        ]
    );
    assert_eq!(project.internals_visible_to, ["App.Tests"]);
    assert_eq!(project.usings, [Using { namespace: "System.Math".to_owned(), is_static: true, alias: None }]);
}

#[test]
fn items_add_and_remove_files() {
    let (_dir, project) = read(
        r#"<Project Sdk="Microsoft.NET.Sdk.Web"><ItemGroup>
             <Compile Remove="old\**" />
             <Content Update="secret.json" CopyToPublishDirectory="Never" />
             <None Update="data\*.txt"><CopyToOutputDirectory>PreserveNewest</CopyToOutputDirectory></None>
           </ItemGroup></Project>"#,
        &["a.cs", "old/b.cs", "secret.json", "data/x.txt", "data/y.bin"],
    );
    let project = project.unwrap();
    assert_eq!(names(&project, &project.sources), ["a.cs"]);
    assert_eq!(names(&project, &project.content), ["data/x.txt"]);
}

#[test]
fn a_compile_item_that_means_nothing_is_an_error() {
    let xml =
        r#"<Project Sdk="Microsoft.NET.Sdk"><ItemGroup><Compile Include="no.cs"/></ItemGroup></Project>"#;
    let text = read(xml, &[]).1.unwrap_err().to_string();
    assert!(text.contains("\"no.cs\"> means no file"), "{text}");
}

#[test]
fn what_only_an_sdk_can_build_is_refused_by_name() {
    let (_dir, project) = read(
        r#"<Project Sdk="Microsoft.NET.Sdk.Web"><PropertyGroup Condition="Exists('x')"><A>$(MSBuildNope)</A></PropertyGroup>
           <ItemGroup><PackageReference Include="Some.Package" Version="1" /></ItemGroup></Project>"#,
        &["Pages/Index.cshtml"],
    );
    let text = project.unwrap().require_private().unwrap_err().to_string();
    for part in ["Condition", "$(MSBuildNope)", "PackageReference", "Some.Package", "Index.cshtml"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn comparisons_decide_and_unset_properties_are_empty() {
    let (_dir, project) = read(
        r#"<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup>
             <A Condition="'$(A)' == ''">1</A><A Condition="'$(A)' == ''">2</A>
             <B Condition="'$(Configuration)' != 'Release'">3</B>
             <NoWarn>$(NoWarn);CS1</NoWarn>
           </PropertyGroup></Project>"#,
        &[],
    );
    let project = project.unwrap();
    assert_eq!(project.property("A"), Some("1"));
    assert_eq!(project.property("B"), None);
    assert_eq!(project.property("NoWarn"), Some(";CS1"));
    project.require_private().unwrap();
}

#[test]
fn what_is_no_project_is_an_error_with_the_file() {
    for xml in ["<Project", "<Other/>", "<Project/>", r#"<Project Sdk="Some.Sdk"/>"#] {
        let text = format!("{:#}", read(xml, &[]).1.unwrap_err());
        assert!(text.contains("App.csproj"), "{text}");
    }
}
