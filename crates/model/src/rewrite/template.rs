//! Texts with `{…}` in them: parsed once, expanded for each request.

use super::path::{self, Keep};

/// Bytes that one expansion may have. Longer ones are refused: rules that repeat what they captured
/// could grow without bound.
pub(super) const LONGEST: usize = 16 * 1024;

/// How deep `{…}` may nest.
const DEEPEST: usize = 8;

/// A parsed text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Template(pub(super) Vec<Part>);

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    /// `{R:n}`
    Rule(usize),
    /// `{C:n}`
    Condition(usize),
    /// `{NAME}`, in capital letters.
    Variable(String),
    /// `{ToLower:…}`
    ToLower(Template),
    /// `{UrlEncode:…}`
    UrlEncode(Template),
    /// `{UrlDecode:…}`
    UrlDecode(Template),
    /// `{HtmlEncode:…}`
    HtmlEncode(Template),
    /// `{map:…}`: index of the map, key.
    Map(usize, Template),
}

/// A piece of an expansion: the text, and how it reads inside a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) url: Form,
}

/// How a piece is written in a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The text is URL text already.
    Same,
    /// The text was decoded and is encoded again.
    Decoded,
    /// This is what the client sent for it.
    Sent(String),
}

impl Piece {
    /// Text that means in a URL what it says.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), url: Form::Same }
    }
}

/// Where the values come from.
pub(super) trait Values {
    /// `{R:n}`
    fn rule(&self, number: usize) -> Piece;
    /// `{C:n}`
    fn condition(&self, number: usize) -> Piece;
    /// `{NAME}`
    fn variable(&self, name: &str) -> Vec<Piece>;
    /// `{map:key}`
    fn map(&self, index: usize, key: &str) -> String;
}

/// An expansion grew over [`LONGEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Template {
    /// Parses `text`; `maps` gives a map's index by its name. An error is one sentence.
    pub(super) fn parse(text: &str, maps: &dyn Fn(&str) -> Option<usize>) -> Result<Self, String> {
        let (template, rest) = parse(text, maps, 0)?;
        debug_assert!(rest.is_empty(), "only nested texts end early");
        Ok(template)
    }

    /// Every part, nested ones included.
    pub(super) fn each(&self, visit: &mut dyn FnMut(&Part)) {
        for part in &self.0 {
            visit(part);
            match part {
                Part::ToLower(inner)
                | Part::UrlEncode(inner)
                | Part::UrlDecode(inner)
                | Part::HtmlEncode(inner)
                | Part::Map(_, inner) => inner.each(visit),
                Part::Literal(_) | Part::Rule(_) | Part::Condition(_) | Part::Variable(_) => {}
            }
        }
    }

    /// The text up to the first `{`.
    pub(super) fn literal_start(&self) -> &str {
        match self.0.first() {
            Some(Part::Literal(text)) => text,
            _ => "",
        }
    }

    /// Whether the text begins with something of the request's path: then it names no other server, whatever it looks like.
    /// `from_path`: what `{C:n}` stands for was captured from such a text.
    pub(super) fn starts_with_path(&self, from_path: bool) -> bool {
        match self.0.first() {
            Some(Part::Rule(_)) => true,
            Some(Part::Condition(_)) => from_path,
            Some(Part::Variable(name)) => super::variables::is_path(name),
            Some(Part::ToLower(inner) | Part::UrlDecode(inner)) => inner.starts_with_path(from_path),
            _ => false,
        }
    }

    /// Whether captures of this text were decoded, as when it is `{URL}`: nothing but literals stands beside it.
    pub(super) fn is_decoded_path(&self) -> bool {
        let mut decoded = false;
        self.0.iter().all(|part| match part {
            Part::Literal(_) => true,
            Part::Variable(name) => {
                decoded = true;
                super::variables::is_decoded_path(name)
            }
            Part::Rule(_) => {
                decoded = true;
                true
            }
            _ => false,
        }) && decoded
    }

    /// As a text, for patterns and lookups.
    pub(super) fn text(&self, values: &dyn Values) -> Result<String, TooLong> {
        self.pieces(values).map(|pieces| joined(&pieces))
    }

    /// As URL text: printable ASCII.
    pub(super) fn url(&self, values: &dyn Values) -> Result<String, TooLong> {
        let mut out = String::new();
        for piece in self.pieces(values)? {
            match &piece.url {
                Form::Same => path::encode(&mut out, &piece.text, Keep::Url),
                Form::Decoded => path::encode(&mut out, &piece.text, Keep::Path),
                Form::Sent(sent) => path::encode(&mut out, sent, Keep::Url),
            }
            if out.len() > LONGEST {
                return Err(TooLong);
            }
        }
        Ok(out)
    }

    fn pieces(&self, values: &dyn Values) -> Result<Vec<Piece>, TooLong> {
        let mut out = Vec::with_capacity(self.0.len());
        let mut length = 0;
        for part in &self.0 {
            let from = out.len();
            match part {
                Part::Literal(text) => out.push(Piece::plain(text.as_str())),
                Part::Rule(number) => out.push(values.rule(*number)),
                Part::Condition(number) => out.push(values.condition(*number)),
                Part::Variable(name) => out.extend(values.variable(name)),
                Part::ToLower(inner) => out.extend(inner.pieces(values)?.into_iter().map(lower)),
                Part::UrlEncode(inner) => {
                    let mut encoded = String::new();
                    path::encode(&mut encoded, &inner.text(values)?, Keep::Unreserved);
                    out.push(Piece::plain(encoded));
                }
                Part::UrlDecode(inner) => out.push(Piece::plain(path::decode(&inner.text(values)?))),
                Part::HtmlEncode(inner) => out.push(Piece::plain(html_encode(&inner.text(values)?))),
                Part::Map(index, key) => out.push(Piece::plain(values.map(*index, &key.text(values)?))),
            }
            length += out.iter().skip(from).map(|piece| piece.text.len()).sum::<usize>();
            if length > LONGEST {
                return Err(TooLong);
            }
        }
        Ok(out)
    }
}

