//! `cargo xtask dotnet`: which .NET the other tasks run apps with and compile with.
//!
//! A .NET that is installed wins. Only what is missing (a runtime, a compiler) comes from a private one in `target/dotnet`.

mod kit;
mod locate;
pub(crate) mod npm;
mod roslyn;

pub(crate) use locate::Dotnet;
pub(crate) use roslyn::PrivateCompiler;

use anyhow::{Context as _, Result, anyhow};
use std::path::{Path, PathBuf};

/// The lowest major version of .NET that Mews hosts, and that its C# is compiled for.
pub(crate) const LOWEST_MAJOR: u32 = 9;

/// Set to 1 to pass over every installed .NET.
const FORCE_PRIVATE: &str = "MEWS_XTASK_PRIVATE_DOTNET";

/// What the tasks need from .NET.
pub(crate) struct Toolchain {
    /// Runs apps; holds `Microsoft.AspNetCore.App` of [`LOWEST_MAJOR`] or later.
    pub(crate) runtime: Dotnet,
    pub(crate) compiler: Compiler,
}

/// What turns C# into assemblies.
pub(crate) enum Compiler {
    /// `dotnet publish` of an SDK.
    Sdk { dotnet: PathBuf, version: String },
    /// Roslyn from the private .NET.
    Private(PrivateCompiler),
}

impl Compiler {
    /// Changes when what the compiler makes may change.
    pub(crate) fn identity(&self) -> String {
        match self {
            Self::Sdk { dotnet, version } => format!("sdk {version} {}", dotnet.display()),
            Self::Private(compiler) => format!("private {}", compiler.identity()),
        }
    }
}

impl Toolchain {
    /// Finds or assembles everything.
    ///
    /// # Errors
    /// Nothing suitable is installed and a private one cannot be had here; the text says what to install.
    pub(crate) fn get() -> Result<Self> {
        let search = if private_only() { locate::Search::default() } else { locate::search() };
        let sdk = search.best_sdk();
        let runtime = search.best_runtime();
        if let (Some((dotnet, version)), Some(runtime)) = (&sdk, &runtime) {
            let compiler = Compiler::Sdk { dotnet: dotnet.clone(), version: version.clone() };
            return Ok(Self { runtime: runtime.clone(), compiler });
        }
        let private = kit::ensure(&crate::paths::private_dotnet()).map_err(|error| {
            let story = search.story();
            anyhow!(
                "a private .NET could not be made: {error:#}\nAn installed one was looked for first:\n{story}"
            )
        })?;
        let compiler = match sdk {
            Some((dotnet, version)) => Compiler::Sdk { dotnet, version },
            None => Compiler::Private(PrivateCompiler::new(&private)?),
        };
        let runtime = match runtime {
            Some(runtime) => runtime,
            None => locate::inspect(&private).with_context(|| {
                let private = private.display();
                format!(
                    "the private .NET in {private} is not complete; remove that folder and run this again"
                )
            })?,
        };
        Ok(Self { runtime, compiler })
    }
}

impl Dotnet {
    /// The environment that makes `dotnet`, `mews` and their children use this .NET.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let mut pairs = vec![
            ("DOTNET_ROOT".to_owned(), self.root.display().to_string()),
            ("DOTNET_NOLOGO".to_owned(), "1".to_owned()),
            ("DOTNET_CLI_TELEMETRY_OPTOUT".to_owned(), "1".to_owned()),
        ];
        if !has_icu() {
            pairs.push(("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT".to_owned(), "1".to_owned()));
        }
        pairs
    }

    /// The `dotnet` program.
    pub(crate) fn muxer(&self) -> PathBuf {
        self.root.join("dotnet")
    }
}

/// Prints where .NET is, making it first if need be.
pub(crate) fn task() -> Result<()> {
    let toolchain = Toolchain::get()?;
    let runtime = &toolchain.runtime;
    println!("runtime   ASP.NET Core {} in {}", runtime.aspnet, runtime.root.display());
    match &toolchain.compiler {
        Compiler::Sdk { dotnet, version } => println!("compiler  .NET SDK {version}, {}", dotnet.display()),
        Compiler::Private(compiler) => println!("compiler  {}", compiler.folder().display()),
    }
    if !has_icu() {
        println!("note      no ICU libraries here: apps run with DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1");
    }
    println!("use it    export DOTNET_ROOT={}", runtime.root.display());
    Ok(())
}

fn private_only() -> bool {
    std::env::var(FORCE_PRIVATE).is_ok_and(|value| value == "1")
}

/// Whether .NET would find ICU; without it, it refuses to start unless told to do without.
fn has_icu() -> bool {
    const FOLDERS: [&str; 6] = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        "/lib",
        "/usr/local/lib",
    ];
    FOLDERS.iter().any(|folder| {
        let Ok(entries) = std::fs::read_dir(Path::new(folder)) else { return false };
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libicuuc.so"))
    })
}
