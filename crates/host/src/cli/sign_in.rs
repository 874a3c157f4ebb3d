//! The arguments about users who sign in. Which schemes there are says `web.config`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use mews_model::authentication::{DEFAULT_SERVICE, NameForm, SignInSettings};

/// As written.
#[derive(Clone, Debug, Args)]
pub(crate) struct SignInOptions {
    /// The Kerberos keys of this service [default: the system's keytab]
    #[arg(long, value_name = "FILE", help_heading = "Authentication")]
    keytab: Option<PathBuf>,

    /// Whose keys: HTTP, HTTP@host or HTTP/host@REALM
    #[arg(
        long,
        value_name = "NAME",
        default_value = DEFAULT_SERVICE,
        value_parser = NonEmptyStringValueParser::new(),
        help_heading = "Authentication"
    )]
    service_name: String,

    /// The realm of user names that have none; names of other realms keep theirs
    #[arg(long, value_name = "REALM", value_parser = NonEmptyStringValueParser::new(), help_heading = "Authentication")]
    realm: Option<String>,

    /// The short name of the domain [default: the realm's first label]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), help_heading = "Authentication")]
    domain: Option<String>,

    /// How user names look to the app: domain (DOMAIN\\user) or principal (user@REALM)
    #[arg(long, value_name = "FORM", default_value = "domain", help_heading = "Authentication")]
    name_form: NameForm,

    /// Users with Argon2 hashes, for Basic; without it Kerberos checks passwords
    #[arg(long, value_name = "FILE", help_heading = "Authentication")]
    password_file: Option<PathBuf>,

    /// Take passwords of Basic over unencrypted connections
    #[arg(long, help_heading = "Authentication")]
    allow_basic_without_tls: bool,
}

impl SignInOptions {
    /// The settings. Paths become absolute, since the app's folder becomes the current one.
    pub(crate) fn settings(&self) -> SignInSettings {
        let absolute = |path: &Option<PathBuf>| {
            path.as_ref().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()))
        };
        SignInSettings {
            keytab: absolute(&self.keytab),
            service: self.service_name.clone(),
            realm: self.realm.clone(),
            domain: self.domain.clone(),
            name_form: self.name_form,
            password_file: absolute(&self.password_file),
            passwords_in_clear: self.allow_basic_without_tls,
        }
    }
}
