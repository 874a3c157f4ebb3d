//! `mews check FILE` for the configuration of sites and pools, as scripts and people see it.
#![allow(clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with configuration files and app folders.
struct Server(TempDir);

impl Server {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> &Self {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
        self
    }

    /// An app that is any program, so that no .NET is needed.
    fn program(&self, folder: &str) -> &Self {
        let script = format!("{folder}/start.sh");
        self.write(&script, "#!/bin/sh\n").write(
            &format!("{folder}/web.config"),
            "<configuration><system.webServer><aspNetCore processPath='.\\start.sh' hostingModel='OutOfProcess' />\
             </system.webServer></configuration>",
        );
        fs::set_permissions(self.path(&script), fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// An app that is to run in-process, as far as its files tell.
    fn in_process(&self, folder: &str) -> &Self {
        self.write(&format!("{folder}/Shop.dll"), "").write(
            &format!("{folder}/Shop.runtimeconfig.json"),
            r#"{"runtimeOptions":{"framework":{"name":"Microsoft.AspNetCore.App","version":"9.0.0"}}}"#,
        )
    }

    fn check(&self, file: &str, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mews"));
        command.arg("check").arg(self.path(file)).args(arguments).stdin(Stdio::null());
        for name in ["ASPNETCORE_URLS", "ASPNETCORE_ENVIRONMENT", "DOTNET_ENVIRONMENT", "MEWS_LOG"] {
            command.env_remove(name);
        }
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn json(&self, file: &str) -> Value {
        let (_, text, _) = self.check(file, &["--json"]);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

const TWO: &str = r#"
[[site]]
name = "shop"
bindings = ["http://*:8080"]

[[site.application]]
physical_path = "shop"
pool = "shop"

[[site.application]]
path = "/api"
physical_path = "api"
pool = "shop"
"#;

#[test]
fn every_application_of_a_file_is_looked_at() {
    let server = Server::new();
    server.write("mews.toml", TWO).program("shop").program("api");
    let (code, text, error) = server.check("mews.toml", &[]);
    assert_eq!((code, error.as_str()), (0, ""), "{text}");
    for part in [
        "site: shop at http://*:8080",
        "shop (pool shop)",
        "shop/api (pool shop)",
        "would serve 2 applications",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = server.json("mews.toml");
    assert_eq!(json["wouldStart"], true, "{json}");
    assert_eq!(json["applications"][1]["application"], "shop/api");
    assert_eq!(json["applications"][1]["hostingModel"], "OutOfProcess");
    assert_eq!(json["file"], server.path("mews.toml").to_str().unwrap());
}

#[test]
fn what_is_wrong_with_the_file_is_placed() {
    let server = Server::new();
    server.write("mews.toml", &TWO.replace("name = ", "nam = ").replace("8080", "808080"));
    let (code, text, _) = server.check("mews.toml", &[]);
    assert_eq!(code, 1, "{text}");
    for part in
        ["mews.toml:3:1", "did you mean 'name'?", "mews.toml:4:13", "2 errors, 0 warnings: would not start"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = server.json("mews.toml");
    assert_eq!(json["problems"][0]["line"], 3, "{json}");
    assert_eq!(json["wouldStart"], false);
}

#[test]
fn what_is_wrong_with_an_application_is_told_as_for_its_folder() {
    let server = Server::new();
    server.write("mews.toml", TWO).program("shop");
    let (code, text, _) = server.check("mews.toml", &[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains(server.path("api").to_str().unwrap()), "{text}");
    server.program("api").write(
        "api/web.config",
        "<configuration><system.webServer><aspNetCor /></system.webServer></configuration>",
    );
    let (code, text, _) = server.check("mews.toml", &[]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("web.config:1:35") && text.contains("500.19") && text.contains("'aspNetCore'"),
        "{text}"
    );
}

#[test]
fn applications_that_cannot_share_a_pool_are_named() {
    let server = Server::new();
    server.write("mews.toml", TWO).in_process("shop").in_process("api");
    let (code, text, _) = server.check("mews.toml", &[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("500.35") && text.contains("'shop' and 'shop/api'"), "{text}");
    server.program("api");
    let (_, text, _) = server.check("mews.toml", &[]);
    assert!(text.contains("500.34") && text.contains("'shop/api' out-of-process"), "{text}");
}

#[test]
fn certificates_are_read() {
    let server = Server::new();
    let text = TWO.replace("http://*:8080\"]", "https://*:8443\"]\ncertificate = \"shop.pem\"");
    server.write("mews.toml", &text).program("shop").program("api");
    let (code, text, _) = server.check("mews.toml", &[]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("site 'shop'") && text.contains(server.path("shop.pem").to_str().unwrap()),
        "{text}"
    );
}

#[test]
fn files_of_iis_are_told_by_name_or_content() {
    let server = Server::new();
    let text = "<configuration>\n<system.applicationHost><sites><site name='shop' id='1'>\n\
                <application path='/'><virtualDirectory path='/' physicalPath='shop' /></application>\n\
                <bindings><binding protocol='http' bindingInformation='*:8080:' /></bindings>\n\
                </site></sites></system.applicationHost></configuration>";
    server.program("shop");
    for name in ["applicationHost.config", "sites.config"] {
        server.write(name, text);
        let (code, text, _) = server.check(name, &[]);
        assert_eq!(code, 0, "{text}");
        assert!(
            text.contains("would serve 1 application") && text.contains("(pool DefaultAppPool)"),
            "{text}"
        );
    }
    server.write("applicationHost.config", &text.replace("'shop' />", "'C:\\inetpub' />"));
    let (code, text, _) = server.check("applicationHost.config", &[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("applicationHost.config:3:64") && text.contains("is a path of Windows"), "{text}");
}

#[test]
fn wrong_usage_and_missing_files() {
    let server = Server::new();
    server.write("mews.toml", TWO);
    for option in [["--environment", "Staging"], ["--urls", "http://*:1"], ["--hosting-model", "InProcess"]] {
        let (code, _, error) = server.check("mews.toml", &option);
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(option[0]) && error.contains("set it in that file"), "{error}");
    }
    let (code, text, _) = server.check("gone.toml", &[]);
    assert_eq!(code, 1);
    assert!(text.contains("gone.toml cannot be read"), "{text}");
}
