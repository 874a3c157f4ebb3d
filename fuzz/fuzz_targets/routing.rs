//! Routing: however a path is written, it leads to the application that the plain path belongs to.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mews_model::routing::{Router, split_target};
use mews_model::server_config::{Surroundings, read};

const PATHS: &[&str] = &["/", "/api", "/api/v2", "/a", "/a/b/c", "/api/v2/admin"];

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    let mut text = String::from(
        "[[site]]\nname = 'a'\nbindings = ['http://*:80', 'http://*.example:80', 'http://shop.example:80']\n",
    );
    for path in PATHS {
        text.push_str(&format!(
            "[[site.application]]\npath = '{path}'\nphysical_path = '/srv'\npool = 'p'\n"
        ));
    }
    let surroundings =
        Surroundings { file: "mews.toml", folder: Path::new("/"), variable: &|_| None, processors: 1 };
    match read(text.as_bytes(), surroundings) {
        Ok(loaded) => Router::new(&loaded.config),
        Err(problems) => panic!("{}", problems.render()),
    }
});

// The first line is a host name, the rest a request target.
fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (host, target) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let endpoint = ROUTER.listeners()[0].endpoint([127, 0, 0, 1].into());
    assert_eq!(endpoint.site(host), Some(0));
    let path = split_target(target).path;
    let found = ROUTER.application(0, path);
    let plain = plain(path);
    let expected = PATHS
        .iter()
        .enumerate()
        .filter(|(_, prefix)| {
            **prefix == "/" || plain == **prefix || plain.starts_with(&format!("{prefix}/"))
        })
        .max_by_key(|(_, prefix)| prefix.len());
    assert_eq!(Some(found), expected.map(|(at, _)| at), "{plain:?}");
});

/// The path that a file server would take it for, in small letters.
fn plain(path: &[u8]) -> String {
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    if !matches!(path.first(), Some(b'/' | b'\\')) {
        return "/".to_owned();
    }
    let (mut decoded, mut at) = (Vec::new(), 0);
    while at < path.len() {
        let digits = path.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let value = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match value {
            Some(byte) if path[at] == b'%' => {
                decoded.push(byte);
                at += 3;
            }
            _ => {
                decoded.push(path[at]);
                at += 1;
            }
        }
    }
    let text = String::from_utf8_lossy(&decoded).replace('\\', "/").to_ascii_lowercase();
    let mut segments: Vec<&str> = Vec::new();
    for segment in text.split('/').skip(1) {
        match segment {
            ".." => drop(segments.pop()),
            "." => {}
            segment => segments.push(segment),
        }
    }
    segments.retain(|segment| !segment.is_empty());
    format!("/{}", segments.join("/"))
}
