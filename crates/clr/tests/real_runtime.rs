//! hostfxr and CoreCLR themselves, where a .NET installation is found (`MEWS_TEST_DOTNET_ROOT`, or as for users);
//! otherwise says that it was skipped. The app is an assembly of the framework: it has no `Main`, which is enough to
//! see the runtime start and say so.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "this is a test with a `main` of its own")]

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use mews_clr::hostfxr::{
    App, AppKind, Context, Environment, Initialized, Installation, Library, StartError, Version, resolve,
    start_properties,
};
use mews_clr::runtime::{DEFAULT_STACK_BYTES, RuntimeThread};

/// Set for the process that runs the app whose path it holds.
const CHILD: &str = "MEWS_TEST_CHILD";

fn main() {
    let mut environment = Environment::of_process();
    if let Some(root) = std::env::var_os("MEWS_TEST_DOTNET_ROOT") {
        environment.dotnet_root = Some(root);
    }
    let installation = match resolve(&environment, None) {
        Ok(installation) => installation,
        Err(error) => {
            println!("skipped: {error}; set MEWS_TEST_DOTNET_ROOT to run these tests");
            return;
        }
    };
    let library = Library::load(&installation).unwrap();
    if let Some(app) = std::env::var_os(CHILD) {
        let context = library.initialize(&App::inspect(Path::new(&app)).unwrap(), &[], &[]).unwrap();
        let exit = RuntimeThread::start(context, DEFAULT_STACK_BYTES).unwrap().wait();
        println!("{exit:?}");
        return;
    }
    let apps = Apps::new(&installation);
    properties_can_be_read_and_set(&library, &apps);
    options_and_arguments_are_passed_on(&library, &apps);
    a_missing_framework_is_named(&library, &apps);
    other_refusals_carry_hostfxrs_words(&library, &apps);
    the_runtime_starts(&apps);
    println!("5 checks passed on .NET {}", apps.framework);
    match std::env::var_os("MEWS_TEST_APPS") {
        Some(managed) => both_halves_agree_on_the_layout(&installation, Path::new(&managed)),
        None => println!("skipped: the layout's comparison wants MEWS_TEST_APPS; `cargo xtask test` sets it"),
    }
}

/// What the managed half prints of the function table is what the native half has.
fn both_halves_agree_on_the_layout(installation: &Installation, managed: &Path) {
    let tests = managed.join("Mews.Server.Tests/Mews.Server.Tests.dll");
    let output = Command::new(installation.root.join("dotnet"))
        .arg(&tests)
        .arg("--layout")
        .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{} --layout failed: {output:?}", tests.display());
    let theirs = String::from_utf8(output.stdout).unwrap();
    assert!(theirs.lines().count() > 60, "the managed half printed almost nothing: {theirs}");
    assert_eq!(theirs.trim(), mews_clr::abi::layout().trim());
    println!("both halves agree on {} lines of layout", theirs.lines().count());
}

/// A folder for apps made of a framework assembly.
struct Apps {
    folder: tempfile::TempDir,
    assembly: PathBuf,
    framework: Version,
}

impl Apps {
    fn new(installation: &Installation) -> Self {
        let shared = installation.root.join("shared/Microsoft.NETCore.App");
        let versions = std::fs::read_dir(&shared).unwrap();
        let versions = versions.filter_map(|entry| Version::parse(entry.unwrap().file_name().to_str()?));
        let framework = versions.max().unwrap();
        let assembly = shared.join(framework.to_string()).join("System.Console.dll");
        Self { folder: tempfile::tempdir().unwrap(), assembly, framework }
    }

    /// An app that wants this version of the framework.
    fn make(&self, name: &str, version: &str, more: &str) -> App {
        let dll = self.folder.path().join(name).with_extension("dll");
        std::fs::copy(&self.assembly, &dll).unwrap();
        let config = format!(
            r#"{{"runtimeOptions":{{"tfm":"net9.0"{more},"framework":{{"name":"Microsoft.NETCore.App","version":"{version}"}}}}}}"#
        );
        std::fs::write(dll.with_extension("runtimeconfig.json"), config).unwrap();
        let app = App::inspect(&dll).unwrap();
        assert_eq!(app.kind, AppKind::FrameworkDependent);
        app
    }

    fn good(&self) -> App {
        self.make("Good", &self.framework.to_string(), "")
    }
}

fn properties_can_be_read_and_set(library: &Library, apps: &Apps) {
    let mut context: Context<Initialized> = library.initialize(&apps.good(), &[], &[]).unwrap();
    assert!(
        context
            .property("TRUSTED_PLATFORM_ASSEMBLIES")
            .unwrap()
            .unwrap()
            .contains("System.Private.CoreLib.dll")
    );
    assert_eq!(context.property("MEWS_HOST_TABLE").unwrap(), None);
    context.set_property("STARTUP_HOOKS", "/app/Own.dll").unwrap();
    let server = Path::new("/usr/lib/mews/Mews.Server.dll");
    start_properties(&mut context, server, 4096, &[("A".to_owned(), "b".to_owned())]).unwrap();
    let all = context.properties().unwrap();
    for (name, value) in [
        ("STARTUP_HOOKS", "/usr/lib/mews/Mews.Server.dll:/app/Own.dll"),
        ("MEWS_HOST_TABLE", "4096"),
        ("A", "b"),
    ] {
        assert!(all.contains(&(name.to_owned(), value.to_owned())), "{name}: {all:?}");
    }
    assert!(matches!(context.set_property("A\0", "b"), Err(StartError::Value { .. })));
}

fn options_and_arguments_are_passed_on(library: &Library, apps: &Apps) {
    let (major, newer) = (apps.framework.major(), format!("{}.0.0", apps.framework.major() - 1));
    let app = apps.make("Older", &newer, "");
    let words = |options: &[&str]| options.iter().map(|o| (*o).to_owned()).collect::<Vec<_>>();
    library.initialize(&app, &words(&["--roll-forward", "Major"]), &words(&["x", "y z"])).unwrap();
    let error = library.initialize(&app, &words(&["--roll-forward", "Disable"]), &[]).unwrap_err();
    assert!(matches!(error, StartError::FrameworkMissing { .. }), "{error:?}");
    assert!(error.cause().contains(&format!("installed is {major}.")), "{}", error.cause());
}

fn a_missing_framework_is_named(library: &Library, apps: &Apps) {
    let error = library.initialize(&apps.make("Missing", "99.1.2", ""), &[], &[]).unwrap_err();
    assert_eq!(error.sub_status(), 31);
    let expected = format!("Microsoft.NETCore.App 99.1.2 is not installed; installed is {}.", apps.framework);
    assert!(error.cause().starts_with(expected.trim_end_matches('.')), "{}", error.cause());
    assert!(error.detail().contains("99.1.2"), "{}", error.detail());
}

fn other_refusals_carry_hostfxrs_words(library: &Library, apps: &Apps) {
    let app = apps.make("Odd", &apps.framework.to_string(), r#","rollForward":"Sideways""#);
    let error = library.initialize(&app, &[], &[]).unwrap_err();
    assert_eq!(error.sub_status(), 30);
    assert!(error.detail().contains("Sideways"), "{}", error.detail());
}

/// In a process of its own: the runtime ends it when it finds no `Main`.
fn the_runtime_starts(apps: &Apps) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .env(CHILD, apps.good().dll)
        .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
        .env("DOTNET_DbgEnableMiniDump", "0");
    let output = child.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("System.MissingMethodException: Entry point not found"), "{output:?}");
    assert_eq!(output.status.signal(), Some(6), "{output:?}");
}
