//! Blanking comments and string literals out of Rust and C#, so that rules about code do not stumble over prose.
//! Not a parser: it knows just enough of both languages to tell code from text. Line breaks stay where they are.

/// Which language's literals to expect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Rust,
    CSharp,
}

/// `text` with every comment and the inside of every literal replaced by spaces.
pub(super) fn code_only(text: &str, language: Language) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match token_end(bytes, at, language) {
            Some(end) => end.min(bytes.len()),
            None => {
                out.push(bytes[at]);
                at += 1;
                continue;
            }
        };
        out.extend(bytes[at..end].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
        at = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the comment or literal that begins at `at` ends, if one does.
fn token_end(bytes: &[u8], at: usize, language: Language) -> Option<usize> {
    let rest = &bytes[at..];
    let in_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    if rest.starts_with(b"//") {
        return Some(at + find(rest, b"\n").unwrap_or(rest.len()));
    }
    if rest.starts_with(b"/*") {
        return Some(at + block_comment(rest, language == Language::Rust));
    }
    match language {
        Language::Rust if rest[0] == b'r' && !in_word => raw_string(rest).map(|length| at + length),
        Language::Rust if rest.starts_with(b"br") && !in_word => {
            raw_string(&rest[1..]).map(|length| at + 1 + length)
        }
        Language::CSharp if rest.starts_with(b"\"\"\"") => {
            let quotes = rest.iter().take_while(|byte| **byte == b'"').count();
            let end = find(&rest[quotes..], &vec![b'"'; quotes]);
            Some(at + end.map_or(rest.len(), |end| quotes + end + quotes))
        }
        Language::CSharp
            if rest.starts_with(b"@\"") || rest.starts_with(b"@$\"") || rest.starts_with(b"$@\"") =>
        {
            Some(at + verbatim_string(rest))
        }
        _ if rest[0] == b'"' => Some(at + quoted(rest, b'"')),
        Language::CSharp if rest[0] == b'\'' => Some(at + quoted(rest, b'\'')),
        Language::Rust if rest[0] == b'\'' => character(rest).map(|length| at + length),
        _ => None,
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn block_comment(rest: &[u8], nests: bool) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") && (depth == 0 || nests) {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// `r"..."` or `r#"..."#`; not a raw identifier.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    let open = 1 + hashes;
    if rest.get(open) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    Some(find(&rest[open + 1..], &close).map_or(rest.len(), |end| open + 1 + end + close.len()))
}

/// C#'s `@"..."`, in which `""` is a quote.
fn verbatim_string(rest: &[u8]) -> usize {
    let mut at = find(rest, b"\"").map_or(rest.len(), |quote| quote + 1);
    while at < rest.len() {
        match (rest[at], rest.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A Rust character literal; `None` for a lifetime.
fn character(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        return Some(quoted(rest, b'\''));
    }
    // One character, of up to four bytes, then the quote.
    (2..=5)
        .find(|at| rest.get(*at) == Some(&b'\''))
        .filter(|at| std::str::from_utf8(&rest[1..*at]).is_ok_and(|inside| inside.chars().count() == 1))
        .map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, language: Language) -> String {
        code_only(text, language).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn rust_text_is_blanked_and_code_stays() {
        use Language::Rust;
        assert_eq!(words("a // b\nc /* d /* e */ f */ g", Rust), "a c g");
        assert_eq!(words(r##"x("a\"b", r#"c"d"#, b"e", br"f\") y"##, Rust), "x( , , b , ) y");
        assert_eq!(words("f<'a>('x', '\\'', '\"', 'ä') z", Rust), "f<'a>( , , , ) z");
        assert_eq!(words("r#type = for_r\"s\"", Rust), "r#type = for_r");
    }

    #[test]
    fn csharp_text_is_blanked_and_code_stays() {
        use Language::CSharp;
        assert_eq!(words("a @\"b\\\" c 'd' '\\'' e", CSharp), "a c e");
        assert_eq!(words("a @\"b\"\"c\" d \"\"\"e \" f\"\"\" g", CSharp), "a d g");
        assert_eq!(words("$\"x\" + y; // z", CSharp), "$ + y;");
    }

    #[test]
    fn lines_keep_their_numbers() {
        let text = "a\n/* b\nc */\n\"d\ne\"\nf";
        assert_eq!(code_only(text, Language::Rust).lines().count(), text.lines().count());
        assert_eq!(code_only(text, Language::Rust).lines().last(), Some("f"));
    }

    #[test]
    fn unfinished_text_does_not_panic() {
        for text in ["\"a\\", "r#\"a", "/* a", "'", "'\\", "@\"", "\"\"\"\"", "b'"] {
            code_only(text, Language::Rust);
            code_only(text, Language::CSharp);
        }
    }
}
