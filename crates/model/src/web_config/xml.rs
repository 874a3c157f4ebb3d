//! From text to a tree: what the parser refuses, said so that it can be mended, and what would cost too
//! much to parse.

use std::ops::Range;

use roxmltree::{Document, Error, ParsingOptions, TextPos};

use crate::diagnostic::{Diagnostic, Source};

const MOST_NODES: u32 = 50_000;
/// The parser's work grows with the square of these.
const MOST_ATTRIBUTES: usize = 256;
const MOST_NAMESPACES: usize = 1000;
const MOST_DEPTH: usize = 64;

/// Parses a file.
pub(super) fn parse(source: &Source) -> Result<Document<'_>, Box<Diagnostic>> {
    let outline = Outline::of(&source.text);
    if let Some((range, message, help)) = &outline.too_much {
        return Err(Box::new(source.error(range.clone(), message).help(*help)));
    }
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(&source.text, options)
        .map_err(|error| Box::new(explain(source, &outline, &error)))
}

/// What a quick look shows: enough to bound the parser's work, and to place what it cannot place.
#[derive(Debug, Default)]
struct Outline {
    /// Names of the start tags that nothing has closed where the look ended.
    open: Vec<Range<usize>>,
    /// A quote, comment or the like that never ends.
    endless: Option<Range<usize>>,
    /// The name of a start tag that the file ends in.
    cut_off: Option<Range<usize>>,
    too_much: Option<(Range<usize>, String, &'static str)>,
}

impl Outline {
    /// Ends at the first thing that is not well-formed, as the parser does.
    fn of(text: &str) -> Self {
        let mut outline = Self::default();
        if text.match_indices("xmlns").nth(MOST_NAMESPACES).is_some() {
            let message = format!("the file declares more than {MOST_NAMESPACES} namespaces");
            outline.too_much = Some((0..1, message, "web.config needs none: remove them"));
            return outline;
        }
        let mut at = 0;
        while let Some(found) = text.get(at..).and_then(|rest| rest.find('<')) {
            let start = at + found;
            let rest = &text[start..];
            let skipped = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")];
            if let Some((open, close)) = skipped.iter().find(|(open, _)| rest.starts_with(open)) {
                match rest[open.len()..].find(close) {
                    Some(end) => at = start + open.len() + end + close.len(),
                    None => {
                        outline.endless = Some(start..start + open.len());
                        break;
                    }
                }
            } else if rest.starts_with("<!") {
                break;
            } else if let Some(closing) = rest.strip_prefix("</") {
                let Some(end) = closing.find('>') else { break };
                let opened = outline.open.last().map(|name| &text[name.clone()]);
                if opened != Some(closing[..end].trim()) {
                    break;
                }
                outline.open.pop();
                at = start + 2 + end + 1;
            } else {
                match outline.start_tag(text, start) {
                    Some(end) => at = end,
                    None => break,
                }
            }
        }
        outline
    }

