//! `mews check` and `mews explain` as scripts and people see them. What needs .NET is left out where there is none,
//! and says so; `MEWS_TEST_DOTNET_ROOT` names one.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "that is how a test fails")]
#![allow(clippy::print_stderr, reason = "a test that is left out says so")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mews_model::articles::{BROKEN_APPS, Seen};
use serde_json::Value;
use tempfile::TempDir;

const MACHINE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
const OTHER: &str = if cfg!(target_arch = "aarch64") { "x64" } else { "arm64" };

const WEB_CONFIG: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<configuration>
  <location path="." inheritInChildApplications="false">
    <system.webServer>
      <handlers>
        <add name="aspNetCore" path="*" verb="*" modules="AspNetCoreModuleV2" resourceType="Unspecified" />
      </handlers>
      <aspNetCore processPath="dotnet" arguments=".\Shop.dll" hostingModel="inprocess" />
    </system.webServer>
  </location>
</configuration>
"#;
const RUNTIME_CONFIG: &str = r#"{
  "runtimeOptions": {
    "tfm": "net9.0",
    "frameworks": [
      { "name": "Microsoft.NETCore.App", "version": "9.0.0" },
      { "name": "Microsoft.AspNetCore.App", "version": "9.0.0" }
    ]
  }
}
"#;
const DEPS: &str = r#"{"runtimeTarget":{"name":".NETCoreApp,Version=v9.0"},"targets":{".NETCoreApp,Version=v9.0":{
"Shop/1.0.0":{"runtime":{"Shop.dll":{}}}}},"libraries":{"Shop/1.0.0":{"type":"project","serviceable":false,"sha512":""}}}"#;

