//! Files as people write them: every broken one has its diagnostics beside it, every published one loads.
#![allow(clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

mod corpus_files;
#[allow(dead_code, reason = "storms use more of it")]
mod random;

use std::fmt::Write as _;

use corpus_files::{File, compare, damaged};
use mews_model::diagnostic::{Severity, Source, render};
use mews_model::web_config::read;

fn files(name: &str) -> Vec<File> {
    corpus_files::files(&format!("corpus/{name}"), &["config"])
}

#[test]
fn broken_files_are_explained() {
    let files = files("broken");
    assert!(files.len() >= 60, "{}", files.len());
    let mut wrong = String::new();
    for (path, bytes) in files {
        match read("web.config", &bytes) {
            Err(problems) => {
                assert!(problems.diagnostics.iter().any(|problem| problem.severity == Severity::Error));
                assert!(problems.failure().cause.starts_with("web.config"), "{}", path.display());
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
fn published_files_load() {
    let files = files("published");
    assert!(files.len() >= 20, "{}", files.len());
    let mut wrong = String::new();
    for (path, bytes) in files {
        match read("web.config", &bytes) {
            Ok((config, warnings)) => {
                assert!(config.asp_net_core.is_some(), "{}", path.display());
                let source = Source::new("web.config", String::from_utf8_lossy(&bytes));
                let text = render(&warnings, &source);
                compare(&path, &if text.is_empty() { text } else { text + "\n" }, &mut wrong);
            }
            Err(problems) => {
                let _ = writeln!(wrong, "{}:\n{}", path.display(), problems.render());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Whatever is cut out of or put into a file, reading it ends with a value or with problems.
#[test]
fn damaged_files_never_panic() {
    damaged(&[files("published"), files("broken")].concat(), 40, |_, bytes| {
        match read("web.config", bytes) {
            Ok((_, warnings)) => assert!(warnings.iter().all(|w| w.severity == Severity::Warning)),
            Err(problems) => {
                assert!(!problems.render().is_empty() && !problems.failure().cause.is_empty())
            }
        }
    });
}

/// None of these may take more memory than a few times their size, or more time than a look through them: a
/// debug build would not get through this test otherwise.
#[test]
fn large_files_are_bounded() {
    let around =
        |inner: &str| format!("<configuration><system.webServer>{inner}</system.webServer></configuration>");
    let many = |count: usize, item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<String>();
    let ten_megabytes = around(&many(400_000, &|n| format!("<add name=\"{n}\"/>")));
    assert!(ten_megabytes.len() > 6 << 20);
    let cases = [
        (ten_megabytes, "larger than"),
        ("<".repeat(10 << 20), "larger than"),
        ("<a>".repeat(300_000), "nested more than"),
        (around(&many(60_000, &|n| format!("<a{n}/>"))), "more than 50000 elements"),
        (around(&many(40_000, &|n| format!("<a{n}/>"))), "more than 100 problems"),
        (format!("<configuration {}/>", many(80_000, &|n| format!("a{n}='' "))), "more than 256 attributes"),
        (many(15_000, &|n| format!("<a xmlns:n{n}='u'>")), "namespaces"),
        (format!("<configuration>{}</configuration>", "x ".repeat(400_000)), ""),
        (format!("<configuration a='{}'/>", "\0".repeat(900_000)), "U+0000"),
        (
            around(&format!(
                "<httpProtocol><customHeaders>{}</customHeaders></httpProtocol>",
                many(20_000, &|n| format!("<add name='X-{n}' value=''/>"))
            )),
            "",
        ),
        (
            around(&format!(
                "<rewrite><rewriteMaps><rewriteMap name='m'>{}</rewriteMap></rewriteMaps></rewrite>",
                many(20_000, &|n| format!("<add key='{n}'/><remove key='{n}'/>"))
            )),
            "",
        ),
    ];
    for (text, part) in cases {
        match read("web.config", text.as_bytes()) {
            Ok(_) => assert!(part.is_empty(), "{part}"),
            Err(problems) => {
                let shown = problems.render();
                assert!(!part.is_empty() && shown.contains(part) && shown.len() < 100_000, "{part}: {shown}");
            }
        }
    }
}

/// `cargo run -p mews-model --example web_config_reference > docs/reference/web-config.md`
#[test]
fn the_reference_page_is_the_table() {
    let page = include_str!("../../../docs/reference/web-config.md");
    assert_eq!(page, mews_model::web_config::reference());
}
