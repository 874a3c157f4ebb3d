//! Judges tokens and passwords with the system's GSSAPI and the password file.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mews_model::authentication::{Identity, SignInSettings};
use mews_process::gssapi::{self, Acceptor, AcceptorOptions, GssErrorKind, Handshake, Step};
use mews_server::authentication::{Authority, Context, Denied, Leg};

use super::accounts::Accounts;
use super::identity;
use super::password_file::PasswordFile;
use crate::control::AccessRules;

/// How often it is tried again to find the keys.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// See the module's documentation.
pub(super) struct SystemAuthority {
    settings: SignInSettings,
    acceptor: Mutex<Keys>,
    ntlm: bool,
    passwords: Option<PasswordFile>,
    accounts: Accounts,
}

/// The service's keys.
enum Keys {
    Found(Arc<Acceptor>),
    /// Why not, and when that was.
    Missing(String, Instant),
}

impl SystemAuthority {
    /// Looks for the keys, if they are needed; what is wrong is logged, and tried again with each sign-in.
    pub(super) fn new(access: &AccessRules) -> Self {
        let settings = access.settings.clone();
        let passwords = settings.password_file.as_ref().map(|path| PasswordFile::new(path.clone()));
        let windows = access.policies().any(|policy| policy.schemes.windows.is_some());
        let basic = access.policies().any(|policy| policy.schemes.basic.is_some());
        let by_kerberos = basic && passwords.is_none();
        let keys = find(&settings);
        match &keys {
            Keys::Missing(problem, _) if windows || by_kerberos => {
                tracing::error!("nobody can sign in: {problem}");
            }
            _ => {}
        }
        if let Some(Err(problem)) = passwords.as_ref().map(PasswordFile::check) {
            tracing::error!("nobody can sign in with a password: {problem}");
        }
        Self {
            accounts: Accounts::default(),
            acceptor: Mutex::new(keys),
            ntlm: gssapi::offers_ntlm().unwrap_or(false),
            passwords,
            settings,
        }
    }

    fn acceptor(&self) -> Result<Arc<Acceptor>, Denied> {
        let mut keys = self.acceptor.lock().unwrap_or_else(PoisonError::into_inner);
        if let Keys::Missing(_, since) = &*keys
            && since.elapsed() >= TRY_AGAIN
        {
            *keys = find(&self.settings);
        }
        match &*keys {
            Keys::Found(acceptor) => Ok(acceptor.clone()),
            Keys::Missing(problem, _) => Err(Denied { reason: problem.clone(), unavailable: true }),
        }
    }

    fn denied(error: &gssapi::GssError) -> Denied {
        Denied { reason: error.to_string(), unavailable: error.kind() == GssErrorKind::NoKey }
    }
}

fn find(settings: &SignInSettings) -> Keys {
    let options = AcceptorOptions { keytab: settings.keytab.clone(), service: settings.service.clone() };
    match Acceptor::new(&options) {
        Ok(acceptor) => Keys::Found(Arc::new(acceptor)),
        Err(error) => Keys::Missing(error.to_string(), Instant::now()),
    }
}

impl Authority for SystemAuthority {
    fn accept(&self, context: Option<Context>, token: &[u8], binding: Option<&[u8]>) -> Result<Leg, Denied> {
        let acceptor = self.acceptor()?;
        let mut handshake = match context.map(|context| context.downcast::<Handshake>()) {
            Some(Ok(handshake)) => Some(*handshake),
            _ => None,
        };
        let step = acceptor.accept(&mut handshake, token, binding).map_err(|error| Self::denied(&error))?;
        match (step, handshake) {
            (Step::Continue(answer), Some(handshake)) => Ok(Leg::Continue(Box::new(handshake), answer)),
            (Step::Continue(_), None) => {
                Err(Denied { reason: "the handshake cannot go on".to_owned(), unavailable: false })
            }
            (Step::Accepted(accepted), _) => Ok(Leg::Done {
                identity: Arc::new(identity::of_peer(&accepted.peer, &self.accounts, &self.settings)),
                token: accepted.token,
                bound: accepted.channel_bound,
            }),
        }
    }

    fn check_password(&self, user: &str, password: &str, domain: &str) -> Result<Arc<Identity>, Denied> {
        if let Some(file) = &self.passwords {
            let groups = file.verify(user, password)?;
            return Ok(Arc::new(identity::of_password_file(user, groups, &self.settings)));
        }
        let principal = identity::principal(user, domain, &self.settings);
        let peer =
            self.acceptor()?.check_password(&principal, password).map_err(|error| Self::denied(&error))?;
        Ok(Arc::new(identity::of_password(&peer, &self.accounts, &self.settings)))
    }

    fn account(&self, user: &str) -> Option<Arc<Identity>> {
        let groups = |name: &str| Some(self.accounts.groups(name));
        identity::of_account(user, groups, &self.settings).map(Arc::new)
    }

    fn known_account(&self, user: &str) -> Option<Arc<Identity>> {
        identity::of_account(user, |name| self.accounts.known(name), &self.settings).map(Arc::new)
    }

    fn offers_ntlm(&self) -> bool {
        self.ntlm
    }
}
