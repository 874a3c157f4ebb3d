//! The rows about users who sign in.

use super::super::table::Default::{Text, Words};
use super::super::table::{Kind, Row, row};
use crate::authentication::{NameForm, SignInSettings};

pub(super) const AUTHENTICATION: &[Row<SignInSettings>] = &[
    row(
        "keytab",
        Kind::Path(|settings, path| settings.keytab = Some(path.value)),
        Words("the system's keytab"),
        "The file with the service's Kerberos keys. Workers read it, as the user that they run as.",
    ),
    row(
        "service_name",
        Kind::Text(|settings, name| settings.service = name.value),
        Text("\"HTTP\""),
        "Whose keys: `HTTP` for every key of that service in the file, `HTTP@host` or `HTTP/host@REALM` for one.",
    ),
    row(
        "realm",
        Kind::Text(|settings, name| settings.realm = Some(name.value)),
        Words("what /etc/krb5.conf says"),
        "The realm of user names that have none. Users of other realms keep theirs in their names.",
    ),
    row(
        "domain",
        Kind::Text(|settings, name| settings.domain = Some(name.value)),
        Words("the realm's first label"),
        "The short name of the domain, in `DOMAIN\\user`.",
    ),
    row(
        "name_form",
        Kind::Choice(&[
            ("domain", |settings| settings.name_form = NameForm::Domain),
            ("principal", |settings| settings.name_form = NameForm::Principal),
        ]),
        Text("\"domain\""),
        "How user names look to the app: `DOMAIN\\user` or `user@REALM`.",
    ),
    row(
        "password_file",
        Kind::Path(|settings, path| settings.password_file = Some(path.value)),
        Words("Kerberos checks passwords"),
        "Users with Argon2 hashes, for Basic: lines of `user:hash` or `user:hash:group,group`.",
    ),
    row(
        "allow_basic_without_tls",
        Kind::Bool(|settings, on| settings.passwords_in_clear = on),
        Text("false"),
        "Whether passwords of Basic are taken over unencrypted connections.",
    ),
];