fn joined(pieces: &[Piece]) -> String {
    pieces.iter().map(|piece| piece.text.as_str()).collect()
}

fn lower(piece: Piece) -> Piece {
    let url = match piece.url {
        Form::Same => Form::Same,
        // What the client sent may have encoded capital letters.
        Form::Decoded | Form::Sent(_) => Form::Decoded,
    };
    Piece { text: piece.text.to_lowercase(), url }
}

fn html_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            char => out.push(char),
        }
    }
    out
}

/// Reads until the end of `text`, or until the `}` that ends a nested text, which it leaves in the rest.
fn parse<'a>(
    text: &'a str,
    maps: &dyn Fn(&str) -> Option<usize>,
    depth: usize,
) -> Result<(Template, &'a str), String> {
    if depth > DEEPEST {
        return Err(format!("'{{' is nested more than {DEEPEST} deep"));
    }
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let stop: &[char] = if depth == 0 { &['{'] } else { &['{', '}'] };
        let Some(at) = rest.find(stop) else {
            push_literal(&mut parts, rest);
            return Ok((Template(parts), ""));
        };
        let (literal, tail) = rest.split_at(at);
        push_literal(&mut parts, literal);
        let Some(inner) = tail.strip_prefix('{') else { return Ok((Template(parts), tail)) };
        let (part, after) = reference(inner, maps, depth)?;
        parts.push(part);
        rest = after;
    }
}

fn push_literal(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Literal(text.to_owned()));
    }
}

