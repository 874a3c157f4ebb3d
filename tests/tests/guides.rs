//! The guides: what they tell people to type is typed here, from the documents themselves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{TestHost, program};
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

fn guide(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide").join(name)).unwrap()
}

/// The code blocks of this language, in order.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut rest = text;
    let begin = format!("\n```{language}\n");
    while let Some(at) = rest.find(&begin) {
        rest = &rest[at + begin.len()..];
        let end = rest.find("\n```").expect("a block ends");
        blocks.push(rest[..end].to_owned());
        rest = &rest[end..];
    }
    blocks
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program that is ended with everything it has started when it takes too long.
fn typed(script: &str, folder: &Path) -> (bool, String) {
    let path = format!("{}:{}", program().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "120", "bash", "-c", script]).current_dir(folder);
    command
        .env("PATH", path)
        .env("DOTNET_ROOT", e2e::dotnet_root())
        .env("STATE_DIRECTORY", folder.join("state"));
    command.env("MEWS_CONTROL", folder.join("control.sock")).env("DOTNET_EnableDiagnostics", "0");
    command.env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1");
    let output = command.stdin(Stdio::null()).output().expect("timeout and bash can be run");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

#[test]
fn the_first_site_works_as_it_is_typed() {
    let blocks = blocks(&guide("first-site.md"), "sh");
    assert!(blocks.len() >= 8, "{blocks:?}");
    let scratch = tempfile::tempdir().unwrap();
    for name in ["shop", "shop-api", "blog"] {
        let app = TestHost::app("Minimal");
        fs::rename(app.folder(), scratch.path().join(name)).unwrap();
    }
    // Whatever fails, the host must not outlive the test.
    let mut script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n".to_owned();
    for (number, block) in blocks.iter().enumerate() {
        writeln!(script, "echo '--- block {number}'\n{block}").unwrap();
    }
    for port in ["8080", "8081"] {
        script = script.replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{}", free_port()));
    }
    let (succeeded, text) = typed(&script, scratch.path());
    assert!(succeeded, "{text}\n---- typed\n{script}");
    assert_eq!(text.matches("Hello World!").count(), 6, "{text}");
    assert!(text.contains("shop-api") && text.contains("running"), "{text}");
    let last = format!("--- block {}", blocks.len() - 1);
    let (_, end) = text.split_once(&last).unwrap_or_else(|| panic!("{last} was not typed: {text}"));
    assert!(!end.contains("ERROR"), "{text}");
}

#[test]
fn configurations_in_the_guides_are_valid() {
    let mut checked = 0;
    for name in ["from-iis.md", "service.md", "edge.md"] {
        let text = guide(name);
        for (language, file) in
            [("toml mews.toml", "mews.toml"), ("xml applicationHost.config", "applicationHost.config")]
        {
            for block in blocks(&text, language) {
                let scratch = tempfile::tempdir().unwrap();
                for app in ["shop", "shop-api", "blog"] {
                    fs::rename(TestHost::app("Minimal").folder(), scratch.path().join(app)).unwrap();
                }
                // What a machine with these sites has.
                let names = ["shop.example", "old.example"].map(str::to_owned);
                let made = rcgen::generate_simple_self_signed(names).unwrap();
                let both = made.cert.pem() + &made.signing_key.serialize_pem();
                fs::write(scratch.path().join("shop.pem"), both).unwrap();
                let block = block.replace("/srv/", "").replace("/etc/mews/", "");
                fs::write(scratch.path().join(file), block).unwrap();
                let (succeeded, said) = typed(&format!("mews check {file}"), scratch.path());
                assert!(succeeded && said.contains("0 errors, 0 warnings"), "{name}: {said}");
                checked += 1;
            }
        }
    }
    assert!(checked >= 2, "{checked} configurations");
}
