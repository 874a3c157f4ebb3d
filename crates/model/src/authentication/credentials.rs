//! What an `Authorization` field says.

/// How a Windows token is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowsScheme {
    /// `Negotiate`.
    Negotiate,
    /// `NTLM`.
    Ntlm,
}

impl WindowsScheme {
    /// The word in the field.
    pub fn word(self) -> &'static str {
        match self {
            Self::Negotiate => "Negotiate",
            Self::Ntlm => "NTLM",
        }
    }
}

/// What a request brings along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// Nothing, or something that is not the host's to judge.
    None,
    /// A token, in Base64.
    Windows(WindowsScheme, &'a [u8]),
    /// Name and password, in Base64.
    Basic(&'a [u8]),
    /// Several fields: which of them would count is anybody's guess.
    Several,
}

/// The text is not Base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBase64;

impl<'a> Credentials<'a> {
    /// Reads the values of all `Authorization` fields.
    pub fn of(mut values: impl Iterator<Item = &'a [u8]>) -> Self {
        let Some(value) = values.next() else { return Self::None };
        if values.next().is_some() {
            return Self::Several;
        }
        let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
        let (scheme, rest) = value.split_at(end);
        let rest = rest.trim_ascii();
        if scheme.eq_ignore_ascii_case(b"Negotiate") {
            Self::Windows(WindowsScheme::Negotiate, rest)
        } else if scheme.eq_ignore_ascii_case(b"NTLM") {
            Self::Windows(WindowsScheme::Ntlm, rest)
        } else if scheme.eq_ignore_ascii_case(b"Basic") {
            Self::Basic(rest)
        } else {
            Self::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_apart() {
        let of = |values: &[&'static str]| Credentials::of(values.iter().map(|value| value.as_bytes()));
        assert_eq!(of(&[]), Credentials::None);
        assert_eq!(of(&["Bearer x"]), Credentials::None);
        assert_eq!(of(&["negotiate  YII="]), Credentials::Windows(WindowsScheme::Negotiate, b"YII="));
        assert_eq!(of(&["NTLM TlR"]), Credentials::Windows(WindowsScheme::Ntlm, b"TlR"));
        assert_eq!(of(&["Negotiate"]), Credentials::Windows(WindowsScheme::Negotiate, b""));
        assert_eq!(of(&["Basic YTpi"]), Credentials::Basic(b"YTpi"));
        assert_eq!(of(&["Basic YTpi", "Basic YTpj"]), Credentials::Several);
    }
}
