//! Values of attributes: whether a text fits a kind, what is expected otherwise, and what it means.

use super::schema::Kind;

/// Whether the text is a value of this kind.
pub(super) fn fits(kind: Kind, text: &str) -> bool {
    match kind {
        Kind::Text => true,
        Kind::NonEmpty => !text.is_empty(),
        Kind::Bool => boolean(text).is_some(),
        Kind::Number { least, most } => number(text).is_some_and(|number| (least..=most).contains(&number)),
        Kind::NumberOrAny { most } => text == "-1" || number(text).is_some_and(|number| number <= most),
        Kind::TimeSpan { most } => time_span(text).is_some_and(|seconds| seconds <= most),
        Kind::Choice(names) => choice(names, text).is_some() || is_redirect_number(names, text),
        Kind::Flags(names) => flags(text).all(|flag| choice(names, flag).is_some()),
        Kind::HostingModel => text.is_empty() || text.parse::<crate::HostingModel>().is_ok(),
        Kind::Status => {
            number(text).is_some_and(|status| (1..=999).contains(&status) && !(300..=307).contains(&status))
        }
    }
}

/// What belongs there, for people.
pub(super) fn expected(kind: Kind) -> String {
    match kind {
        Kind::Text => "expected a text".to_owned(),
        Kind::NonEmpty => "expected a text that is not empty".to_owned(),
        Kind::Bool => "expected true or false".to_owned(),
        Kind::Number { least, most } => format!("expected a whole number from {least} to {most}"),
        Kind::NumberOrAny { most } => format!("expected -1 for any, or a whole number from 0 to {most}"),
        Kind::TimeSpan { most } => {
            let (hours, minutes) = (most / 3600, most / 60 % 60);
            format!(
                "expected hh:mm:ss up to {hours}:{minutes:02}:{:02}, minutes and seconds to 59",
                most % 60
            )
        }
        Kind::Choice(names) => format!("expected {}", listed(names, "or")),
        Kind::Flags(names) => format!("expected names with commas: {}", names.join(", ")),
        Kind::HostingModel => "expected InProcess or OutOfProcess".to_owned(),
        Kind::Status => "expected a status from 1 to 999 that is none of 300 to 307".to_owned(),
    }
}

/// `a, b or c`.
fn listed(names: &[&str], word: &str) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// The rewrite module also reads `301` for `Permanent`, and so on.
fn is_redirect_number(names: &[&str], text: &str) -> bool {
    names.contains(&"SeeOther") && crate::rewrite::RedirectType::parse(text).is_some()
}

/// `true` or `false` in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Digits only.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// `hh:mm:ss` in seconds; hours may have more digits, and days and a dot may stand before them.
pub(crate) fn time_span(text: &str) -> Option<u64> {
    let (days, rest) = match text.split_once('.') {
        Some((days, rest)) => (number(days)?, rest),
        None => (0, text),
    };
    let parts: Vec<u64> = rest.split(':').take(4).map(number).collect::<Option<_>>()?;
    match parts.as_slice() {
        [hours, minutes @ 0..60, seconds @ 0..60] => {
            let hours = days.checked_mul(24)?.checked_add(*hours)?;
            hours.checked_mul(3600)?.checked_add(minutes * 60 + seconds)
        }
        _ => None,
    }
}

/// The name as the table spells it.
pub(super) fn choice(names: &[&'static str], text: &str) -> Option<&'static str> {
    names.iter().find(|name| name.eq_ignore_ascii_case(text)).copied()
}

/// The parts between commas, trimmed. An empty text has none.
pub(super) fn flags(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(move |flag| !flag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans() {
        for (text, seconds) in [
            ("00:02:00", Some(120)),
            ("360:00:00", Some(1_296_000)),
            ("1.02:00:00", Some(26 * 3600)),
            ("00:00:60", None),
            ("00:60:00", None),
            ("120", None),
            ("1:2:3:4", None),
            ("-1:00:00", None),
            ("99999999999999999999:00:00", None),
            ("18446744073709551615.00:00:00", None),
            ("18446744073709551615:00:00", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(time_span(text), seconds, "{text}");
        }
    }

    #[test]
    fn what_fits() {
        let names: &[&str] = &["None", "Ssl"];
        for (kind, good, bad) in [
            (Kind::Bool, &["true", "FALSE"][..], &["yes", "1", ""][..]),
            (
                Kind::Number { least: 1, most: 3 },
                &["1", "3", "003"],
                &["0", "4", "-1", "+1", " 1", "1.0", "0x1"],
            ),
            (Kind::NumberOrAny { most: 9 }, &["-1", "0", "9"], &["-2", "10", ""]),
            (Kind::Choice(names), &["none", "Ssl"], &["", "Ssl,None"]),
            (Kind::Flags(names), &["", "Ssl, none", "Ssl"], &["Tls", "Ssl|None"]),
            (Kind::Status, &["1", "200", "299", "308", "999"], &["0", "300", "307", "1000", "x"]),
            (Kind::HostingModel, &["", "inprocess"], &["in"]),
            (Kind::NonEmpty, &[" "], &[""]),
        ] {
            for text in good {
                assert!(fits(kind, text), "{kind:?} {text}");
            }
            for text in bad {
                assert!(!fits(kind, text), "{kind:?} {text}");
            }
            assert!(expected(kind).starts_with("expected"));
        }
        let types: &[&str] = &["Permanent", "SeeOther"];
        assert!(fits(Kind::Choice(types), "301") && !fits(Kind::Choice(types), "305"));
    }
}
