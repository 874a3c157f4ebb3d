//! A user as the app sees it, and how it crosses to managed code.

use serde::{Deserialize, Serialize};

/// How somebody has signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Scheme {
    /// Kerberos.
    Negotiate,
    /// NTLM, by itself or inside Negotiate.
    Ntlm,
    /// Name and password.
    Basic,
    /// A client certificate.
    Certificate,
}

impl Scheme {
    /// IIS's word for it: the principal's authentication type and the variable `AUTH_TYPE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Negotiate => "Negotiate",
            Self::Ntlm => "NTLM",
            Self::Basic => "Basic",
            Self::Certificate => "SSL/PCT",
        }
    }
}

/// A group that a user is in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// By its name, as the system's name service has it.
    Name(String),
    /// By its security identifier, as the ticket has it.
    Sid(String),
}

impl Group {
    /// Its text, as roles are compared with.
    pub fn text(&self) -> &str {
        match self {
            Self::Name(text) | Self::Sid(text) => text,
        }
    }
}

/// A user who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// How.
    pub scheme: Scheme,
    /// The name that the app sees.
    pub name: String,
    /// Other forms of it that rules may use.
    pub aliases: Vec<String>,
    /// The security identifier, if the ticket has one.
    pub sid: Option<String>,
    /// The groups.
    pub groups: Vec<Group>,
}

// The tags of the records that an identity is made of.
const SCHEME: u8 = 1;
const NAME: u8 = 2;
const GROUP_NAME: u8 = 3;
const GROUP_SID: u8 = 4;
const SID: u8 = 5;
const ALIAS: u8 = 6;

impl Identity {
    /// The form in which it crosses to managed code: records of `u8 tag`, `u32 length`, UTF-8, as
    /// `docs/internals/abi.md` gives them.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.groups.len() * 48);
        record(&mut out, SCHEME, self.scheme.name());
        record(&mut out, NAME, &self.name);
        for alias in &self.aliases {
            record(&mut out, ALIAS, alias);
        }
        if let Some(sid) = &self.sid {
            record(&mut out, SID, sid);
        }
        for group in &self.groups {
            match group {
                Group::Name(name) => record(&mut out, GROUP_NAME, name),
                Group::Sid(sid) => record(&mut out, GROUP_SID, sid),
            }
        }
        out
    }
}

fn record(out: &mut Vec<u8>, tag: u8, text: &str) {
    // A text of 4 GiB does not fit into any token.
    let length = u32::try_from(text.len()).unwrap_or(0);
    out.push(tag);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&text.as_bytes()[..length as usize]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_follow_each_other() {
        let identity = Identity {
            scheme: Scheme::Negotiate,
            name: "M\\a".to_owned(),
            aliases: vec!["a@M".to_owned()],
            sid: None,
            groups: vec![Group::Name("g".to_owned()), Group::Sid("S-1-5".to_owned())],
        };
        let bytes = identity.encode();
        let expected =
            b"\x01\x09\0\0\0Negotiate\x02\x03\0\0\0M\\a\x06\x03\0\0\0a@M\x03\x01\0\0\0g\x04\x05\0\0\0S-1-5";
        assert_eq!(bytes, expected);
    }
}
