//! Users for client certificates.

use crate::web_config::{CertificateMapping, CertificateRule};

/// What a client's certificate says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The whole certificate in DER.
    pub der: Vec<u8>,
    /// The parts of the subject's name.
    pub subject: Vec<NamePart>,
    /// The parts of the issuer's name.
    pub issuer: Vec<NamePart>,
}

/// One part of a name, as in `CN=alice`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePart {
    /// `CN`.
    pub kind: String,
    /// `alice`.
    pub value: String,
}

/// The account that a certificate stands for: of the mappings of one certificate, else of the first of many that fits.
/// `None`: none, or it is refused. What a certificate says only counts when its issuer is trusted: anybody can make one
/// that says anything. `decode` reads Base64.
pub fn mapped<'a>(
    mapping: &'a CertificateMapping,
    certificate: &Certificate,
    is_trusted: bool,
    decode: impl Fn(&str) -> Option<Vec<u8>>,
) -> Option<&'a str> {
    let one = mapping.one_to_one.iter().find(|entry| {
        let text: String = entry.certificate.chars().filter(|char| !char.is_whitespace()).collect();
        decode(&text).is_some_and(|der| der == certificate.der)
    });
    if let Some(entry) = one {
        return Some(entry.user.as_str());
    }
    if !is_trusted {
        return None;
    }
    let fits = |rule: &CertificateRule| {
        let parts = if rule.issuer { &certificate.issuer } else { &certificate.subject };
        let kind = |part: &&NamePart| part.kind.eq_ignore_ascii_case(&rule.part);
        parts.iter().filter(kind).any(|part| like(&rule.pattern, &part.value, rule.case_counts))
    };
    // A mapping without rules would take every certificate.
    let many =
        mapping.many_to_one.iter().find(|entry| !entry.rules.is_empty() && entry.rules.iter().all(fits))?;
    many.allow.then_some(many.user.as_str())
}

/// Whether a text is like a pattern in which `*` is any text.
fn like(pattern: &str, text: &str, case_counts: bool) -> bool {
    let (pattern, text) = if case_counts {
        (pattern.to_owned(), text.to_owned())
    } else {
        (pattern.to_lowercase(), text.to_lowercase())
    };
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web_config::{ManyToOneMapping, OneToOneMapping};

    fn certificate(subject: &str, issuer: &str) -> Certificate {
        let parts = |value: &str| vec![NamePart { kind: "CN".to_owned(), value: value.to_owned() }];
        Certificate { der: subject.as_bytes().to_vec(), subject: parts(subject), issuer: parts(issuer) }
    }

    #[test]
    fn one_certificate_comes_before_many() {
        let rule = |issuer, pattern: &str| CertificateRule {
            issuer,
            part: "cn".to_owned(),
            pattern: pattern.to_owned(),
            case_counts: false,
        };
        let many = |name: &str, allow, user: &str, rules| ManyToOneMapping {
            name: name.to_owned(),
            allow,
            user: user.to_owned(),
            rules,
        };
        let mapping = CertificateMapping {
            many_to_one: vec![
                many("none", true, "everybody", Vec::new()),
                many("bad", false, "nobody", vec![rule(false, "mallory")]),
                many("all", true, "guest", vec![rule(true, "Shop*CA"), rule(false, "*")]),
            ],
            one_to_one: vec![OneToOneMapping { user: "boss".to_owned(), certificate: "bo\n ss".to_owned() }],
        };
        let user = |subject, issuer| {
            mapped(&mapping, &certificate(subject, issuer), true, |text| Some(text.as_bytes().to_vec()))
        };
        let untrusted = |subject| {
            let certificate = certificate(subject, "Shop CA");
            mapped(&mapping, &certificate, false, |text| Some(text.as_bytes().to_vec()))
        };
        assert_eq!((untrusted("boss"), untrusted("anna")), (Some("boss"), None));
        assert_eq!(user("boss", "x"), Some("boss"));
        assert_eq!(user("anna", "SHOP root ca"), Some("guest"));
        assert_eq!(user("Mallory", "Shop CA"), None);
        assert_eq!(user("anna", "other"), None);
    }

    #[test]
    fn patterns() {
        for (pattern, text, same) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("abc", "ab", false),
            ("*", "", true),
            ("a*b*c", "axbyc", true),
            ("ab*bc", "abc", false),
        ] {
            assert_eq!(like(pattern, text, true), same, "{pattern} {text}");
        }
    }
}
