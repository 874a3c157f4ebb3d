//! The ways an app can be published: self-contained, with an app host, as a single file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, TestHost, dotnet_root};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the newest version of a framework.
fn framework(name: &str) -> PathBuf {
    let versions = fs::read_dir(dotnet_root().join("shared").join(name)).expect("the framework is installed");
    let numbers = |path: &PathBuf| {
        let version = path.file_name().unwrap().to_string_lossy().into_owned();
        version.split(['.', '-']).map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>()
    };
    versions.map(|entry| entry.unwrap().path()).max_by_key(numbers).expect("a version is installed")
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_file()
            && !name.starts_with("Microsoft.NETCore.App.")
            && !name.starts_with("Microsoft.AspNetCore.App.")
        {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// Minimal as `dotnet publish --self-contained` lays it out: both frameworks and the host's libraries beside it.
fn self_contained() -> HostBuilder {
    let (core, web) = (framework("Microsoft.NETCore.App"), framework("Microsoft.AspNetCore.App"));
    let version = core.file_name().unwrap().to_str().unwrap().to_owned();
    let builder = TestHost::app("Minimal");
    copy_files(&core, builder.folder());
    copy_files(&web, builder.folder());
    let hostfxr = dotnet_root().join("host/fxr").join(&version).join("libhostfxr.so");
    fs::copy(hostfxr, builder.folder().join("libhostfxr.so")).unwrap();
    let _ = fs::remove_file(builder.folder().join("Minimal.deps.json"));
    let config = json!({ "runtimeOptions": { "tfm": "net9.0", "includedFrameworks": [
        { "name": "Microsoft.NETCore.App", "version": version },
        { "name": "Microsoft.AspNetCore.App", "version": version },
    ] } });
    builder.file("Minimal.runtimeconfig.json", &config.to_string())
}

#[test]
fn a_self_contained_app_brings_its_own_runtime() {
    let nowhere = "/nonexistent";
    let host = self_contained()
        .env("DOTNET_ROOT", nowhere)
        .env("PATH", nowhere)
        .env("HOME", nowhere)
        .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
        .start();
    let info = host.json("/info");
    assert_eq!(info["processName"], "mews", "{info}");
    let maps = fs::read_to_string(format!("/proc/{}/maps", host.workers()[0])).unwrap();
    let runtime = maps.lines().find(|line| line.ends_with("libcoreclr.so")).expect("CoreCLR is loaded");
    assert!(runtime.contains(host.folder().to_str().unwrap()), "{runtime}");
    host.stop();
}

#[test]
fn an_app_host_names_the_app() {
    let builder = TestHost::app("Minimal");
    // The executable is only looked at: its place tells which app is meant.
    fs::copy("/bin/true", builder.folder().join("Minimal")).unwrap();
    let web_config = r#"<configuration><system.webServer>
        <aspNetCore processPath=".\Minimal.exe" arguments="one &quot;two three&quot;" hostingModel="InProcess" />
    </system.webServer></configuration>"#;
    let host = builder.web_config(web_config).start();
    assert_eq!(host.json("/info")["args"], json!(["one", "two three"]));
    host.stop();
}

#[test]
fn a_single_file_publish_is_refused_by_name() {
    let builder = TestHost::app("Minimal").without("Minimal.dll").without("Minimal.runtimeconfig.json");
    fs::copy("/bin/true", builder.folder().join("Minimal")).unwrap();
    let web_config = r#"<configuration><system.webServer>
        <aspNetCore processPath=".\Minimal" hostingModel="InProcess" />
    </system.webServer></configuration>"#;
    let host = builder.web_config(web_config).expect_log("500.38").launch();
    let page = host.get("/");
    assert_eq!(page.status, 500);
    assert!(page.text().contains("500.38") && page.text().contains("single file"), "{}", page.text());
    host.stop();
}
