//! Configurations as people write them: every broken one has its diagnostics beside it, every valid one what it says.
#![allow(clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

mod corpus_files;
#[allow(dead_code, reason = "storms use more of it")]
mod random;

use std::fmt::Write as _;
use std::path::Path;

use corpus_files::{File, compare, damaged};
use mews_model::diagnostic::{Severity, render};
use mews_model::routing::Router;
use mews_model::server_config::{Loaded, Problems, Surroundings, read};

fn files(name: &str) -> Vec<File> {
    corpus_files::files(&format!("server_corpus/{name}"), &["toml", "config"])
}

fn load(path: &Path, bytes: &[u8]) -> Result<Loaded, Box<Problems>> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let variable = |name: &str| name.eq_ignore_ascii_case("APPS").then(|| "/srv/apps".to_owned());
    read(
        bytes,
        Surroundings { file: name, folder: Path::new("/etc/mews"), variable: &variable, processors: 4 },
    )
}

#[test]
fn broken_files_are_explained() {
    let files = files("broken");
    assert!(files.len() >= 20, "{}", files.len());
    let mut wrong = String::new();
    for (path, bytes) in files {
        match load(&path, &bytes) {
            Err(problems) => {
                assert!(problems.diagnostics.iter().any(|problem| problem.severity == Severity::Error));
                compare(&path, &format!("{}\n", problems.render()), &mut wrong);
            }
            Ok(_) => {
                let _ = writeln!(wrong, "{} has no error", path.display());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn valid_files_load() {
    let files = files("valid");
    for end in ["toml", "config"] {
        let count = files.iter().filter(|(path, _)| path.extension().unwrap() == end).count();
        assert!(count >= 10, "{count} files of {end}");
    }
    let mut wrong = String::new();
    for (path, bytes) in files {
        match load(&path, &bytes) {
            Ok(loaded) => {
                assert!(loaded.warnings.iter().all(|warning| warning.severity == Severity::Warning));
                let warnings = render(&loaded.warnings, &loaded.source);
                let listeners: Vec<String> = Router::new(&loaded.config)
                    .listeners()
                    .iter()
                    .map(|listener| format!("{} for sites {:?}", listener.url(), listener.sites()))
                    .collect();
                // What is not set is left out, so that a new setting changes no file that has nothing to do with it.
                let unset =
                    |line: &&str| [": None,", ": [],", ": false,"].iter().any(|end| line.ends_with(end));
                let config = format!("{:#?}", loaded.config);
                let config: String =
                    config.lines().filter(|line| !unset(line)).map(|line| format!("{line}\n")).collect();
                let text = format!("{warnings}\nlisteners: {listeners:#?}\n{config}");
                compare(&path, text.trim_start(), &mut wrong);
            }
            Err(problems) => {
                let _ = writeln!(wrong, "{}:\n{}", path.display(), problems.render());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Whatever is cut out of or put into a file, reading it ends with a value that can be used, or with problems.
#[test]
fn damaged_files_never_panic() {
    damaged(&[files("valid"), files("broken")].concat(), 60, |path, bytes| match load(path, bytes) {
        Ok(loaded) => {
            assert!(!loaded.config.sites.is_empty());
            assert!(!Router::new(&loaded.config).listeners().is_empty());
        }
        Err(problems) => assert!(!problems.render().is_empty()),
    });
}

/// None of these may take more time than a few looks through them: a debug build would not get through this test
/// otherwise.
#[test]
fn large_files_are_bounded() {
    let many = |count: usize, item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<String>();
    let site = |n: usize| format!("[[site]]\nname='s{n}'\nbindings=['http://s{n}.x']\nphysical_path='/x'\n");
    let same = |_: usize| "[[site]]\nname='s'\nbindings=['http://*']\nphysical_path='/x'\n".to_owned();
    let named = |n: usize| {
        format!("[[site]]\nname='s{n}'\nbindings=['http://s{n}.x']\nphysical_path='/x'\npool='p{n}x'\n")
    };
    let pool = |n: usize| format!("[pool.p{n}]\n");
    let application = |n: usize| format!("[[site.application]]\npath='/{n}'\nphysical_path='/x'\npool='p'\n");
    let port = |n: usize| format!("[[site]]\nname='s{n}'\nbindings=['http://*:{n}']\nphysical_path='/x'\n");
    for (text, part) in [
        (many(11_000, &site), ""),
        (many(14_000, &same), "more than 100 problems"),
        (many(6000, &named) + &many(6000, &pool), "more than 100 problems"),
        (many(1, &site) + &many(12_000, &application), ""),
        (many(10_000, &|n| port(n + 1)), "more than 64 addresses"),
        (many(80_000, &|n| format!("k{n} = 1\n")), "more than 100 problems"),
        ("[[site]]\n".repeat(100_000), "more than 100 problems"),
        ("x = [".repeat(200_000), ""),
        ("a.".repeat(400_000), "not valid TOML"),
        ("x".repeat(2 << 20), "larger than"),
    ] {
        assert!(text.len() < 1 << 20 || part == "larger than", "{}", text.len());
        match load(Path::new("mews.toml"), text.as_bytes()) {
            Ok(loaded) => {
                assert!(part.is_empty() && !Router::new(&loaded.config).listeners().is_empty(), "{part}")
            }
            Err(problems) => {
                let shown = problems.render();
                assert!(shown.contains(part) && shown.len() < 100_000, "{part}: {shown}");
            }
        }
    }
}

/// `cargo run -p mews-model --example mews_toml_reference > docs/reference/mews-toml.md`
#[test]
fn the_reference_page_is_the_table() {
    let page = include_str!("../../../docs/reference/mews-toml.md");
    assert_eq!(page, mews_model::server_config::mews_toml_reference());
}

/// `cargo run -p mews-model --example application_host_reference > docs/reference/application-host.md`
#[test]
fn the_page_of_iis_is_the_table() {
    let page = include_str!("../../../docs/reference/application-host.md");
    assert_eq!(page, mews_model::web_config::application_host_reference());
}
