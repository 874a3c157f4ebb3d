//! The private compiler: making it once from Roslyn's libraries, and running it for any number of projects.
//! Knows csc's command line; knows nothing of project files.

use super::kit::VERSION;
use crate::command::Step;
use anyhow::{Context as _, Result};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where the SDK package keeps the compiler that compiles the driver.
pub(crate) const FIRST_COMPILER_FOLDER: &str = "sdk/3.1.102/Roslyn/bincore";

/// A command line of Roslyn's, for many projects in one process.
const DRIVER: &str = include_str!("driver.cs");

/// The folder of the compiler inside the private .NET.
const FOLDER: &str = "roslyn";

/// Roslyn in a private .NET.
pub(crate) struct PrivateCompiler {
    root: PathBuf,
    references: Vec<PathBuf>,
}

/// What a run of the compiler said.
pub(crate) struct Compiled {
    /// The response files whose project compiled.
    pub(crate) succeeded: Vec<PathBuf>,
    /// Errors and warnings, as csc prints them.
    pub(crate) diagnostics: String,
}

impl PrivateCompiler {
    /// The compiler of the private .NET in `root`.
    ///
    /// # Errors
    /// The frameworks' folders cannot be read.
    pub(crate) fn new(root: &Path) -> Result<Self> {
        Ok(Self { root: root.to_path_buf(), references: framework_assemblies(root)? })
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.root.join(FOLDER)
    }

    /// Every managed assembly of both frameworks.
    pub(crate) fn references(&self) -> &[PathBuf] {
        &self.references
    }

    pub(crate) fn identity(&self) -> String {
        format!("{VERSION} {}", driver_hash())
    }

    /// Compiles one project per response file, in this order, in one process.
    ///
    /// # Errors
    /// The compiler itself could not run. Failed projects are not an error here: they are missing in the answer.
    pub(crate) fn compile(&self, response_files: &[PathBuf]) -> Result<Compiled> {
        let output = Step::new(self.root.join("dotnet"))
            .arg(self.folder().join("driver.dll"))
            .args(response_files)
            .envs(&environment(&self.root))
            .cure(format!("remove {} and run this again", self.root.display()))
            .capture_any()?;
        let succeeded: Vec<PathBuf> =
            output.stdout.lines().filter_map(|line| line.strip_prefix("ok ")).map(PathBuf::from).collect();
        let answered =
            output.stdout.lines().filter(|line| line.starts_with("ok ") || line.starts_with("failed "));
        if answered.count() != response_files.len() {
            anyhow::bail!(
                "the C# compiler ended early ({})\n{}\n  -> remove {} and run this again",
                output.status,
                output.stderr.trim_end(),
                self.root.display()
            );
        }
        Ok(Compiled { succeeded, diagnostics: output.stderr })
    }
}

/// Puts the compiler into the private .NET at `root`: Roslyn's libraries and the driver, compiled with the first compiler.
pub(crate) fn install(root: &Path, muxer_package: &Path, roslyn_package: &Path) -> Result<()> {
    let folder = root.join(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut references = framework_assemblies(root)?;
    for name in ["Microsoft.CodeAnalysis.dll", "Microsoft.CodeAnalysis.CSharp.dll"] {
        let from = roslyn_package.join("dist/generator").join(name);
        let to = folder.join(name);
        std::fs::rename(&from, &to).with_context(|| format!("cannot move {}", from.display()))?;
        references.push(to);
    }
    let source = folder.join("driver.cs");
    std::fs::write(&source, DRIVER).with_context(|| format!("cannot write {}", source.display()))?;
    let mut response =
        String::from("-nologo\n-nostdlib\n-optimize+\n-langversion:8\n-nowarn:1701,1702\n-target:exe\n");
    let _ = writeln!(response, "-out:\"{}\"", folder.join("driver.dll").display());
    for reference in &references {
        let _ = writeln!(response, "-r:\"{}\"", reference.display());
    }
    let _ = writeln!(response, "\"{}\"", source.display());
    let response_file = folder.join("driver.rsp");
    std::fs::write(&response_file, response)
        .with_context(|| format!("cannot write {}", response_file.display()))?;
    Step::new(root.join("dotnet"))
        .arg(muxer_package.join(FIRST_COMPILER_FOLDER).join("csc.dll"))
        .arg("-noconfig")
        .arg(format!("@{}", response_file.display()))
        .envs(&environment(root))
        .capture()
        .context("the compiler's driver could not be compiled")?;
    std::fs::remove_file(&response_file)
        .with_context(|| format!("cannot remove {}", response_file.display()))?;
    let config = json!({ "runtimeOptions": {
        "tfm": "net9.0",
        "framework": { "name": "Microsoft.NETCore.App", "version": "9.0.0" },
        // One short run each time: quick code at once is worth more than the best code later.
        "configProperties": { "System.Globalization.Invariant": true, "System.Runtime.TieredPGO": false },
    } });
    let file = folder.join("driver.runtimeconfig.json");
    std::fs::write(&file, config.to_string()).with_context(|| format!("cannot write {}", file.display()))
}

/// Names this driver's source.
pub(crate) fn driver_hash() -> String {
    let digest = Sha256::digest(DRIVER.as_bytes());
    digest.iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The environment in which the private .NET's own tools run, whatever the caller has set.
fn environment(root: &Path) -> Vec<(String, String)> {
    let pairs = [
        ("DOTNET_ROOT", root.display().to_string()),
        ("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1".to_owned()),
        ("DOTNET_ROLL_FORWARD", "LatestMajor".to_owned()),
        ("DOTNET_NOLOGO", "1".to_owned()),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value)).to_vec()
}

fn framework_assemblies(root: &Path) -> Result<Vec<PathBuf>> {
    let mut assemblies = Vec::new();
    for name in ["Microsoft.NETCore.App", "Microsoft.AspNetCore.App"] {
        let folder = root.join("shared").join(name).join(VERSION);
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let files = entries.flatten().map(|entry| entry.path());
        assemblies.extend(files.filter(|file| file.extension().is_some_and(|ext| ext == "dll")));
    }
    assemblies.sort();
    Ok(assemblies)
}
