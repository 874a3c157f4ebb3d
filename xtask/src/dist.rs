//! `cargo xtask dist`: what is installed, as one archive, and proof that it runs from wherever it is unpacked.

use crate::command::{Step, cargo};
use crate::dotnet::Toolchain;
use crate::{managed, paths};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// The app that the unpacked program is shown.
const APP: &str = "Demo";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The cargo profile to build with
    #[arg(long, default_value = "release")]
    profile: String,
    /// The folder for the archive
    #[arg(long)]
    to: Option<PathBuf>,
}

/// A file of the repository or of the build, and where it goes in the archive.
struct Item {
    from: PathBuf,
    to: &'static str,
    mode: u32,
}

pub(crate) fn task(options: &Options) -> Result<()> {
    let toolchain = Toolchain::get()?;
    managed::build(&toolchain, &["Mews.Server".to_owned(), APP.to_owned()])?;
    cargo()
        .args(["build", "--package", "mews", "--profile", &options.profile])
        .cure("see the compiler's errors above")
        .run()?;
    // Cargo's own name for the folder of its profile "dev".
    let folder = if options.profile == "dev" { "debug" } else { &options.profile };
    let name = format!("mews-{}-linux-{}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let to = options.to.clone().unwrap_or_else(|| paths::target().join("dist"));
    let to = std::path::absolute(&to).with_context(|| format!("no such folder: {}", to.display()))?;
    let tree = to.join(&name);
    lay_out(&items(&paths::mews(folder)), &tree)?;
    let archive = pack(&to, &name)?;
    fs::remove_dir_all(&tree).with_context(|| format!("cannot remove {}", tree.display()))?;
    try_out(&archive, &name, &toolchain)?;
    println!("{}", archive.display());
    Ok(())
}

fn items(mews: &Path) -> Vec<Item> {
    let root = paths::root();
    let own = |from: &str, to| Item { from: root.join(from), to, mode: 0o644 };
    vec![
        Item { from: mews.to_owned(), to: "bin", mode: 0o755 },
        Item {
            from: paths::managed_output().join("Mews.Server/Mews.Server.dll"),
            to: "lib/mews",
            mode: 0o644,
        },
        own("packaging/systemd/mews.service", "lib/systemd/system"),
        own("packaging/systemd/mews.socket", "lib/systemd/system"),
        own("LICENSE-APACHE", "share/doc/mews"),
        own("LICENSE-MIT", "share/doc/mews"),
        own("README.md", "share/doc/mews"),
        own("CHANGELOG.md", "share/doc/mews"),
        own("docs/guide", "share/doc/mews"),
        own("docs/reference", "share/doc/mews"),
    ]
}

/// Copies everything to where it goes below `tree`, which is made anew.
fn lay_out(items: &[Item], tree: &Path) -> Result<()> {
    if tree.exists() {
        fs::remove_dir_all(tree).with_context(|| format!("cannot remove {}", tree.display()))?;
    }
    for item in items {
        let folder = tree.join(item.to);
        let name = item.from.file_name().context("a file has a name")?;
        copy(&item.from, &folder.join(name), item.mode)
            .with_context(|| format!("cannot copy {} to {}", item.from.display(), folder.display()))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if from.is_dir() {
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()), mode)?;
        }
        return Ok(());
    }
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    fs::copy(from, to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode))
}

/// The same files give the same archive: neither owner nor time of this machine is in it.
fn pack(folder: &Path, name: &str) -> Result<PathBuf> {
    let archive = folder.join(format!("{name}.tar.gz"));
    Step::new("tar")
        .args(["--create", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"])
        .args(["--use-compress-program=gzip --no-name", "--file"])
        .arg(&archive)
        .arg("--directory")
        .arg(folder)
        .arg(name)
        .cure("tar and gzip make the archive; are both installed?")
        .capture()?;
    Ok(archive)
}

/// Unpacks the archive elsewhere and lets the program there look at an app: it has to find its managed part by itself.
fn try_out(archive: &Path, name: &str, toolchain: &Toolchain) -> Result<()> {
    let scratch = paths::target().join("dist-try");
    fs::create_dir_all(&scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
    Step::new("tar").args(["--extract", "--file"]).arg(archive).arg("--directory").arg(&scratch).capture()?;
    let mews = scratch.join(name).join("bin/mews");
    let app = paths::managed_output().join(APP);
    let checked = Step::new("env")
        .args(["--unset=MEWS_SERVER_ASSEMBLY"])
        .arg(&mews)
        .arg("check")
        .arg(&app)
        .envs(&toolchain.runtime.environment())
        .cure("the archive was made, but what is in it does not work")
        .capture();
    fs::remove_dir_all(&scratch).with_context(|| format!("cannot remove {}", scratch.display()))?;
    let said = checked?;
    if !said.stdout.contains(APP) && !said.stderr.contains(APP) {
        bail!("`mews check` of the archive did not look at {APP}: {}{}", said.stdout, said.stderr);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_packed_is_there() {
        for item in items(Path::new("/bin/sh")) {
            let built = item.from.starts_with(paths::target());
            assert!(built || item.from.exists(), "{} is missing", item.from.display());
        }
    }

    #[test]
    fn the_same_files_give_the_same_archive() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("mews-0");
        let item = |from: &str, to, mode| Item { from: paths::root().join(from), to, mode };
        let items = [item("LICENSE-MIT", "share", 0o644), item("docs/guide", "share/doc", 0o644)];
        lay_out(&items, &tree).unwrap();
        assert!(tree.join("share/LICENSE-MIT").is_file() && tree.join("share/doc/guide/run.md").is_file());
        let first = fs::read(pack(folder.path(), "mews-0").unwrap()).unwrap();
        lay_out(&items, &tree).unwrap();
        assert!(first == fs::read(pack(folder.path(), "mews-0").unwrap()).unwrap());
    }
}