/// Reads what follows a `{`, its `}` included.
fn reference<'a>(
    inner: &'a str,
    maps: &dyn Fn(&str) -> Option<usize>,
    depth: usize,
) -> Result<(Part, &'a str), String> {
    let unclosed = || format!("'{{{}' has no closing '}}'", shorten(inner));
    let end = inner.find([':', '{', '}']).ok_or_else(unclosed)?;
    let (name, tail) = inner.split_at(end);
    if let Some(after) = tail.strip_prefix('}') {
        let name = name.trim();
        if name.is_empty()
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        {
            return Err(format!(
                "'{{{}}}' is no server variable, back-reference, function or rewrite map",
                shorten(name)
            ));
        }
        return Ok((Part::Variable(name.to_ascii_uppercase().replace('-', "_")), after));
    }
    let Some(argument) = tail.strip_prefix(':') else {
        return Err(format!("'{{' stands inside the name '{{{}'", shorten(name)));
    };
    let (template, rest) = parse(argument, maps, depth + 1)?;
    let after = rest.strip_prefix('}').ok_or_else(unclosed)?;
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    let part = if is("R") || is("C") {
        let number = match template.0.as_slice() {
            [Part::Literal(digits)] => digits.trim().parse::<u16>().ok(),
            _ => None,
        };
        let Some(number) = number else {
            return Err(format!("'{{{}:' needs a number, as in {{{}:1}}", shorten(name), shorten(name)));
        };
        if is("R") { Part::Rule(usize::from(number)) } else { Part::Condition(usize::from(number)) }
    } else if let Some(index) = maps(name) {
        Part::Map(index, template)
    } else if is("ToLower") {
        Part::ToLower(template)
    } else if is("UrlEncode") {
        Part::UrlEncode(template)
    } else if is("UrlDecode") {
        Part::UrlDecode(template)
    } else if is("HtmlEncode") {
        Part::HtmlEncode(template)
    } else {
        return Err(format!(
            "'{}' is neither a rewrite map of this file nor one of the functions ToLower, UrlEncode, UrlDecode",
            shorten(name)
        ));
    };
    Ok((part, after))
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Values for Fixed {
        fn rule(&self, number: usize) -> Piece {
            Piece { text: format!("r {number}?"), url: Form::Decoded }
        }
        fn condition(&self, number: usize) -> Piece {
            Piece::plain(format!("c{number}"))
        }
        fn variable(&self, name: &str) -> Vec<Piece> {
            vec![
                Piece { text: format!("/{name} É"), url: Form::Sent(format!("/{name}%20%C3%89")) },
                Piece::plain("?Q=a%20b"),
            ]
        }
        fn map(&self, index: usize, key: &str) -> String {
            format!("{index}<{key}>")
        }
    }

    fn maps(name: &str) -> Option<usize> {
        (name == "Old").then_some(3)
    }

    fn text(template: &str) -> String {
        Template::parse(template, &maps).unwrap().text(&Fixed).unwrap()
    }

    fn url(template: &str) -> String {
        Template::parse(template, &maps).unwrap().url(&Fixed).unwrap()
    }

    #[test]
    fn texts_are_expanded() {
        assert_eq!(text("a{R:1}b{C:22}"), "ar 1?bc22");
        assert_eq!(text("{http-x_y}"), "/HTTP_X_Y É?Q=a%20b");
        assert_eq!(text("{ToLower:{URL}X}"), "/url é?q=a%20bx");
        assert_eq!(text("{UrlEncode:{R:0}}"), "r%200%3F");
        assert_eq!(text("{UrlDecode:a%20b}"), "a b");
        assert_eq!(text("{HtmlEncode:<{C:1}>}"), "&lt;c1&gt;");
        assert_eq!(text("{Old:{C:1}-{ToLower:K}}"), "3<c1-k>");
        assert_eq!(text("plain } text"), "plain } text");
        assert_eq!(text(""), "");
    }

    #[test]
    fn urls_are_encoded_by_what_their_pieces_are() {
        assert_eq!(url("/x y/{R:1}"), "/x%20y/r%201%3F");
        assert_eq!(url("https://h{URL}"), "https://h/URL%20%C3%89?Q=a%20b");
        assert_eq!(url("{ToLower:{URL}}"), "/url%20%C3%A9?q=a%20b");
        assert_eq!(url("{UrlDecode:%0d%0aX}"), "%0D%0AX");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (template, part) in [
            ("{R:1", "no closing '}'"),
            ("{", "no closing '}'"),
            ("{}", "no server variable"),
            ("{R:x}", "needs a number"),
            ("{R:{C:1}}", "needs a number"),
            ("{R:-1}", "needs a number"),
            ("{R:99999}", "needs a number"),
            ("{Nope:x}", "'Nope' is neither"),
            ("{a{b}}", "inside the name"),
            ("{a b}", "no server variable"),
            (&"{ToLower:".repeat(50), "nested"),
        ] {
            let error = Template::parse(template, &maps).unwrap_err();
            assert!(error.contains(part), "{template}: {error}");
        }
    }

    #[test]
    fn expansions_do_not_grow_without_bound() {
        let long = format!("{{UrlEncode:{}}}", "/".repeat(LONGEST));
        assert_eq!(Template::parse(&long, &maps).unwrap().text(&Fixed), Err(TooLong));
        assert_eq!(Template::parse(&" ".repeat(LONGEST), &maps).unwrap().url(&Fixed), Err(TooLong));
    }
}
