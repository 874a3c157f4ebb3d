//! Compiled patterns: the three syntaxes, and what a match captures.

use std::borrow::Cow;

use fancy_regex::{Regex, RegexBuilder};

use super::config::PatternSyntax;

/// Steps back that one match may take; some milliseconds. Only patterns with look-around or
/// back-references backtrack at all.
const BACKTRACK_LIMIT: usize = 100_000;

/// Bytes that a compiled pattern may take.
const SIZE_LIMIT: usize = 4 << 20;

/// Bytes of a pattern's text; above it, it is refused.
const LONGEST: usize = 16 * 1024;

/// A pattern that can be matched.
#[derive(Debug)]
pub(super) enum Pattern {
    Regex(Box<Regex>),
    Exact { text: String, ignore_case: bool },
}

/// What a pattern captured; number 0 is the whole match. Groups that took no part are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Captures(pub(super) Vec<String>);

/// A pattern took too many steps; it counts as not matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LimitReached;

impl Pattern {
    /// Compiles, or says in one sentence what is wrong.
    pub(super) fn new(text: &str, syntax: PatternSyntax, ignore_case: bool) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("the pattern has {} bytes; {LONGEST} are allowed", text.len()));
        }
        let regex = match syntax {
            PatternSyntax::ExactMatch => {
                let text = if ignore_case { text.to_lowercase() } else { text.to_owned() };
                return Ok(Self::Exact { text, ignore_case });
            }
            PatternSyntax::Wildcard => wildcard(text),
            PatternSyntax::EcmaScript => translate(text),
        };
        if syntax == PatternSyntax::EcmaScript
            && let Some(group) = unknown_group(text)
        {
            return Err(format!("not a regular expression: '(?{group}' begins no group that is known."));
        }
        RegexBuilder::new(&regex)
            .case_insensitive(ignore_case)
            .backtrack_limit(BACKTRACK_LIMIT)
            .delegate_size_limit(SIZE_LIMIT)
            .build()
            .map(|regex| Self::Regex(Box::new(regex)))
            .map_err(|error| explain(text, &error))
    }

    /// The highest number that a capture of this pattern can have.
    pub(super) fn groups(&self) -> usize {
        match self {
            Self::Regex(regex) => regex.captures_len().saturating_sub(1),
            Self::Exact { .. } => 0,
        }
    }

    /// What is captured in `input`; `None` when it does not match.
    pub(super) fn captures(&self, input: &str) -> Result<Option<Captures>, LimitReached> {
        match self {
            Self::Regex(regex) => {
                let found = regex.captures(input).map_err(|_| LimitReached)?;
                Ok(found.map(|found| {
                    let group =
                        |at| found.get(at).map_or_else(String::new, |group| group.as_str().to_owned());
                    Captures((0..found.len()).map(group).collect())
                }))
            }
            Self::Exact { text, ignore_case } => {
                let input_case =
                    if *ignore_case { Cow::Owned(input.to_lowercase()) } else { Cow::Borrowed(input) };
                Ok((*text == *input_case).then(|| Captures(vec![input.to_owned()])))
            }
        }
    }
}

fn explain(pattern: &str, error: &fancy_regex::Error) -> String {
    let text = error.to_string();
    // The engine's own message may draw the pattern over several lines; the last one says what is wrong.
    let reason = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("not understood");
    let reason = reason.strip_prefix("error: ").unwrap_or(reason).trim_end_matches('.');
    let hint = if pattern.starts_with('*') {
        " If '*' is to stand for anything, write patternSyntax=\"Wildcard\" on the rule, or '.*'."
    } else {
        ""
    };
    format!("not a regular expression: {reason}.{hint}")
}

/// `*` is a capture of anything, `?` any one character; the whole input must match.
fn wildcard(text: &str) -> String {
    let mut out = String::from("(?s)\\A");
    for char in text.chars() {
        match char {
            '*' => out.push_str("(.*?)"),
            '?' => out.push('.'),
            char => push_literal(&mut out, char),
        }
    }
    out.push_str("\\z");
    out
}

fn push_literal(out: &mut String, char: char) {
    if char.is_ascii_punctuation() && !matches!(char, '<' | '>') {
        out.push('\\');
    }
    out.push(char);
}

