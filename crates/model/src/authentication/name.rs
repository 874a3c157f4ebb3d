//! The forms of a user's name.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which form the app sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NameForm {
    /// `DOMAIN\user`, as on Windows.
    #[default]
    Domain,
    /// `user@REALM`, as Kerberos writes it.
    Principal,
}

impl FromStr for NameForm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "domain" => Ok(Self::Domain),
            "principal" => Ok(Self::Principal),
            _ => Err(format!(
                "'{text}' is no form of names; write domain (DOMAIN\\user) or principal (user@REALM)"
            )),
        }
    }
}

/// One user's name in its forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// `user`.
    pub user: String,
    /// The realm, in its own spelling; empty when unknown.
    pub realm: String,
    /// The short name of the domain; empty when unknown.
    pub domain: String,
}

impl Names {
    /// Takes a name as GSSAPI shows it: `user@REALM`, or `DOMAIN\user` for NTLM. `domain` is the short name to use; without
    /// it the realm's first label stands in, as it usually does in Active Directory.
    pub fn of(shown: &str, domain: Option<&str>) -> Self {
        if let Some((domain, user)) = shown.split_once('\\') {
            return Self { user: user.to_owned(), realm: String::new(), domain: domain.to_owned() };
        }
        // The last one separates: one in the user's part is escaped.
        let (user, realm) = shown.rsplit_once('@').unwrap_or((shown, ""));
        let label = realm.split('.').next().unwrap_or_default();
        let domain = domain.map_or_else(|| label.to_ascii_uppercase(), str::to_owned);
        Self { user: unescaped(user), realm: realm.to_owned(), domain }
    }

    /// In this form, as far as its parts are known.
    pub fn form(&self, form: NameForm) -> String {
        let Self { user, realm, domain } = self;
        match form {
            NameForm::Domain if !domain.is_empty() => format!("{domain}\\{user}"),
            NameForm::Principal if !realm.is_empty() => format!("{user}@{realm}"),
            _ if !realm.is_empty() => format!("{user}@{realm}"),
            _ if !domain.is_empty() => format!("{domain}\\{user}"),
            _ => user.clone(),
        }
    }
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => out.extend(chars.next()),
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_their_form() {
        let names = Names::of("alice@SHOP.EXAMPLE", None);
        assert_eq!(names.form(NameForm::Domain), "SHOP\\alice");
        assert_eq!(names.form(NameForm::Principal), "alice@SHOP.EXAMPLE");
        assert_eq!(Names::of("a@shop.example", Some("OLD")).form(NameForm::Domain), "OLD\\a");
        let ntlm = Names::of("SHOP\\bob", None);
        assert_eq!(ntlm.form(NameForm::Domain), "SHOP\\bob");
        assert_eq!(ntlm.form(NameForm::Principal), "SHOP\\bob");
        assert_eq!(Names::of("carol", None).form(NameForm::Domain), "carol");
        let service = Names::of("host/a.example@SHOP.EXAMPLE", None);
        assert_eq!(service.form(NameForm::Domain), "SHOP\\host/a.example");
        assert!("Domain".parse::<NameForm>().is_ok() && "upn".parse::<NameForm>().is_err());
    }
}
