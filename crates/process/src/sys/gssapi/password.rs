//! Checking name and password: a ticket is got for the user, and used to sign in to the service itself. Without the second
//! step whoever answers in the key server's place could let anybody in.

use std::ptr;

use super::acceptor::{Acceptor, Peer, Step};
use super::import;
use super::owned::{OwnedContext, OwnedCredential, Text};
use super::raw::{self, Buffer, Oid, OidSet};
use super::status::{GssError, GssErrorKind};

impl Acceptor {
    /// Whom name and password stand for. `user` is `name` or `name@REALM`.
    ///
    /// # Errors
    /// They are wrong, or cannot be checked.
    pub fn check_password(&self, user: &str, password: &str) -> Result<Peer, GssError> {
        let functions = self.functions;
        if user.is_empty() || user.contains(['/', '\0']) || password.is_empty() || password.contains('\0') {
            return Err(GssError::new(
                GssErrorKind::Refused,
                "name or password is wrong (they cannot be one)",
            ));
        }
        let name = import(functions, user, raw::PRINCIPAL_NAME)?;
        let kerberos = [Oid::of(raw::KERBEROS)];
        let mechanisms = OidSet { count: 1, elements: kerberos.as_ptr() };
        let mut credential = OwnedCredential::new(functions);
        let mut minor = 0;
        // SAFETY: every pointer is to a local that outlives the call and is only read, but for the credential, which is
        // released by its owner. It lives in memory and is seen by nobody else.
        let major = unsafe {
            (functions.acquire_cred_with_password)(
                &mut minor,
                name.raw,
                &Buffer::of(password.as_bytes()),
                raw::INDEFINITE,
                &mechanisms,
                raw::USE_INITIATE,
                &mut credential.raw,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        if major & raw::ERRORS != 0 {
            return Err(GssError::of(functions, major, minor));
        }
        let token = self.ticket_for_self(&credential, &kerberos[0])?;
        match self.accept(&mut None, &token, None)? {
            Step::Accepted(accepted) => Ok(accepted.peer),
            Step::Continue(_) => {
                Err(GssError::new(GssErrorKind::Other, "the key server's ticket is incomplete"))
            }
        }
    }

    fn ticket_for_self(&self, credential: &OwnedCredential, kerberos: &Oid) -> Result<Vec<u8>, GssError> {
        let functions = self.functions;
        let (text, kind) = match &self.service {
            service if service.contains('/') => (service.clone(), raw::PRINCIPAL_NAME),
            service if service.contains('@') => (service.clone(), raw::HOSTBASED_SERVICE),
            service => {
                let host = rustix::system::uname();
                (format!("{service}@{}", host.nodename().to_string_lossy()), raw::HOSTBASED_SERVICE)
            }
        };
        let target = import(functions, &text, kind)?;
        let mut context = OwnedContext::new(functions);
        let mut token = Text::new(functions);
        let mut minor = 0;
        // SAFETY: every pointer is to a local that outlives the call, or owned by `credential`; context and token are
        // released by their owners.
        let major = unsafe {
            (functions.init_sec_context)(
                &mut minor,
                credential.raw,
                &mut context.raw,
                target.raw,
                kerberos,
                0,
                raw::INDEFINITE,
                ptr::null(),
                ptr::null(),
                ptr::null_mut(),
                token.as_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        if major & raw::ERRORS != 0 {
            let error = GssError::of(functions, major, minor);
            return Err(GssError::new(error.kind(), format!("no ticket for {text} could be had: {error}")));
        }
        Ok(token.bytes().to_vec())
    }
}
