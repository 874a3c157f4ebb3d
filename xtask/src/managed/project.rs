//! What a `.csproj` says, as far as the projects of this repository use it. Not MSBuild: no imports but the nearest
//! `Directory.Build.props`; what the private compiler would get wrong is remembered and refused there.

mod reader;

use super::glob;
use anyhow::{Context as _, Result, bail};
use reader::{Action, Item, Reader};
use roxmltree::Document;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One C# project.
#[derive(Debug)]
pub(crate) struct Project {
    /// The project file's name without `.csproj`; names the publish folder.
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) folder: PathBuf,
    /// `Microsoft.NET.Sdk.Web`.
    pub(crate) web: bool,
    /// References `Microsoft.AspNetCore.App`.
    pub(crate) aspnet: bool,
    properties: BTreeMap<String, String>,
    pub(crate) references: Vec<Reference>,
    pub(crate) usings: Vec<Using>,
    pub(crate) internals_visible_to: Vec<String>,
    /// Absolute, in alphabetical order.
    pub(crate) sources: Vec<PathBuf>,
    /// Files of the publish folder, absolute, below `folder`.
    pub(crate) content: Vec<PathBuf>,
    /// `Directory.Build.props`, if there is one.
    pub(crate) props: Option<PathBuf>,
    /// What only an SDK can build.
    beyond_private: Vec<String>,
}

/// Another project that this one is compiled against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) file: PathBuf,
    /// Whether its assembly is put into the publish folder.
    pub(crate) copied: bool,
}

/// A global using from the project file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Using {
    pub(crate) namespace: String,
    pub(crate) is_static: bool,
    pub(crate) alias: Option<String>,
}

