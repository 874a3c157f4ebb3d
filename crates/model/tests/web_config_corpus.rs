//! Files as people write them: every broken one has its diagnostics beside it, every published one loads.
//!
//! `MEWS_BLESS=1` writes the expected texts anew; read the difference before you keep it.
#![allow(clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use mews_model::diagnostic::{Severity, Source, render};
use mews_model::web_config::read;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name)
}

/// The files of a folder with their bytes, in order; every `.expected` must belong to one.
fn files(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut configs = BTreeSet::new();
    let mut expected = BTreeSet::new();
    for entry in fs::read_dir(folder(name)).unwrap() {
        let path = entry.unwrap().path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("config") => configs.insert(path),
            Some("expected") => expected.insert(path.with_extension("config")),
            _ => panic!("{} does not belong here", path.display()),
        };
    }
    let stray: Vec<_> = expected.difference(&configs).collect();
    assert!(stray.is_empty(), "these files are missing: {stray:?}");
    configs.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Compares a text with the file beside, or writes it there. An empty text wants no file.
fn compare(path: &Path, text: &str, wrong: &mut String) {
    let beside = path.with_extension("expected");
    let old = fs::read_to_string(&beside).unwrap_or_default();
    if old == text {
        return;
    }
    if std::env::var_os("MEWS_BLESS").is_none() {
        let _ = writeln!(wrong, "{} differs. It is now:\n{text}", beside.display());
    } else if text.is_empty() {
        fs::remove_file(beside).unwrap();
    } else {
        fs::write(beside, text).unwrap();
    }
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
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |most: usize| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        usize::try_from(noise % u64::try_from(most.max(1)).unwrap()).unwrap()
    };
    let all: Vec<Vec<u8>> =
        [files("published"), files("broken")].concat().into_iter().map(|(_, bytes)| bytes).collect();
    for bytes in &all {
        for _ in 0..40 {
            let mut damaged = bytes.clone();
            for _ in 0..=random(3) {
                let other = &all[random(all.len())];
                let (from, to) = (random(other.len()), random(other.len()));
                let piece = &other[from.min(to)..from.max(to).min(from.min(to) + 200)];
                let at = random(damaged.len());
                let end = (at + random(60)).min(damaged.len());
                damaged.splice(at..end, piece.iter().copied());
            }
            match read("web.config", &damaged) {
                Ok((_, warnings)) => assert!(warnings.iter().all(|w| w.severity == Severity::Warning)),
                Err(problems) => {
                    assert!(!problems.render().is_empty() && !problems.failure().cause.is_empty())
                }
            }
        }
    }
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