/// From ECMAScript's grammar to that of the engine: what is literal there and special here is escaped.
fn translate(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_class = false;
    while let Some(char) = rest.chars().next() {
        let tail = rest.get(char.len_utf8()..).unwrap_or_default();
        match char {
            '\\' => {
                let Some(escaped) = tail.chars().next() else {
                    out.push('\\');
                    break;
                };
                push_escape(&mut out, escaped, tail);
                rest = tail.get(escaped.len_utf8()..).unwrap_or_default();
                continue;
            }
            '[' if in_class => out.push_str("\\["),
            '[' => {
                in_class = true;
                out.push('[');
                let (negated, body) = match tail.strip_prefix('^') {
                    Some(body) => ("^", body),
                    None => ("", tail),
                };
                out.push_str(negated);
                rest = body;
                continue;
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(char);
            }
            '{' if !in_class && !is_quantifier(tail) => out.push_str("\\{"),
            char => out.push(char),
        }
        rest = tail;
    }
    out
}

fn push_escape(out: &mut String, escaped: char, tail: &str) {
    match escaped {
        // Word boundaries here, the characters themselves there.
        '<' | '>' => out.push(escaped),
        '0' if !tail.get(1..).unwrap_or_default().starts_with(|next: char| next.is_ascii_digit()) => {
            out.push_str("\\x00");
        }
        // Calls of groups and further classes there; a call of the pattern within itself would have no end.
        'g' | 'G' | 'K' | 'h' | 'H' | 'R' | 'X' => out.push(escaped),
        '/' | '_' | '"' | '\'' | ',' | ':' | ';' | '=' | '!' | '@' | '%' | '`' => out.push(escaped),
        escaped if escaped.is_ascii() => {
            out.push('\\');
            out.push(escaped);
        }
        escaped => out.push(escaped),
    }
}

/// What follows the first `(?` that ECMAScript does not have, and that is no flag either: the engine has groups that
/// call others or themselves.
fn unknown_group(text: &str) -> Option<char> {
    let mut rest = text.chars();
    let (mut in_class, mut opened) = (false, false);
    while let Some(char) = rest.next() {
        match char {
            '\\' => drop(rest.next()),
            '[' => in_class = true,
            ']' => in_class = false,
            '?' if opened => {
                let next = rest.clone().next().unwrap_or(')');
                if !matches!(next, ':' | '=' | '!' | '<' | '>' | 'i' | 'm' | 's' | 'x' | '-' | 'P') {
                    return Some(next);
                }
                if next == 'P' && !rest.as_str().starts_with("P<") {
                    return Some(next);
                }
            }
            _ => {}
        }
        opened = char == '(' && !in_class;
    }
    None
}

