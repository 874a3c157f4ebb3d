//! Content codings, and the choice of one by what a client accepts (RFC 9110, 12.5.3).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Coding {
    /// RFC 8878.
    Zstd,
    /// RFC 7932.
    Brotli,
    /// RFC 1952.
    Gzip,
}

impl Coding {
    /// What costs least for the same size first.
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// As heads call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    fn is(self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.name().as_bytes())
            || (self == Self::Gzip && name.eq_ignore_ascii_case(b"x-gzip"))
    }
}

/// Codings in the order of preference: at least one, none twice. Written as `zstd, br, gzip`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Codings(Vec<Coding>);

impl Default for Codings {
    /// All, what costs least for the same size first.
    fn default() -> Self {
        Self(Coding::ALL.to_vec())
    }
}

impl Codings {
    /// The one for a client that sent these values of `Accept-Encoding`; `None`: the body is to stay as it is. So it
    /// does where a client refuses that too: it gets what there is rather than 406.
    pub fn choose<'a>(&self, accepted: impl IntoIterator<Item = &'a [u8]>) -> Option<Coding> {
        let mut weights = [None; Coding::ALL.len()];
        let (mut identity, mut others) = (None, None);
        let entries = accepted.into_iter().flat_map(|value| value.split(|&byte| byte == b','));
        for entry in entries {
            let mut parts = entry.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            let name = parts.next().unwrap_or_default();
            let place = match Coding::ALL.iter().position(|coding| coding.is(name)) {
                Some(at) => &mut weights[at],
                None if name == b"*" => &mut others,
                None if name.eq_ignore_ascii_case(b"identity") => &mut identity,
                None => continue,
            };
            // Of several entries for one coding the first counts.
            place.get_or_insert(weight(parts));
        }
        let weight_of = |coding: Coding| {
            let own = Coding::ALL.iter().position(|known| *known == coding).and_then(|at| weights[at]);
            own.or(others).unwrap_or(0)
        };
        let identity = identity.or(others).unwrap_or(0);
        let mut best = None;
        for &coding in &self.0 {
            let weight = weight_of(coding);
            if weight > 0 && weight >= identity && best.is_none_or(|(_, most)| weight > most) {
                best = Some((coding, weight));
            }
        }
        best.map(|(coding, _)| coding)
    }
}

/// The quality in thousandths; 0 when it cannot be read.
fn weight<'a>(mut parameters: impl Iterator<Item = &'a [u8]>) -> u16 {
    let Some(text) = parameters.find_map(|part| part.strip_prefix(b"q=").or(part.strip_prefix(b"Q="))) else {
        return 1000;
    };
    let (whole, digits) = match text {
        [whole] => (*whole, &[][..]),
        [whole, b'.', digits @ ..] if digits.len() <= 3 => (*whole, digits),
        _ => return 0,
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let fraction =
        (0..3).fold(0, |sum, at| sum * 10 + digits.get(at).map_or(0, |digit| u16::from(digit - b'0')));
    match whole {
        b'0' => fraction,
        b'1' => 1000,
        _ => 0,
    }
}

impl FromStr for Codings {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut codings = Vec::new();
        for name in text.split(',').map(str::trim) {
            let Some(coding) = Coding::ALL.into_iter().find(|coding| coding.name() == name) else {
                return Err(format!("'{name}' is not one of zstd, br and gzip"));
            };
            if codings.contains(&coding) {
                return Err(format!("'{name}' is there twice"));
            }
            codings.push(coding);
        }
        Ok(Self(codings))
    }
}

impl fmt::Display for Codings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|coding| coding.name()).collect();
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_like_best_is_chosen() {
        let codings = Codings::default();
        for (accepted, expected) in [
            ("", None),
            ("identity", None),
            ("gzip", Some("gzip")),
            ("x-gzip", Some("gzip")),
            ("GZIP;q=0.001", Some("gzip")),
            ("gzip;q=0", None),
            ("gzip;q=0.000, deflate", None),
            ("gzip, deflate, br, zstd", Some("zstd")),
            ("gzip, deflate, br", Some("br")),
            ("gzip;q=1.0, br;q=0.9, zstd;q=0.1", Some("gzip")),
            ("*", Some("zstd")),
            ("zstd;q=0, *", Some("br")),
            ("*;q=0", None),
            ("gzip, *;q=0", Some("gzip")),
            ("identity;q=0", None),
            ("identity;q=0, *", Some("zstd")),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip;q=0.5", Some("gzip")),
            ("identity;q=0, gzip;q=0.1", Some("gzip")),
            ("gzip;q=2", None),
            ("gzip;q=0.1234", None),
            ("gzip;q=", None),
            ("gzip;q=-1, br;q=0.5", Some("br")),
            ("gzip ; Q=0.5 , br\t;q=0.4", Some("gzip")),
            ("gzip;q=0, gzip", None),
            (",,;q=1,gzip,", Some("gzip")),
        ] {
            let chosen = codings.choose([accepted.as_bytes()]).map(Coding::name);
            assert_eq!(chosen, expected, "{accepted}");
        }
        assert_eq!(codings.choose([&b"gzip;q=0.5"[..], b"br"]), Some(Coding::Brotli));
        assert_eq!(codings.choose([&b"\xff, gzip"[..]]), Some(Coding::Gzip));
        assert_eq!(codings.choose([]), None);
    }

    #[test]
    fn only_what_is_offered_is_chosen() {
        let gzip: Codings = "gzip".parse().unwrap();
        assert_eq!(gzip.choose([&b"br, zstd"[..]]), None);
        assert_eq!(gzip.choose([&b"gzip;q=0.5, *"[..]]), None, "as it is, it is liked better");
        let own: Codings = "br , zstd".parse().unwrap();
        assert_eq!(own.choose([&b"gzip, zstd, br"[..]]), Some(Coding::Brotli));
        assert_eq!(own.to_string().parse(), Ok(own));
    }

    #[test]
    fn lists_are_checked() {
        let problem = |text: &str| text.parse::<Codings>().unwrap_err();
        assert_eq!(problem(""), "'' is not one of zstd, br and gzip");
        assert_eq!(problem("gzip, deflate"), "'deflate' is not one of zstd, br and gzip");
        assert_eq!(problem("gzip, gzip"), "'gzip' is there twice");
    }
}
