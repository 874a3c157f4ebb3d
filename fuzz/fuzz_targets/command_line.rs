//! Splitting `arguments`: what was quoted by the rules of Windows comes back as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mews_clr::hostfxr::arguments::split;

fuzz_target!(|text: &str| {
    let parts = split(text);
    let quoted: Vec<String> = parts.iter().map(|part| quote(part)).collect();
    assert_eq!(split(&quoted.join(" ")), parts, "{text:?}");
    // A backslash, too, may end a part.
    let expanded = mews_model::expand::expand(text, |name| Some(name.to_owned()));
    assert!(expanded.len() <= text.len());
});

/// In quotes, with every quote escaped and the backslashes before it doubled.
fn quote(part: &str) -> String {
    let mut out = String::from("\"");
    let mut backslashes = 0;
    for char in part.chars() {
        match char {
            '\\' => backslashes += 1,
            '"' => {
                out.extend(std::iter::repeat_n('\\', backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        out.push(char);
    }
    out.extend(std::iter::repeat_n('\\', backslashes));
    out.push('"');
    out
}