impl Project {
    /// Reads a project file and looks its sources and content up.
    ///
    /// # Errors
    /// The file cannot be read or is not a project; the text names it.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let folder = file.parent().context("a project file without a folder")?.to_path_buf();
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let props = find_props(&folder);
        let mut reader = Reader::new(&name, &folder);
        let mut sdk = String::new();
        for source in props.iter().map(PathBuf::as_path).chain([file]) {
            let owned;
            let text = if source == file {
                &text
            } else {
                owned = std::fs::read_to_string(source)
                    .with_context(|| format!("cannot read {}", source.display()))?;
                &owned
            };
            let document =
                Document::parse(text).with_context(|| format!("{} is not XML", source.display()))?;
            let root = document.root_element();
            if root.tag_name().name() != "Project" {
                bail!("{}: the root element is not <Project>", source.display());
            }
            if let Some(value) = root.attribute("Sdk") {
                value.clone_into(&mut sdk);
            }
            reader.project(root).with_context(|| format!("in {}", source.display()))?;
        }
        let web = match sdk.as_str() {
            "Microsoft.NET.Sdk.Web" => true,
            "Microsoft.NET.Sdk" => false,
            other => {
                bail!("{}: Sdk={other:?}; wanted Microsoft.NET.Sdk or Microsoft.NET.Sdk.Web", file.display())
            }
        };
        let mut project = Self {
            name,
            file: file.to_path_buf(),
            web,
            aspnet: web || reader.framework_references.iter().any(|name| name == "Microsoft.AspNetCore.App"),
            properties: reader.properties,
            references: Vec::new(),
            usings: reader.usings,
            internals_visible_to: reader.internals_visible_to,
            sources: Vec::new(),
            content: Vec::new(),
            props,
            beyond_private: reader.beyond_private,
            folder,
        };
        for (path, copied) in reader.project_references {
            let file = glob::normal(&project.folder.join(path.replace('\\', "/")));
            project.references.push(Reference { file, copied });
        }
        project.find_sources(&reader.items)?;
        project.find_content(&reader.items)?;
        project.find_razor()?;
        Ok(project)
    }

    /// A property's text, if the project sets it.
    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(&name.to_ascii_lowercase()).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a property is `true` or `enable`.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        let value = self.property(name)?;
        Some(value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("enable"))
    }

    /// The assembly's name without `.dll`.
    pub(crate) fn assembly(&self) -> &str {
        self.property("AssemblyName").unwrap_or(&self.name)
    }

    /// Whether the project makes a program.
    pub(crate) fn is_exe(&self) -> bool {
        self.property("OutputType").map_or(self.web, |kind| kind.eq_ignore_ascii_case("exe"))
    }

    /// The project's own `web.config`.
    pub(crate) fn web_config(&self) -> Option<PathBuf> {
        Some(self.folder.join("web.config")).filter(|file| file.is_file())
    }

    pub(crate) fn shown(&self) -> String {
        crate::paths::shown(&self.file)
    }

    /// Refuses what the private compiler cannot build.
    ///
    /// # Errors
    /// There is such a thing; all are named.
    pub(crate) fn require_private(&self) -> Result<()> {
        if self.beyond_private.is_empty() {
            return Ok(());
        }
        let list = self.beyond_private.join("\n    ");
        bail!("{}: only a .NET SDK can build this project, and none was found:\n    {list}", self.shown());
    }

    fn find_sources(&mut self, items: &[Item]) -> Result<()> {
        if self.flag("EnableDefaultCompileItems") != Some(false) {
            self.sources = glob::expand(&self.folder, "**/*.cs")?;
        }
        for item in items.iter().filter(|item| item.kind == "Compile") {
            let files = glob::expand(&self.folder, &item.pattern)?;
            match item.action {
                Action::Remove => self.sources.retain(|source| !files.contains(source)),
                Action::Include if files.is_empty() => {
                    bail!("{}: <Compile Include={:?}> means no file", self.shown(), item.pattern)
                }
                Action::Include => self.sources.extend(files),
                Action::Update => {}
            }
        }
        self.sources.sort();
        self.sources.dedup();
        Ok(())
    }

    fn find_content(&mut self, items: &[Item]) -> Result<()> {
        if self.web {
            for pattern in ["wwwroot/**", "**/*.json", "**/*.config"] {
                self.content.extend(glob::expand(&self.folder, pattern)?);
            }
            let launch = self.folder.join("Properties/launchSettings.json");
            self.content.retain(|file| *file != launch);
        }
        for item in items.iter().filter(|item| matches!(item.kind.as_str(), "Content" | "None")) {
            let files = glob::expand(&self.folder, &item.pattern)?;
            match (item.action, item.copied) {
                (Action::Remove, _) | (_, Some(false)) => self.content.retain(|file| !files.contains(file)),
                (Action::Include | Action::Update, Some(true)) => self.content.extend(files),
                (Action::Include, None) if item.kind == "Content" && self.web => self.content.extend(files),
                _ => {}
            }
        }
        self.content.sort();
        self.content.dedup();
        if let Some(outside) = self.content.iter().find(|file| !file.starts_with(&self.folder)) {
            let text = format!("content from outside the project's folder: {}", outside.display());
            self.beyond_private.push(text);
        }
        Ok(())
    }

    fn find_razor(&mut self) -> Result<()> {
        for pattern in ["**/*.cshtml", "**/*.razor"] {
            if let Some(file) = glob::expand(&self.folder, pattern)?.first() {
                self.beyond_private.push(format!("Razor: {}", file.display()));
            }
        }
        Ok(())
    }
}

/// The projects that `project` references, directly and not, each once.
pub(crate) fn closure(project: &Project, all: &[Project]) -> Vec<Reference> {
    let mut found: Vec<Reference> = Vec::new();
    let mut waiting = project.references.clone();
    while let Some(reference) = waiting.pop() {
        if found.iter().any(|known| known.file == reference.file) {
            continue;
        }
        if let Some(other) = all.iter().find(|other| other.file == reference.file) {
            let below = other.references.iter().cloned();
            waiting.extend(below.map(|next| Reference { copied: next.copied && reference.copied, ..next }));
        }
        found.push(reference);
    }
    found
}

fn find_props(folder: &Path) -> Option<PathBuf> {
    let root = crate::paths::root();
    folder
        .ancestors()
        .take_while(|ancestor| ancestor.starts_with(&root))
        .map(|ancestor| ancestor.join("Directory.Build.props"))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests;
