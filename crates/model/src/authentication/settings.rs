//! What the host's administrator says about signing in: where the keys are, and how names look.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::name::NameForm;

/// The service whose keys are used when nothing is said.
pub const DEFAULT_SERVICE: &str = "HTTP";

/// Settings of the host, of a site or of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInSettings {
    /// The file with the service's keys; the system's without.
    pub keytab: Option<PathBuf>,
    /// `HTTP` for every key of that service in the file, `HTTP@host` or `HTTP/host@REALM` for one.
    pub service: String,
    /// The realm of names that have none.
    pub realm: Option<String>,
    /// The domain's short name, in `DOMAIN\user`.
    pub domain: Option<String>,
    /// How names look to the app.
    pub name_form: NameForm,
    /// Users with their password hashes; Kerberos is not asked about passwords then.
    pub password_file: Option<PathBuf>,
    /// Passwords are taken over unencrypted connections.
    pub passwords_in_clear: bool,
}

impl Default for SignInSettings {
    fn default() -> Self {
        Self {
            keytab: None,
            service: DEFAULT_SERVICE.to_owned(),
            realm: None,
            domain: None,
            name_form: NameForm::default(),
            password_file: None,
            passwords_in_clear: false,
        }
    }
}
