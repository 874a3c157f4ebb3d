//! Who a connection is for, from the first bytes that its client sent, which stay where they are: somebody else will read
//! them.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `look` | what a beginning says: the name in a ClientHello, host and target of a head |
//! | `hello` | a TLS connection until its client has said which name it asks for |
//! | `watch` | a connection until it has said enough, bounded in bytes and time |

mod hello;
mod look;
mod watch;

pub(crate) use hello::Hello;
#[cfg(feature = "fuzzing")]
pub(crate) use look::fuzzing;
pub(crate) use watch::watch;

use crate::handler::Client;

/// What a client has said first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// It began a TLS handshake and asked for this name. Empty: for none, or in a way that cannot be understood, which
    /// whoever goes on with the handshake will tell it.
    Hello {
        /// As sent.
        server_name: &'a str,
    },
    /// It sent the head of a request.
    Head {
        /// The `Host` field; empty without one.
        host: &'a [u8],
        /// The request target, as sent.
        target: &'a [u8],
    },
    /// It speaks HTTP/2 without having asked.
    Http2,
}

/// Shares out connections by what their clients said.
pub trait Dispatch: Send + Sync + 'static {
    /// Who shall have the connection; `None`: it is served here. Called on an I/O thread; must not block.
    fn choose(&self, client: &Client, said: Said<'_>) -> Option<usize>;

    /// The connection, of which nothing has been read, for who was chosen. Must not block.
    fn give(&self, to: usize, connection: std::net::TcpStream, client: Client);
}

thread_local! {
    /// What is looked at; nothing of it is kept.
    static PEEKED: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Room for so many bytes of a beginning.
fn with_room<T>(most: usize, look: impl FnOnce(&mut [u8]) -> T) -> T {
    PEEKED.with_borrow_mut(|room| {
        room.resize(most.max(room.len()), 0);
        look(room.get_mut(..most).unwrap_or_default())
    })
}
