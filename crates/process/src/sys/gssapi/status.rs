//! What went wrong, in a sentence that says what to do.

use std::fmt;
use std::ptr;

use super::library::Functions;
use super::owned::Text;
use super::raw::{self, Code};

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GssError {
    kind: GssErrorKind,
    text: String,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GssErrorKind {
    /// The bytes are no token of a known mechanism, or a part of one.
    DefectiveToken,
    /// The token was used before.
    Replay,
    /// The ticket or password has expired, or the ticket is not valid yet.
    Expired,
    /// The clocks of client and host differ too much.
    ClockSkew,
    /// The ticket is for another service, or for a key that the keytab does not hold.
    WrongService,
    /// There is no keytab, or nothing fitting in it.
    NoKey,
    /// The token was made for another TLS connection, or for none where it must be.
    ChannelBinding,
    /// Name or password is wrong.
    Refused,
    /// Anything else.
    Other,
}

// Numbers of the krb5 error table. The GSSAPI library hands them through as minor statuses.
const KRB5: i32 = -1_765_328_384;
const CLIENT_EXPIRED: i32 = KRB5 + 1;
const CLIENT_UNKNOWN: i32 = KRB5 + 6;
const CLIENT_REVOKED: i32 = KRB5 + 18;
const PASSWORD_EXPIRED: i32 = KRB5 + 23;
const PREAUTH_FAILED: i32 = KRB5 + 24;
const BAD_INTEGRITY: i32 = KRB5 + 31;
const TICKET_EXPIRED: i32 = KRB5 + 32;
const TICKET_NOT_YET: i32 = KRB5 + 33;
const REPEATED: i32 = KRB5 + 34;
const NOT_US: i32 = KRB5 + 35;
const SKEW: i32 = KRB5 + 37;
const BAD_KEY_VERSION: i32 = KRB5 + 44;
const NO_KEY: i32 = KRB5 + 45;
const WRONG_PRINCIPAL: i32 = KRB5 + 144;
const KEYTAB_NOT_FOUND: i32 = KRB5 + 181;
const KEYTAB_VERSION_NOT_FOUND: i32 = KRB5 + 230;

impl GssError {
    pub(super) fn new(kind: GssErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// What the two codes of a call stand for.
    pub(super) fn of(functions: &'static Functions, major: Code, minor: Code) -> Self {
        let said = said(functions, major, minor);
        let kind = match kind(major, minor as i32) {
            GssErrorKind::Other => kind_of(&said),
            kind => kind,
        };
        let text = match kind {
            GssErrorKind::DefectiveToken => format!("the token cannot be read ({said})"),
            GssErrorKind::Replay => format!("the token was used before ({said})"),
            GssErrorKind::Expired => format!("the ticket or password is not valid now ({said})"),
            GssErrorKind::ClockSkew => format!(
                "the clocks of the client and of this machine differ too much ({said}); synchronise them, for example with \
                 chrony or systemd-timesyncd"
            ),
            GssErrorKind::WrongService => format!(
                "the ticket is for another service, or encrypted with a key that the keytab does not hold ({said}); compare \
                 `klist -k` for the keytab with the service's principal"
            ),
            GssErrorKind::NoKey => format!("the keytab has no key to use ({said})"),
            GssErrorKind::ChannelBinding => format!("the token belongs to another TLS connection ({said})"),
            GssErrorKind::Refused => format!("name or password is wrong ({said})"),
            GssErrorKind::Other => said,
        };
        Self { kind, text }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> GssErrorKind {
        self.kind
    }
}

impl fmt::Display for GssError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for GssError {}

fn kind(major: Code, minor: i32) -> GssErrorKind {
    match minor {
        SKEW => return GssErrorKind::ClockSkew,
        TICKET_EXPIRED | TICKET_NOT_YET | CLIENT_EXPIRED | PASSWORD_EXPIRED => return GssErrorKind::Expired,
        REPEATED => return GssErrorKind::Replay,
        NOT_US | BAD_KEY_VERSION | NO_KEY | WRONG_PRINCIPAL | BAD_INTEGRITY => {
            return GssErrorKind::WrongService;
        }
        CLIENT_UNKNOWN | CLIENT_REVOKED | PREAUTH_FAILED => return GssErrorKind::Refused,
        KEYTAB_NOT_FOUND | KEYTAB_VERSION_NOT_FOUND => return GssErrorKind::NoKey,
        _ => {}
    }
    match major & raw::ERRORS {
        raw::BAD_BINDINGS => GssErrorKind::ChannelBinding,
        raw::NO_CRED => GssErrorKind::NoKey,
        raw::DEFECTIVE_TOKEN | raw::BAD_MECH => GssErrorKind::DefectiveToken,
        raw::CREDENTIALS_EXPIRED => GssErrorKind::Expired,
        _ if major & (raw::DUPLICATE_TOKEN | raw::OLD_TOKEN) != 0 => GssErrorKind::Replay,
        _ => GssErrorKind::Other,
    }
}

/// The same from what the library says: inside SPNEGO the numbers of Kerberos are replaced by others. Its texts are always these, since
/// this process has no other language than C's.
fn kind_of(said: &str) -> GssErrorKind {
    const TEXTS: &[(GssErrorKind, &[&str])] = &[
        (GssErrorKind::ClockSkew, &["Clock skew too great"]),
        (GssErrorKind::Expired, &["Ticket expired", "Ticket not yet valid", "has expired"]),
        (GssErrorKind::Replay, &["Request is a replay"]),
        (
            GssErrorKind::WrongService,
            &[
                "Decrypt integrity check failed",
                "does not match server principal",
                "annot decrypt ticket",
                "not found in keytab",
                "Wrong principal in request",
                "Key version is not available",
                "Service key not available",
                "The ticket isn't for us",
            ],
        ),
        (
            GssErrorKind::NoKey,
            &["No key table entry found", "No credentials were supplied", "Key table file"],
        ),
        (
            GssErrorKind::Refused,
            &[
                "Client not found in Kerberos database",
                "Preauthentication failed",
                "Password incorrect",
                "credentials have been revoked",
            ],
        ),
        (GssErrorKind::DefectiveToken, &["Token header is malformed", "Invalid token"]),
    ];
    let found = TEXTS.iter().find(|(_, texts)| texts.iter().any(|text| said.contains(text)));
    found.map_or(GssErrorKind::Other, |(kind, _)| *kind)
}

/// What the library says: the general sentence, then the mechanism's own.
fn said(functions: &'static Functions, major: Code, minor: Code) -> String {
    let mut sentences = Vec::new();
    for (code, of) in [(major, raw::STATUS_ROUTINE), (minor, raw::STATUS_MECHANISM)] {
        let mut more = 0;
        // Codes stand for a sentence or two; whatever the library says, this ends.
        for _ in 0..4 {
            if code == 0 {
                break;
            }
            let mut ignored = 0;
            let mut text = Text::new(functions);
            // SAFETY: all pointers are to locals that outlive the call; the text is released by its owner.
            let status = unsafe {
                (functions.display_status)(&mut ignored, code, of, ptr::null(), &mut more, text.as_mut())
            };
            if status & raw::ERRORS != 0 {
                break;
            }
            let sentence = text.to_string();
            if !sentence.is_empty() && !sentences.contains(&sentence) {
                sentences.push(sentence);
            }
            if more == 0 {
                break;
            }
        }
    }
    // The general sentence says nothing where there is one of the mechanism.
    if sentences.len() > 1 && sentences[0].starts_with("Unspecified GSS failure") {
        sentences.remove(0);
    }
    sentences.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart() {
        for (major, minor, expected) in [
            (13 << 16, SKEW, GssErrorKind::ClockSkew),
            (13 << 16, TICKET_EXPIRED, GssErrorKind::Expired),
            (13 << 16, WRONG_PRINCIPAL, GssErrorKind::WrongService),
            (raw::DEFECTIVE_TOKEN, 0, GssErrorKind::DefectiveToken),
            (raw::BAD_BINDINGS, 0, GssErrorKind::ChannelBinding),
            (raw::DUPLICATE_TOKEN, 0, GssErrorKind::Replay),
            (raw::NO_CRED, KEYTAB_NOT_FOUND, GssErrorKind::NoKey),
            (13 << 16, 2, GssErrorKind::Other),
        ] {
            assert_eq!(kind(major, minor), expected, "{major:#x} {minor}");
        }
    }
}
