//! A connection's machine: which requests may use what the connection has proved.
//!
//! Requests of a connection come one after the other; while the token of one is looked at elsewhere (`Busy`), another that
//! comes all the same has nothing to do with it. What was proved belongs to the connection only where that is one
//! client's: a connection on which requests of several clients come has no machine at all.

use std::sync::Arc;
use std::time::Duration;

use super::identity::{Identity, Scheme};
use super::schemes::Windows;

/// How long a handshake may take from its first token.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);
/// Tokens of one handshake. Three do for every mechanism in use.
const MOST_LEGS: u8 = 8;

/// What the connection has proved.
#[derive(Debug)]
enum State<C> {
    Nothing,
    /// The client is to send another token; `C` is what its first ones led to.
    Half {
        context: C,
        since: Duration,
        legs: u8,
    },
    /// A token is looked at; the number tells it from a later one.
    Busy {
        turn: u64,
        since: Duration,
        legs: u8,
    },
    /// Its user, for the requests to come.
    SignedIn(Arc<Identity>),
}

/// The machine of one connection.
#[derive(Debug)]
pub struct Handshakes<C> {
    state: State<C>,
    turns: u64,
}

impl<C> Default for Handshakes<C> {
    fn default() -> Self {
        Self { state: State::Nothing, turns: 0 }
    }
}

/// What a token of this turn is to be shown with.
#[derive(Debug, PartialEq, Eq)]
pub struct Step<C> {
    /// Names the turn when the token has been judged.
    pub turn: u64,
    /// What the client's earlier tokens led to; `None` for the first.
    pub context: Option<C>,
}

/// What became of a token.
#[derive(Debug)]
pub enum Proved<C> {
    /// Another one is needed.
    Continue(C),
    /// The client is signed in.
    Identity(Arc<Identity>),
    /// It is not.
    Failed,
}

/// What the request is to be answered with.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The client gets a token and sends another.
    Continue,
    /// The request goes on as this user. `kept`: those to come on the connection do too.
    SignedIn {
        /// Who.
        identity: Arc<Identity>,
        /// For how long.
        kept: bool,
    },
    /// 401.
    Failed,
    /// The handshake needs several requests on a connection of the client's own, which this is not any more.
    Lost,
}

impl<C> Handshakes<C> {
    /// A request without a token of ours. A handshake that was begun is over: whoever goes on with it does so with the
    /// next request.
    pub fn plain(&mut self) -> Option<Arc<Identity>> {
        match &self.state {
            State::SignedIn(identity) => Some(identity.clone()),
            // The turn's request is still there, and this is not it.
            State::Busy { .. } => None,
            State::Half { .. } | State::Nothing => {
                self.state = State::Nothing;
                None
            }
        }
    }

    /// A request with a token. Who was signed in before is not any more.
    pub fn token(&mut self, now: Duration) -> Step<C> {
        self.turns += 1;
        let turn = self.turns;
        let (context, since, legs) = match std::mem::replace(&mut self.state, State::Nothing) {
            State::Half { context, since, legs }
                if now.saturating_sub(since) < HANDSHAKE_LIMIT && legs < MOST_LEGS =>
            {
                (Some(context), since, legs)
            }
            _ => (None, now, 0),
        };
        self.state = State::Busy { turn, since, legs: legs + 1 };
        Step { turn, context }
    }

    /// The token of a turn has been judged.
    pub fn judged(&mut self, turn: u64, proved: Proved<C>, rules: &Windows) -> Outcome {
        let mine = match self.state {
            State::Busy { turn: current, since, legs } if current == turn => Some((since, legs)),
            // Another request of the connection has come meanwhile; what this one proved is its own only.
            _ => None,
        };
        if mine.is_some() {
            self.state = State::Nothing;
        }
        match (proved, mine) {
            (Proved::Failed, _) => Outcome::Failed,
            (Proved::Continue(context), Some((since, legs))) => {
                self.state = State::Half { context, since, legs };
                Outcome::Continue
            }
            (Proved::Continue(_), None) => Outcome::Lost,
            (Proved::Identity(identity), mine) => {
                let keeps = match identity.scheme {
                    Scheme::Ntlm => !rules.persist_single_request,
                    _ => rules.persist_kerberos,
                };
                let kept = keeps && mine.is_some();
                if kept {
                    self.state = State::SignedIn(identity.clone());
                }
                Outcome::SignedIn { identity, kept }
            }
        }
    }

    /// Nothing is proved any more. The token of a turn that goes on proves its own request only.
    pub fn forget(&mut self) {
        self.state = State::Nothing;
    }

    /// Drops the handshake that is only half done: somebody else needs the memory.
    pub fn give_up(&mut self) {
        if matches!(self.state, State::Half { .. }) {
            self.state = State::Nothing;
        }
    }

    /// Whether a handshake is half done.
    pub fn is_half_done(&self) -> bool {
        matches!(self.state, State::Half { .. })
    }
}