    /// The end of a start tag, if it has one.
    fn start_tag(&mut self, text: &str, start: usize) -> Option<usize> {
        let bytes = text.as_bytes();
        let name_end = text[start + 1..].find(|c: char| c.is_whitespace() || matches!(c, '/' | '>' | '<'));
        let name = start + 1..name_end.map_or(text.len(), |end| start + 1 + end);
        let mut attributes = 0;
        let mut at = name.end;
        loop {
            match bytes.get(at) {
                None => {
                    self.cut_off = Some(name);
                    return None;
                }
                Some(b'>') => break,
                Some(b'<') => return None,
                Some(b'=') => attributes += 1,
                Some(quote @ (b'"' | b'\'')) => match text[at + 1..].find(char::from(*quote)) {
                    Some(length) => at += 1 + length,
                    None => {
                        self.endless = Some(at..at + 1);
                        return None;
                    }
                },
                Some(_) => {}
            }
            at += 1;
        }
        if attributes > MOST_ATTRIBUTES {
            let message = format!("an element has more than {MOST_ATTRIBUTES} attributes");
            self.too_much = Some((name, message, "remove what is not needed"));
            return None;
        }
        if bytes.get(at - 1) != Some(&b'/') {
            if self.open.len() >= MOST_DEPTH {
                let message = format!("elements are nested more than {MOST_DEPTH} deep");
                self.too_much = Some((name, message, "close the elements above, or remove these"));
                return None;
            }
            self.open.push(name);
        }
        Some(at + 1)
    }
}

/// The byte at a line and column.
fn offset(text: &str, pos: TextPos) -> usize {
    let row = usize::try_from(pos.row).unwrap_or(usize::MAX).saturating_sub(1);
    let column = usize::try_from(pos.col).unwrap_or(usize::MAX).saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(row).map(str::len).sum();
    let rest = text.get(start..).unwrap_or("");
    start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
}

const AMPERSAND: &str = "write &amp; for a plain '&'";

fn explain(source: &Source, outline: &Outline, error: &Error) -> Diagnostic {
    let text = source.text.as_str();
    let at = offset(text, error.pos());
    let one = at..at + 1;
    let problem = |range: Range<usize>, what: String| {
        source.error(range, format!("the file is not well-formed XML: {what}"))
    };
    if let Some(at) = text.find("\n<<<<<<< ") {
        return problem(at + 1..at + 8, "a merge conflict was left in the file".to_owned())
            .help("keep one of the two sides, and remove the lines with <<<<<<<, ======= and >>>>>>>");
    }
    match error {
        Error::DtdDetected => {
            let at = text.find("<!DOCTYPE").unwrap_or(0);
            problem(at..at + 9, "a DOCTYPE is not read".to_owned())
                .help("remove it, and write out what its entities stand for")
        }
        Error::UnknownEntityReference(name, _) => {
            problem(at..at + name.len() + 2, format!("the entity '&{name};' is not defined"))
                .help("write the character itself, or &amp; for a plain '&'")
        }
        Error::MalformedEntityReference(_) => {
            problem(one, "'&' begins no reference here".to_owned()).help(AMPERSAND)
        }
        Error::DuplicatedAttribute(name, _) => {
            problem(at..at + name.len(), format!("the attribute '{name}' is there twice"))
                .help("keep one of the two")
        }
        Error::UnexpectedCloseTag(expected, actual, _) => {
            let problem = problem(at..at + actual.len() + 3, format!("'</{actual}>' closes another element"))
                .expected(format!("expected </{expected}>"));
            match outline.open.last() {
                Some(open) => problem.help(format!(
                    "'{expected}' begins in line {}: close it, or correct the spelling",
                    source.span(open.clone()).line
                )),
                None => problem,
            }
        }
        Error::UnclosedRootNode | Error::UnexpectedEndOfStream => unclosed(source, outline, &problem),
        Error::NoRootNode if outline.cut_off.is_some() => unclosed(source, outline, &problem),
        Error::NoRootNode => source
            .error_in_file("the file is empty: it holds no element")
            .help("publish the app again: dotnet publish writes a web.config"),
        Error::UnexpectedDeclaration(_) => {
            problem(at..at + 5, "the XML declaration is not at the very beginning".to_owned())
                .help("remove what stands before <?xml, spaces and empty lines too")
        }
        Error::UnknownNamespace(prefix, _) => {
            let problem = problem(at..at + prefix.len(), format!("the prefix '{prefix}' is not declared"));
            problem.help(format!(
                "declare it with xmlns:{prefix}=\"…\" on configuration, or apply the transformation first"
            ))
        }
        Error::NonXmlChar(c, _) => {
            problem(one, format!("the character U+{:04X} cannot stand in XML", u32::from(*c)))
                .help("remove it; if the file is full of them, save it as UTF-8")
        }
        Error::NodesLimitReached | Error::AttributesLimitReached | Error::NamespacesLimitReached => source
            .error_in_file(format!("the file holds more than {MOST_NODES} elements"))
            .help("make it smaller: move large tables into the app"),
        Error::UnknownToken(_) => {
            let what = if text[..at].contains('<') { "behind" } else { "before" };
            let end = text[at..].find(['\r', '\n']).map_or(text.len(), |length| at + length);
            problem(at..end, format!("there is something {what} the root element"))
                .expected("expected one element, configuration, and nothing beside it")
                .help("remove it")
        }
        Error::InvalidComment(_) => problem(at..at + 4, "'--' stands inside a comment".to_owned())
            .help("write one dash, or end the comment with -->"),
        Error::InvalidName(_) => problem(one, "no name begins like this".to_owned())
            .help("begin with a letter, directly behind the '<' or the space"),
        Error::InvalidChar2("a whitespace", ..) => {
            problem(one, "a space is missing between two attributes".to_owned())
                .help("write one here, or see whether a quote is missing before")
        }
        Error::InvalidChar(b'=', ..) => {
            problem(one, "an attribute has no value".to_owned()).help("write name=\"value\"")
        }
        Error::InvalidChar2("a quote", ..) if !is_curly(text, at) => {
            problem(one, "a value stands without quotes".to_owned()).help("write name=\"value\"")
        }
        _ if outline.endless.is_some() => unclosed(source, outline, &problem),
        other => {
            if text[at..].starts_with('<') {
                problem(one, "'<' stands inside a tag or a value".to_owned())
                    .help("close the quote or the tag before it; write &lt; for a plain '<'")
            } else if is_curly(text, at) {
                problem(one, "the quote is not a straight one".to_owned())
                    .help("write name=\"value\" with straight quotes")
            } else {
                let text = other.to_string();
                // The position is said already.
                let text = text.rsplit_once(" at ").map_or(text.as_str(), |(text, _)| text);
                problem(one, text.to_owned()).help("mend the XML here, or a little above")
            }
        }
    }
}

/// Whether a quote as word processors write them stands here.
fn is_curly(text: &str, at: usize) -> bool {
    text[at..].starts_with(['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}'])
}

/// Something that goes on to the end of the file.
fn unclosed(
    source: &Source,
    outline: &Outline,
    problem: &dyn Fn(Range<usize>, String) -> Diagnostic,
) -> Diagnostic {
    if let Some(range) = &outline.endless {
        let what = &source.text[range.clone()];
        return problem(range.clone(), format!("{what} is never closed")).help(if range.len() == 1 {
            "close it; the quote that is missing may be one before it"
        } else {
            "close it, or remove it"
        });
    }
    if let Some(name) = &outline.cut_off {
        let shown = &source.text[name.clone()];
        return problem(name.clone(), format!("the file ends inside the tag of '{shown}'"))
            .help("it seems to be cut off: write it again");
    }
    match outline.open.last() {
        Some(open) => {
            let name = &source.text[open.clone()];
            problem(open.clone(), format!("the element '{name}' is never closed"))
                .help(format!("write </{name}> where it ends"))
        }
        None => {
            let end = source.text.trim_end().len();
            problem(end.saturating_sub(1)..end, "the file ends too early".to_owned())
                .help("it seems to be cut off: write it again")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        parse(&Source::new("f", text)).unwrap_err().one_line()
    }

    #[test]
    fn what_costs_too_much_is_not_parsed() {
        let attributes: String = (0..300).map(|n| format!(" a{n}=''")).collect();
        assert!(message(&format!("<a><b{attributes}/></a>")).contains("more than 256 attributes"));
        let nested: String = (0..2000).map(|n| format!("<e xmlns:a{n}='u'>")).collect();
        assert!(message(&nested).contains("namespaces"));
        assert!(message(&"<a>".repeat(100_000)).contains("nested more than 64 deep"));
        let many = format!("<a>{}</a>", "<b/>".repeat(100_000));
        assert!(message(&many).contains("more than 50000 elements"));
    }

    #[test]
    fn what_is_unclosed_is_placed() {
        for (text, place, part) in [
            ("<a>\n <b>\n", "f:2:3", "'b' is never closed"),
            ("<a>\n <b c=\"x>\n</a>", "f:2:7", "\" is never closed"),
            ("<a>\n<!-- x </a>", "f:2:1", "<!-- is never closed"),
            ("<a>\n<b", "f:2:2", "tag of 'b'"),
            ("<a", "f:1:2", "cut off"),
            ("<a b='1'c='2'/>", "f:1:9", "a space is missing"),
            ("<a b/>", "f:1:5", "no value"),
            ("<a b=1/>", "f:1:6", "without quotes"),
            ("<a><!-- -- --></a>", "f:1:4", "inside a comment"),
            ("<a>\n<<<<<<< HEAD\n</a>", "f:2:1", "merge conflict"),
            ("<a>\n<b>\n</a>", "f:3:1", "'b' begins in line 2"),
            ("<a b='1' b='2'/>", "f:1:10", "twice"),
            ("<a b='x&y=1'/>", "f:1:8", "&amp;"),
            ("<a b='&nbsp;'/>", "f:1:7", "'&nbsp;' is not defined"),
            ("<a/>\nmore", "f:2:1", "behind the root"),
            ("hello", "f:1:1", "before the root"),
            ("\n<?xml version='1.0'?><a/>", "f:2:1", "very beginning"),
            ("<a b=\u{201c}x\u{201d}/>", "f:1:6", "straight"),
            ("<a b='1<2'/>", "f:1:8", "&lt;"),
            ("<a x:b='1'/>", "f:1:4", "prefix 'x'"),
            ("<a b='\0'/>", "f:1:7", "U+0000"),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "f:1:1", "DOCTYPE"),
            ("", "f", "empty"),
        ] {
            let message = message(text);
            assert!(message.starts_with(&format!("{place}:")) && message.contains(part), "{text}: {message}");
        }
    }
}
