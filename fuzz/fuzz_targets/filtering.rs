//! Request filtering: however a URL is written, it does not lead to `web.config` or to the app's files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mews_model::filtering::{Facts, RequestFiltering};
use mews_model::rewrite::{FileKind, FileSystem};

const FILES: &[&str] = &["/web.config", "/Shop.dll", "/bin/tool.txt", "/bin"];

struct Folder;

impl FileSystem for Folder {
    fn root(&self) -> &str {
        "/srv/shop"
    }

    fn kind(&self, path: &str) -> Option<FileKind> {
        FILES.iter().any(|file| file.eq_ignore_ascii_case(path)).then_some(FileKind::File)
    }
}

// Lines: method, target, names of lists.
fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let (method, target) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let facts = |header_size| Facts {
        method,
        target,
        base: "",
        content_length: u64::try_from(text.len()).ok(),
        header_size,
        files: &Folder,
    };
    let size = |name: &str| Some(name.len());
    let default = RequestFiltering::default().check(&facts(&size));
    if target.starts_with('/') && default.is_none() {
        let path = plain(target.split('?').next().unwrap_or_default());
        assert!(!FILES.iter().any(|file| file.eq_ignore_ascii_case(&path)), "{target:?} leads to {path:?}");
    }
    let mut own = RequestFiltering::element();
    own.allow_double_escaping = text.len() % 2 == 0;
    own.deny_url_sequences = lines.by_ref().take(2).map(str::to_owned).collect();
    own.deny_query_string_sequences = lines.by_ref().take(1).map(str::to_owned).collect();
    own.hidden_segments.added = lines.by_ref().take(2).map(str::to_owned).collect();
    own.always_allowed_urls = lines.map(str::to_owned).collect();
    if let Some(rejection) = own.check(&facts(&size)) {
        assert!(!rejection.cause.contains(char::is_control), "{:?}", rejection.cause);
        assert!(matches!(rejection.code.number, 404 | 431));
    }
});

/// The path that a file server would take it for.
fn plain(path: &str) -> String {
    let bytes = path.as_bytes();
    let (mut decoded, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let digits =
            path.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                decoded.push(byte);
                at += 3;
            }
            _ => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    let mut segments: Vec<&str> = Vec::new();
    let text = String::from_utf8_lossy(&decoded).replace('\\', "/");
    for segment in text.split('/').skip(1) {
        match segment {
            ".." => drop(segments.pop()),
            "." => {}
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}
