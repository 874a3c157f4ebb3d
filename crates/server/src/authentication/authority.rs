//! Who judges tokens and passwords.

use std::any::Any;
use std::sync::Arc;

use mews_model::authentication::Identity;

/// What the first tokens of a handshake led to: the authority's own.
pub type Context = Box<dyn Any + Send>;

/// Judges tokens and passwords. Called on pool threads; may block unless it is said that it must not.
pub trait Authority: Send + Sync + 'static {
    /// Shows a token of a client. `binding`: what a token must be bound to if it is bound to anything.
    ///
    /// # Errors
    /// The client is not signed in.
    fn accept(&self, context: Option<Context>, token: &[u8], binding: Option<&[u8]>) -> Result<Leg, Denied>;

    /// Whom name and password stand for. `domain`: that of a name without one; may be empty.
    ///
    /// # Errors
    /// They are wrong or cannot be checked.
    fn check_password(&self, user: &str, password: &str, domain: &str) -> Result<Arc<Identity>, Denied>;

    /// The account that a client certificate stands for, as the app sees it; `None` when it cannot be found out.
    fn account(&self, user: &str) -> Option<Arc<Identity>>;

    /// The same as far as it is known already. Must not block.
    fn known_account(&self, user: &str) -> Option<Arc<Identity>>;

    /// Whether NTLM is known. Must not block.
    fn offers_ntlm(&self) -> bool;
}

/// What a token led to.
pub enum Leg {
    /// The client gets these bytes and is to send another token.
    Continue(Context, Vec<u8>),
    /// It is signed in.
    Done {
        /// Who.
        identity: Arc<Identity>,
        /// For the client, with the last answer; may be empty.
        token: Vec<u8>,
        /// The token was bound to the connection.
        bound: bool,
    },
}

/// Somebody is not signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Why, for the log.
    pub reason: String,
    /// It is the host's fault: nobody can sign in.
    pub unavailable: bool,
}
