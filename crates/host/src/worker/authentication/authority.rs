//! Judges tokens and passwords with the system's GSSAPI and the password file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mews_model::authentication::{Identity, Schemes, SignInSettings};
use mews_process::gssapi::{self, Acceptor, AcceptorOptions, GssErrorKind, Handshake, Step};
use mews_server::authentication::{Authority, Context, Denied, Leg};

use super::identity;
use super::password_file::PasswordFile;
use crate::control::AccessRules;

/// How often it is tried again to find the keys.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// See the module's documentation.
pub(super) struct SystemAuthority {
    settings: SignInSettings,
    /// The domain of names without one, of Basic.
    logon_domain: String,
    acceptor: Mutex<Keys>,
    ntlm: bool,
    passwords: Option<PasswordFile>,
    accounts: HashMap<String, Arc<Identity>>,
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
        let by_kerberos = access.schemes.basic.is_some() && passwords.is_none();
        let keys = find(&settings);
        match &keys {
            Keys::Missing(problem, _) if access.schemes.windows.is_some() || by_kerberos => {
                tracing::error!("nobody can sign in: {problem}");
            }
            _ => {}
        }
        if let Some(Err(problem)) = passwords.as_ref().map(PasswordFile::check) {
            tracing::error!("nobody can sign in with a password: {problem}");
        }
        Self {
            logon_domain: access
                .schemes
                .basic
                .as_ref()
                .map_or_else(String::new, |basic| basic.default_logon_domain.clone()),
            accounts: accounts(&access.schemes, &settings),
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

/// The accounts that certificates stand for: their groups are looked up here, where that may take a while.
fn accounts(schemes: &Schemes, settings: &SignInSettings) -> HashMap<String, Arc<Identity>> {
    let Some(mapping) = &schemes.certificates else { return HashMap::new() };
    let many = mapping.many_to_one.iter().map(|entry| &entry.user);
    let one = mapping.one_to_one.iter().map(|entry| &entry.user);
    many.chain(one).map(|user| (user.clone(), Arc::new(identity::of_account(user, settings)))).collect()
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
                identity: Arc::new(identity::of_peer(&accepted.peer, &self.settings)),
                token: accepted.token,
                bound: accepted.channel_bound,
            }),
        }
    }

    fn check_password(&self, user: &str, password: &str) -> Result<Arc<Identity>, Denied> {
        if let Some(file) = &self.passwords {
            let groups = file.verify(user, password)?;
            return Ok(Arc::new(identity::of_password_file(user, groups, &self.settings)));
        }
        let principal = identity::principal(user, &self.logon_domain, &self.settings);
        let peer =
            self.acceptor()?.check_password(&principal, password).map_err(|error| Self::denied(&error))?;
        Ok(Arc::new(identity::of_password(&peer, &self.settings)))
    }

    fn account(&self, user: &str) -> Arc<Identity> {
        let known = self.accounts.get(user).cloned();
        known.unwrap_or_else(|| Arc::new(identity::without_groups(user, &self.settings)))
    }

    fn offers_ntlm(&self) -> bool {
        self.ntlm
    }
}
