//! Versions of .NET as folders name them: semantic versions, previews included.

use std::cmp::Ordering;
use std::fmt;

/// A semantic version. Build metadata (`+…`) is kept in the text and ignored in comparisons.
#[derive(Debug, Clone)]
pub struct Version {
    numbers: [u64; 3],
    /// Dot-separated identifiers after `-`; empty for a release.
    pre: Vec<Identifier>,
    text: String,
}

/// Numbers sort before words, as the semantic versioning rules say; the order of the variants does that.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Word(String),
}

impl Version {
    /// Reads `major.minor.patch[-pre][+build]`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (core, _build) = text.split_once('+').unwrap_or((text, ""));
        let (core, pre) = match core.split_once('-') {
            Some((_, "")) => return None,
            Some((core, pre)) => (core, pre),
            None => (core, ""),
        };
        let mut parts = core.split('.').map(number);
        let numbers = [parts.next()??, parts.next()??, parts.next()??];
        if parts.next().is_some() {
            return None;
        }
        let pre = if pre.is_empty() {
            Vec::new()
        } else {
            pre.split('.')
                .map(|p| number(p).map_or_else(|| Identifier::Word(p.into()), Identifier::Number))
                .collect()
        };
        Some(Self { numbers, pre, text: text.to_owned() })
    }

    /// The first number.
    #[must_use]
    pub fn major(&self) -> u64 {
        self.numbers[0]
    }
}

fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let release_last = self.pre.is_empty().cmp(&other.pre.is_empty());
        self.numbers.cmp(&other.numbers).then(release_last).then_with(|| self.pre.cmp(&other.pre))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn orders_as_semantic_versioning_says() {
        let ascending = [
            "2.1.0-preview",
            "2.1.0",
            "2.2.0-preview",
            "8.0.20",
            "9.0.7",
            "9.0.10",
            "10.0.0-preview.3.25171.5",
            "10.0.0-preview.11.1",
            "10.0.0-rc.1",
            "10.0.0",
        ];
        let versions: Vec<_> = ascending.iter().map(|v| Version::parse(v).unwrap()).collect();
        assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    }

    #[test]
    fn refuses_what_is_not_a_version() {
        for text in ["", "9", "9.0", "9.0.x", "9.0.0.1", "9.0.1-", "-9.0.1", "+1.0.0", " 9.0.1"] {
            assert!(Version::parse(text).is_none(), "{text}");
        }
    }
}