/// The beginning of an executable for `machine`.
fn elf(machine: &str) -> Vec<u8> {
    let number: u16 = if machine == "arm64" { 183 } else { 62 };
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(64, 0);
    bytes[18..20].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// The headers of a .NET assembly.
fn assembly() -> Vec<u8> {
    let mut bytes = vec![0; 64 + 256];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[60] = 64;
    bytes[64..68].copy_from_slice(b"PE\0\0");
    bytes[88..90].copy_from_slice(&0x10bu16.to_le_bytes());
    bytes[64 + 24 + 92] = 16;
    bytes[64 + 24 + 96 + 14 * 8 + 1] = 0x20;
    bytes
}

/// An app that nothing is wrong with, as far as can be seen.
struct Shop(TempDir);

impl Shop {
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        shop.write("web.config", WEB_CONFIG)
            .write("Shop.runtimeconfig.json", RUNTIME_CONFIG)
            .write("Shop.deps.json", DEPS)
            .write("Shop.dll", assembly());
        shop
    }

    fn folder(&self) -> PathBuf {
        self.0.path().canonicalize().unwrap()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        fs::write(self.folder().join(name), content).unwrap();
        self
    }

    fn mode(&self, name: &str, mode: u32) -> &Self {
        fs::set_permissions(self.folder().join(name), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn remove(&self, name: &str) -> &Self {
        fs::remove_file(self.folder().join(name)).unwrap();
        self
    }

    fn replace(&self, name: &str, from: &str, to: &str) -> &Self {
        let old = fs::read_to_string(self.folder().join(name)).unwrap();
        assert!(old.contains(from), "{from} is not in {name}");
        self.write(name, old.replace(from, to))
    }

    /// Another `processPath` without arguments.
    fn process(&self, path: &str) -> &Self {
        self.replace("web.config", r"arguments=.\Shop.dll".replace('=', "=\"").as_str(), "arguments=\"")
            .replace("web.config", "processPath=\"dotnet\"", &format!("processPath=\"{path}\""))
    }

    fn out_of_process(&self) -> &Self {
        self.replace("web.config", "inprocess", "outofprocess")
    }

    fn check(&self, arguments: &[&str]) -> (i32, String) {
        let output = mews(&[&["check", self.folder().to_str().unwrap()], arguments].concat());
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let (_, text) = self.check(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

/// A .NET installation for these tests.
fn dotnet() -> Option<PathBuf> {
    let named = std::env::var_os("MEWS_TEST_DOTNET_ROOT").or_else(|| std::env::var_os("DOTNET_ROOT"));
    let usual = ["/usr/share/dotnet", "/usr/lib/dotnet"].map(PathBuf::from);
    named.map(PathBuf::from).into_iter().chain(usual).find(|root| root.join("host/fxr").is_dir())
}

fn mews(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mews"));
    command.args(arguments).stdin(Stdio::null());
    for name in ["ASPNETCORE_URLS", "ASPNETCORE_ENVIRONMENT", "DOTNET_ENVIRONMENT", "MEWS_LOG", "DOTNET_ROOT"]
    {
        command.env_remove(name);
    }
    if let Some(root) = dotnet() {
        command.env("DOTNET_ROOT", root);
    }
    // Only its existence is looked at.
    command.env("MEWS_SERVER_ASSEMBLY", env!("CARGO_BIN_EXE_mews"));
    command.output().unwrap()
}

/// Breaks a working app as the table says. `false`: only hostfxr can tell, and there is none.
fn damage(id: &str, shop: &Shop) -> bool {
    let element = "hostingModel=\"inprocess\" />";
    match id {
        "dll-missing" => shop.remove("Shop.dll"),
        "dll-garbage" => shop.write("Shop.dll", "garbage"),
        "runtimeconfig-missing" => shop.remove("Shop.runtimeconfig.json"),
        "runtimeconfig-malformed" => shop.write("Shop.runtimeconfig.json", "{\n  \"runtimeOptions\" {}\n}\n"),
        "framework-version" => shop.replace("Shop.runtimeconfig.json", "9.0.0", "2.9.9"),
        "framework-unknown" => shop.replace(
            "Shop.runtimeconfig.json",
            "Microsoft.AspNetCore.App",
            "Microsoft.WindowsDesktop.App",
        ),
        "deps-malformed" => shop.write("Shop.deps.json", "{\n  \"targets\":\n"),
        "single-file" => {
            shop.remove("Shop.dll").write("Shop", elf(MACHINE)).mode("Shop", 0o755).process(r".\Shop.exe")
        }
        "self-contained-foreign" => shop
            .replace("Shop.runtimeconfig.json", "\"frameworks\"", "\"includedFrameworks\"")
            .write("libhostfxr.so", elf(OTHER)),
        "self-contained-incomplete" => {
            shop.replace("Shop.runtimeconfig.json", "\"frameworks\"", "\"includedFrameworks\"")
        }
        "process-path-unknown" => shop.process("bogus"),
        "process-path-windows" => {
            shop.replace("web.config", "=\"dotnet\"", r#"="C:\Program Files\dotnet\dotnet.exe""#)
        }
        "process-path-script" => {
            shop.write("start.sh", "#!/bin/sh\n").mode("start.sh", 0o755).process(r".\start.sh")
        }
        "arguments-empty" => shop.process("dotnet"),
        "arguments-sdk" => shop.replace("web.config", r".\Shop.dll", "run --project Shop.csproj"),
        "placeholder" => shop.process("%LAUNCHER_PATH%").replace(
            "web.config",
            "arguments=\"",
            "arguments=\"%LAUNCHER_ARGS%",
        ),
        "xml-malformed" => shop.replace("web.config", "</system.webServer>", "</system.webSrver>"),
        "attribute-unknown" => shop.replace("web.config", "processPath", "proccessPath"),
        "value-out-of-range" => {
            shop.replace("web.config", element, &format!("startupTimeLimit=\"4000\" {element}"))
        }
        "hosting-model-unknown" => shop.replace("web.config", "\"inprocess\"", "\"inproc\""),
        "stack-size" => shop.replace(
            "web.config",
            element,
            "hostingModel=\"inprocess\"><handlerSettings><handlerSetting name=\"stackSize\" value=\"2 MB\" />\
             </handlerSettings></aspNetCore>",
        ),
        "element-missing" => shop.write("web.config", "<configuration><system.webServer /></configuration>"),
        "program-for-windows" => {
            shop.remove("Shop.dll").write("Shop.exe", "MZ\u{90}").process(r".\Shop.exe").out_of_process()
        }
        "program-foreign" => shop
            .remove("Shop.dll")
            .write("Shop", elf(OTHER))
            .mode("Shop", 0o755)
            .process(r".\Shop")
            .out_of_process(),
        "program-not-executable" => shop
            .remove("Shop.dll")
            .write("Shop", elf(MACHINE))
            .mode("Shop", 0o644)
            .process(r".\Shop")
            .out_of_process(),
        id => panic!("no recipe for {id}"),
    };
    let asks_dotnet = ["framework-version", "framework-unknown", "deps-malformed"].contains(&id);
    !asks_dotnet || dotnet().is_some()
}

#[test]
fn every_way_to_break_an_app_is_seen_with_its_cause() {
    for app in BROKEN_APPS.iter().filter(|app| app.seen == Seen::Before) {
        let shop = Shop::new();
        if !damage(app.id, &shop) {
            eprintln!("{} is left out: no .NET was found", app.id);
            continue;
        }
        let cause = app.cause.replace("{folder}", shop.folder().to_str().unwrap());
        let cause = cause.replace("{machine}", MACHINE).replace("{other}", OTHER);
        let (code, text) = shop.check(&[]);
        assert_eq!(code, 1, "{}: {text}", app.id);
        assert!(text.contains(&cause), "{}: '{cause}' is not in\n{text}", app.id);
        let json = shop.json(&[]);
        assert_eq!(json["status"], app.status, "{}: {text}", app.id);
        assert_eq!(json["wouldStart"], false, "{}", app.id);
        assert!(json["errors"].as_u64() >= Some(1), "{}", app.id);
        let errors: Vec<&Value> = json["problems"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|problem| problem["severity"] == "error")
            .collect();
        assert!(
            errors.iter().all(|error| error["help"].is_string() || error["expected"].is_string()),
            "{} has no cure: {text}",
            app.id
        );
    }
}

#[test]
fn a_whole_app_would_start() {
    if dotnet().is_none() {
        return eprintln!("left out: no .NET was found");
    }
    let shop = Shop::new();
    let (code, text) = shop.check(&[]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("hosting model: in-process, as web.config says"), "{text}");
    assert!(text.contains("would start Shop.dll in-process with .NET "), "{text}");
    let json = shop.json(&["--urls", "http://127.0.0.1:0"]);
    assert_eq!((&json["wouldStart"], &json["hostingModel"]), (&Value::from(true), &Value::from("InProcess")));
    assert!(json["facts"]["addresses"].as_str().unwrap().contains("http://127.0.0.1:0"), "{json}");
    let (code, text) = shop.check(&["--hosting-model", "outofprocess"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("would start 'dotnet ./Shop.dll' out-of-process with .NET "), "{text}");
    shop.remove("web.config");
    let (code, text) = shop.check(&[]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("in-process, since no web.config says otherwise"), "{text}");
}

#[test]
fn everything_is_told_at_once() {
    let shop = Shop::new();
    shop.replace(
        "web.config",
        "hostingModel=\"inprocess\"",
        "hostingModel=\"in\" startupTimeLimit=\"soon\" colour=\"red\"",
    )
    .write("libx.so", elf(OTHER));
    let (code, text) = shop.check(&[]);
    assert_eq!(code, 1, "{text}");
    for part in
        ["'in'", "'soon'", "'colour'", "web.config:8:", "^^^", "libx.so was built for", "3 errors, 1 warning"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn warnings_alone_are_no_failure() {
    if dotnet().is_none() {
        return eprintln!("left out: no .NET was found");
    }
    let shop = Shop::new();
    shop.replace("Shop.deps.json", "{\"Shop.dll\":{}}", "{\"Shop.dll\":{},\"Dapper.dll\":{}}")
        .replace(
            "web.config",
            "hostingModel",
            "stdoutLogEnabled=\"true\" stdoutLogFile=\".\\Shop.dll\\log\" hostingModel",
        )
        .replace("web.config", "Shop.dll\" ", "Shop.dll %MEWS_TEST_UNSET%\" ");
    let (code, text) = shop.check(&[]);
    assert_eq!(code, 0, "{text}");
    for part in [
        "names Dapper.dll (Shop/1.0.0), which is not in the folder",
        "stdoutLogFile: no file can be created in ",
        "'MEWS_TEST_UNSET' is not set",
        "0 errors, 3 warnings: would start Shop.dll",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn settings_that_are_no_json_are_placed() {
    let shop = Shop::new();
    shop.write("appsettings.json", "{ // ok\n}").write("appsettings.Staging.json", "{\n  \"a\" 1\n}");
    let (_, text) = shop.check(&[]);
    assert!(!text.contains("appsettings"), "{text}");
    let (code, text) = shop.check(&["--environment", "Staging"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("appsettings.Staging.json:2:7") && text.contains("expected `:`"), "{text}");
}

#[test]
fn a_single_configuration_file_can_be_checked() {
    let shop = Shop::new();
    shop.write("web.Release.config", WEB_CONFIG.replace("processPath", "path"));
    let path = |name: &str| shop.folder().join(name).to_str().unwrap().to_owned();
    let output = mews(&["check", &path("web.Release.config")]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("web.Release.config:8:") && text.contains("'path'"), "{text}");
    fs::copy(path("web.config"), path("other.config")).unwrap();
    let output = mews(&["check", &path("other.config")]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), text.contains("nothing is wrong with it")), (Some(0), true), "{text}");
    shop.remove("Shop.dll");
    let output = mews(&["check", &path("web.config")]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("is not in ") && output.status.code() == Some(1), "{text}");
}

#[test]
fn wrong_usage_of_check_is_exit_code_2() {
    for (arguments, part) in [
        (&["check", "--urls", "nonsense"][..], "--urls: "),
        (&["check", "--hosting-model", "inproc"], "InProcess or OutOfProcess"),
        (&["check", "--jason"], "'--json'"),
        (&["probe"], "'mews check' only"),
    ] {
        let output = mews(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(part), "{arguments:?}: {text}");
    }
    let missing = mews(&["check", "/no/such/folder"]);
    let text = String::from_utf8(missing.stdout).unwrap();
    assert_eq!(
        (missing.status.code(), text.contains("There is no '/no/such/folder'")),
        (Some(1), true),
        "{text}"
    );
}

fn explains(arguments: &[&str]) -> String {
    let output = mews(&[&["explain"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn numbers_are_explained() {
    for (code, parts) in [
        (
            "500.31",
            &["500.31 The .NET runtime was not found", "What to do", "When it happens", "DOTNET_ROOT"][..],
        ),
        ("502.5", &["502.5 The app's process could not be started", "startupTimeLimit"]),
        ("404.13", &["Content length too large", "maxAllowedContentLength"]),
        ("1005", &["1005 The app did not stop in time (Warning, source Mews)", "shutdownTimeLimit"]),
        ("1013", &["Mews does not log it."]),
        ("500.36", &["Mews does not answer with it."]),
        ("500", &["500.0 ", "500.19 ", "500.38 "]),
    ] {
        let text = explains(&[code]);
        for part in parts {
            assert!(text.contains(part), "{code}: '{part}' is not in\n{text}");
        }
    }
    let all = explains(&[]);
    assert!(all.lines().any(|line| line.starts_with("400 ")) && all.contains("\n1035 "), "{all}");
}

#[test]
fn articles_can_be_json() {
    let json = |code: &str| -> Value { serde_json::from_str(&explains(&[code, "--json"])).unwrap() };
    let status = json("500.31");
    assert_eq!((&status["status"], &status["subStatus"]), (&Value::from(500), &Value::from(31)));
    assert!(status["when"].as_array().unwrap().len() > 1 && status["never"].is_null());
    let event = json("1005");
    assert_eq!((&event["eventId"], &event["source"]), (&Value::from(1005), &Value::from("Mews")));
    assert!(json("500").as_array().unwrap().len() > 8);
}

#[test]
fn an_unknown_number_is_exit_code_2_with_known_ones() {
    for (code, part) in [("500.99", "500.31"), ("418", "414"), ("1002", "1003"), ("five", "as in 500.31")] {
        let output = mews(&["explain", code]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{code}: {text}");
        assert!(text.contains(part) && text.lines().count() == 1, "{code}: {text}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn the_commands_have_help() {
    for (command, parts) in
        [("check", &["Exit codes", "--json", "DIR|FILE"][..]), ("explain", &["Examples", "500.31"])]
    {
        let output = mews(&[command, "--help"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0));
        for part in parts {
            assert!(text.contains(part), "{command}: {text}");
        }
        assert!(Path::new(env!("CARGO_BIN_EXE_mews")).is_file());
    }
    let output = mews(&["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("check") && text.contains("explain") && !text.contains("probe"), "{text}");
}