/// Whether what follows a `{` makes it `{n}`, `{n,}` or `{n,m}`.
fn is_quantifier(tail: &str) -> bool {
    let Some((inner, _)) = tail.split_once('}') else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match inner.split_once(',') {
        Some((low, high)) => digits(low) && (high.is_empty() || digits(high)),
        None => digits(inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captures(pattern: &str, syntax: PatternSyntax, ignore_case: bool, input: &str) -> Option<Vec<String>> {
        let pattern =
            Pattern::new(pattern, syntax, ignore_case).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        pattern.captures(input).unwrap().map(|captures| captures.0)
    }

    fn regex(pattern: &str, input: &str) -> Option<Vec<String>> {
        captures(pattern, PatternSyntax::EcmaScript, true, input)
    }

    fn list(texts: &[&str]) -> Option<Vec<String>> {
        Some(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn regular_expressions() {
        assert_eq!(
            regex("([0-9]+)/([a-z]+)\\.html", "07/article.html"),
            list(&["07/article.html", "07", "article"])
        );
        assert_eq!(regex("^(www\\.)(.*)$", "www.foo.com"), list(&["www.foo.com", "www.", "foo.com"]));
        assert_eq!(regex("^ABC", "abcd"), list(&["abc"]));
        assert_eq!(captures("^ABC", PatternSyntax::EcmaScript, false, "abcd"), None);
        assert_eq!(regex("^(?!www)(.*)", "www.x"), None);
        assert_eq!(regex("^(?!www)(.*)", "x"), list(&["x", "x"]));
        assert_eq!(regex("(.)\\1", "hello"), list(&["ll", "l"]));
        assert_eq!(regex("(a)|(b)", "b"), list(&["b", "", "b"]));
        assert_eq!(regex("", "anything"), list(&[""]));
    }

    #[test]
    fn what_only_ecmascript_takes_literally() {
        assert_eq!(regex("^{a}\\/b\\-c\\_d$", "{a}/b-c_d"), list(&["{a}/b-c_d"]));
        assert_eq!(regex("^[[&&~~]+$", "[&~"), list(&["[&~"]));
        assert_eq!(regex("\\<b\\>", "<b>"), list(&["<b>"]));
        assert_eq!(regex("a\\0b", "a\0b"), list(&["a\0b"]));
        assert_eq!(regex("^a{2,3}$", "aaa"), list(&["aaa"]));
        assert_eq!(regex("^a{,3}$", "a{,3}"), list(&["a{,3}"]));
        assert_eq!(regex("^[^/]+$", "ab"), list(&["ab"]));
        assert_eq!(regex("\\u00e9", "é"), list(&["é"]));
        assert_eq!(regex("[\\w\\-\\.]+@", "a-b.c@"), list(&["a-b.c@"]));
    }

    #[test]
    fn wildcards_match_whole_inputs() {
        let wild = |pattern, input| captures(pattern, PatternSyntax::Wildcard, true, input);
        assert_eq!(wild("*/*.html", "contoso/test.html"), list(&["contoso/test.html", "contoso", "test"]));
        assert_eq!(wild("scripts/*_in.???", "Scripts/x_in.asp"), list(&["Scripts/x_in.asp", "x"]));
        assert_eq!(wild("a", "ab"), None);
        assert_eq!(wild("*", ""), list(&["", ""]));
        assert_eq!(wild("a+(b)[c]<d>", "a+(b)[c]<d>"), list(&["a+(b)[c]<d>"]));
    }

    #[test]
    fn exact_matches() {
        let exact = |ignore_case, input| captures("About/Us", PatternSyntax::ExactMatch, ignore_case, input);
        assert_eq!(exact(true, "about/us"), list(&["about/us"]));
        assert_eq!(exact(false, "about/us"), None);
        assert_eq!(exact(true, "about/us/"), None);
    }

    #[test]
    fn bad_patterns_are_explained() {
        for pattern in ["*", "(", "[a", "a**b(", "(?<n", "\\", "[z-a]", "a{99999}{99999}", "(?P=x)"] {
            let error = Pattern::new(pattern, PatternSyntax::EcmaScript, true).unwrap_err();
            assert!(
                error.starts_with("not a regular expression: ") && !error.contains('\n'),
                "{pattern}: {error}"
            );
        }
        assert!(Pattern::new("*", PatternSyntax::EcmaScript, true).unwrap_err().contains("Wildcard"));
        assert!(Pattern::new(&"a".repeat(20_000), PatternSyntax::ExactMatch, true).is_err());
    }

    #[test]
    fn no_pattern_calls_itself() {
        // The escapes are plain letters in ECMAScript.
        assert_eq!(regex("^a\\g0b\\g<1>\\K$", "ag0bg<1>K"), list(&["ag0bg<1>K"]));
        assert!(Pattern::new("(?:(a/)\\g1:|iM)RE?:(a/)\\g0=:|zM", PatternSyntax::EcmaScript, true).is_ok());
        for pattern in ["a(?R)?b", "(?0)", "(a)(?1)", "(?&x)(?<x>a)", "(?P>x)", "(?P=x)", "(?(1)a|b)", "(?"] {
            let error = Pattern::new(pattern, PatternSyntax::EcmaScript, true).unwrap_err();
            assert!(error.contains("begins no group that is known"), "{pattern}: {error}");
        }
        assert!(regex("^[(?R]+$", "(?R").is_some() && regex("^\\(?R$", "(R").is_some());
        assert!(regex("^(?i)a(?:b)(?=c)(?!d)(?<n>c)$", "abc").is_some());
    }

    #[test]
    fn endless_backtracking_ends() {
        let pattern = Pattern::new("^(?=(a+)+$)x", PatternSyntax::EcmaScript, true).unwrap();
        let hard = Pattern::new("^(a|a)+(?!b)\\1$", PatternSyntax::EcmaScript, true).unwrap();
        let input = format!("{}!", "a".repeat(5000));
        assert!(matches!(pattern.captures(&input), Ok(None) | Err(LimitReached)));
        assert!(matches!(hard.captures(&input), Ok(None) | Err(LimitReached)));
    }
}
