//! Shadow copies: an app that is loaded from a copy of its folder survives that its files are overwritten.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, TestHost, handler_settings, kill, wait};
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

fn app(settings: &[(&str, &str)]) -> HostBuilder {
    let settings: Vec<_> =
        [("enableShadowCopy", "true")].into_iter().chain(settings.iter().copied()).collect();
    TestHost::app("Minimal").asp_net_core("", &handler_settings(&settings)).flag("--hosting-model=InProcess")
}

/// Where the worker has loaded the app's assembly from.
fn loaded_from(host: &TestHost) -> PathBuf {
    let maps = fs::read_to_string(format!("/proc/{}/maps", host.workers()[0])).unwrap();
    let line = maps.lines().find(|line| line.ends_with("/Minimal.dll")).expect("the app is loaded");
    Path::new(&line[line.find('/').unwrap()..]).parent().unwrap().to_owned()
}

fn copies(base: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(base).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_app_is_loaded_from_a_copy_and_lives_in_its_folder() {
    let host = app(&[]).start();
    let folder = host.folder().canonicalize().unwrap();
    let base = folder.join("ShadowCopyDirectory");
    assert_eq!(loaded_from(&host), base.join("0"));
    let info = host.json("/info");
    let root = format!("{}/", folder.display());
    assert_eq!(info["baseDirectory"], root.as_str(), "{info}");
    assert_eq!(
        info["contentRoot"].as_str().unwrap().trim_end_matches('/'),
        root.trim_end_matches('/'),
        "{info}"
    );
    assert_eq!(info["currentDirectory"], folder.to_str().unwrap(), "{info}");

    // In place, as copying over it does: the file that a process has mapped is the one that changes.
    let dll = folder.join("Minimal.dll");
    let bytes = fs::read(&dll).unwrap();
    fs::write(&dll, vec![0; bytes.len()]).unwrap();
    assert_eq!(host.json("/request/later")["path"], "/request/later");
    assert_eq!(host.text("/config?key=Greeting"), "from appsettings.json");
    fs::write(&dll, &bytes).unwrap();
    host.stop();
}

#[test]
fn a_new_worker_has_a_new_copy_and_removes_the_old_one() {
    let host = app(&[("shadowCopyDirectory", "../copies/")]).allow_log("worker").any_log().start();
    let base = host.folder().canonicalize().unwrap().parent().unwrap().join("copies");
    assert_eq!(loaded_from(&host), base.join("0"));
    let worker = host.workers()[0];
    kill(worker, Signal::KILL);
    wait::until_true("another worker", PATIENCE, || host.workers().first().is_some_and(|&pid| pid != worker));
    host.wait_status("/", 200, PATIENCE);
    assert_eq!(loaded_from(&host), base.join("1"));
    wait::until_true("the old copy's end", PATIENCE, || copies(&base) == ["1"]);
    host.stop();
}

#[test]
fn an_app_that_cannot_be_copied_runs_from_its_folder() {
    let host = app(&[("shadowCopyDirectory", ".")]).expect_log("name a folder for the copies alone").start();
    assert_eq!(loaded_from(&host), host.folder().canonicalize().unwrap());
    host.stop();
}
