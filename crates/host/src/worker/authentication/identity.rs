//! The user that the app sees, made of what was proved.

use std::sync::Arc;

use mews_model::authentication::{Group, Identity, LogonInfo, NameForm, Names, Scheme, SignInSettings};
use mews_process::gssapi::Peer;

use super::accounts::Accounts;

/// Who has signed in with a token.
pub(super) fn of_peer(peer: &Peer, accounts: &Accounts, settings: &SignInSettings) -> Identity {
    let scheme = if peer.ntlm { Scheme::Ntlm } else { Scheme::Negotiate };
    let info = peer.logon_info.as_deref().and_then(LogonInfo::read);
    let names = names(&peer.name, info.as_ref(), settings);
    let mut groups: Vec<Group> = Vec::new();
    if let Some(info) = &info {
        groups.extend(info.groups.iter().cloned().map(Group::Sid));
    }
    if let Some(local) = &peer.local {
        groups.extend(names_of(&accounts.groups(local)));
    }
    let sid = info.map(|info| info.sid).filter(|sid| !sid.is_empty());
    Identity { sid, ..named(scheme, &names, groups, settings) }
}

/// Whose password it was.
pub(super) fn of_password(peer: &Peer, accounts: &Accounts, settings: &SignInSettings) -> Identity {
    Identity { scheme: Scheme::Basic, ..of_peer(peer, accounts, settings) }
}

/// A user of the password file.
pub(super) fn of_password_file(user: &str, groups: Vec<String>, settings: &SignInSettings) -> Identity {
    let names = given(user, settings);
    named(Scheme::Basic, &names, groups.into_iter().map(Group::Name).collect(), settings)
}

/// The account that a certificate stands for, with its groups.
pub(super) fn of_account(
    user: &str,
    groups: impl FnOnce(&str) -> Option<Arc<[String]>>,
    settings: &SignInSettings,
) -> Option<Identity> {
    let names = given(user, settings);
    let groups = names_of(&groups(&names.user)?).collect();
    Some(named(Scheme::Certificate, &names, groups, settings))
}

fn names_of(groups: &[String]) -> impl Iterator<Item = Group> {
    groups.iter().cloned().map(Group::Name)
}

/// The principal that somebody means who writes this as their name: `user`, `user@REALM` or `DOMAIN\user`.
pub(super) fn principal(user: &str, logon_domain: &str, settings: &SignInSettings) -> String {
    let (domain, bare) = match user.split_once('\\') {
        Some((domain, bare)) => (Some(domain), bare),
        None => (None, user),
    };
    if domain.is_none() && bare.contains('@') {
        return bare.to_owned();
    }
    // A domain's short name is none that Kerberos knows; the realm belongs to it.
    let long = domain.filter(|domain| domain.contains('.')).map(str::to_ascii_uppercase);
    let default = Some(logon_domain).filter(|domain| domain.contains('.')).map(str::to_ascii_uppercase);
    match long.or_else(|| settings.realm.clone()).or(default) {
        Some(realm) => format!("{bare}@{realm}"),
        None => bare.to_owned(),
    }
}

/// The forms of a principal's name. Without the ticket's word for it, the short name is only known for the host's own realm:
/// users of two realms must not get the same name.
fn names(shown: &str, info: Option<&LogonInfo>, settings: &SignInSettings) -> Names {
    let names = Names::of(shown, None);
    let domain = match (info, &settings.realm) {
        (Some(info), _) if !info.domain.is_empty() => info.domain.clone(),
        (_, Some(realm)) if !names.realm.is_empty() && *realm != names.realm => String::new(),
        _ if names.realm.is_empty() => return names,
        _ => settings.domain.clone().unwrap_or_else(|| names.domain.clone()),
    };
    Names { domain, ..names }
}

/// A name that an administrator has written, in any form.
fn given(user: &str, settings: &SignInSettings) -> Names {
    let names = Names::of(user, None);
    let domain = Some(names.domain).filter(|domain| !domain.is_empty()).or_else(|| settings.domain.clone());
    let realm = Some(names.realm).filter(|realm| !realm.is_empty()).or_else(|| settings.realm.clone());
    Names { user: names.user, realm: realm.unwrap_or_default(), domain: domain.unwrap_or_default() }
}

fn named(scheme: Scheme, names: &Names, groups: Vec<Group>, settings: &SignInSettings) -> Identity {
    let name = names.form(settings.name_form);
    let mut aliases: Vec<String> =
        [NameForm::Domain, NameForm::Principal].map(|form| names.form(form)).to_vec();
    aliases.retain(|alias| *alias != name);
    aliases.dedup();
    Identity { scheme, name, aliases, sid: None, groups }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> SignInSettings {
        SignInSettings { realm: Some("SHOP.EXAMPLE".to_owned()), ..SignInSettings::default() }
    }

    fn peer(name: &str) -> Peer {
        Peer { name: name.to_owned(), ..Peer::default() }
    }

    #[test]
    fn users_of_another_realm_keep_it_in_their_name() {
        let of = |name: &str, settings: &SignInSettings| of_peer(&peer(name), &Accounts::default(), settings);
        let mine = of("alice@SHOP.EXAMPLE", &settings());
        assert_eq!(
            (mine.name.as_str(), mine.aliases.as_slice()),
            ("SHOP\\alice", &["alice@SHOP.EXAMPLE".to_owned()][..])
        );
        let other = of("alice@SHOP.EVIL", &settings());
        assert_eq!((other.name.as_str(), other.aliases.len()), ("alice@SHOP.EVIL", 0));
        let named = SignInSettings { domain: Some("OLD".to_owned()), ..settings() };
        assert_eq!(of("alice@SHOP.EXAMPLE", &named).name, "OLD\\alice");
        let long = SignInSettings { name_form: NameForm::Principal, ..settings() };
        assert_eq!(of("alice@SHOP.EXAMPLE", &long).name, "alice@SHOP.EXAMPLE");
    }

    #[test]
    fn names_with_passwords_become_principals() {
        for (user, domain, principal_) in [
            ("alice", "", "alice@SHOP.EXAMPLE"),
            ("SHOP\\alice", "", "alice@SHOP.EXAMPLE"),
            ("old.example\\alice", "", "alice@OLD.EXAMPLE"),
            ("alice@X.EXAMPLE", "", "alice@X.EXAMPLE"),
        ] {
            assert_eq!(principal(user, domain, &settings()), principal_);
        }
        let plain = SignInSettings::default();
        assert_eq!(principal("alice", "", &plain), "alice");
        assert_eq!(principal("alice", "corp.example", &plain), "alice@CORP.EXAMPLE");
    }
}
