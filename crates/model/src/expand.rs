//! `%NAME%` references, as Windows expands them.

/// Replaces each `%NAME%` by what `lookup` knows. Unknown references and single `%` stay as they are.
pub fn expand(text: &str, mut lookup: impl FnMut(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('%') {
        out.push_str(&rest[..open]);
        let after = &rest[open + 1..];
        let known = after.find('%').and_then(|close| {
            let name = &after[..close];
            if name.is_empty() { None } else { lookup(name).map(|value| (close, value)) }
        });
        match known {
            Some((close, value)) => {
                out.push_str(&value);
                rest = &after[close + 1..];
            }
            None => {
                // Only the first `%` is taken as it is: the second may open the next reference.
                out.push('%');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let lookup = |name: &str| match name {
            "HOME" => Some("/home/shop".to_owned()),
            "EMPTY" => Some(String::new()),
            "SELF" => Some("%SELF%".to_owned()),
            _ => None,
        };
        for (text, expected) in [
            ("plain", "plain"),
            ("%HOME%/x", "/home/shop/x"),
            ("%NOPE%/%HOME%", "%NOPE%//home/shop"),
            ("100%", "100%"),
            ("50%HOME%", "50/home/shop"),
            ("%%HOME%%", "%/home/shop%"),
            ("%%", "%%"),
            ("[%EMPTY%]", "[]"),
            ("%SELF%", "%SELF%"),
            ("ä%HOME%ü", "ä/home/shopü"),
        ] {
            assert_eq!(expand(text, lookup), expected, "{text}");
        }
    }
}
