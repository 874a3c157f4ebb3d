//! The addresses that are listened on, and for which pools.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mews_model::url::{ListenUrl, Scheme};

use super::{BindError, Bound, Passed, bind_beside, urls};
use crate::control::{ListenerSpec, TlsId};

static NEXT: AtomicUsize = AtomicUsize::new(0);

/// An address that is listened on.
#[derive(Debug)]
pub(crate) struct Listening {
    /// What its connections are told apart by, for the life of the supervisor.
    number: usize,
    listen: ListenUrl,
    bound: Arc<Vec<Bound>>,
    /// What TLS there works with; `None` = plain HTTP.
    tls: Option<TlsId>,
}

/// One address that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// What to bind.
    pub(crate) listen: ListenUrl,
    /// What TLS there works with. Needed for https.
    pub(crate) tls: Option<TlsId>,
}

impl Listening {
    /// See the field.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Its sockets.
    pub(crate) fn bound(&self) -> &[Bound] {
        &self.bound
    }

    /// What was asked for: with port 0 where any free one was.
    pub(crate) fn listen(&self) -> &ListenUrl {
        &self.listen
    }

    /// Its URLs with their real ports.
    pub(crate) fn urls(&self) -> Vec<String> {
        urls(&self.bound)
    }

    /// The addresses of its sockets.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.bound.iter().filter_map(|bound| bound.socket.local_addr().ok())
    }

    /// What TLS there works with.
    pub(crate) fn tls(&self) -> Option<TlsId> {
        self.tls
    }

    /// What is readable when somebody waits to be accepted.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.bound.iter().map(|bound| bound.socket.as_fd())
    }
}

/// These addresses as a worker is told of them, and copies of their sockets; none of those that are shared.
pub(crate) fn specs(
    listening: &[Arc<Listening>],
    shared: bool,
) -> io::Result<(Vec<ListenerSpec>, Vec<OwnedFd>)> {
    let (mut listeners, mut sockets) = (Vec::new(), Vec::new());
    for listening in listening {
        for bound in listening.bound() {
            let (url, tls, number) = (bound.url.clone(), listening.tls(), listening.number());
            listeners.push(ListenerSpec { url, tls, number, shared });
            if !shared {
                sockets.push(OwnedFd::from(bound.socket.try_clone()?));
            }
        }
    }
    Ok((listeners, sockets))
}

/// Listens on all of these, or on none that is new. What is listened on already stays as it is, whatever is connected or
/// waits there. Sockets that were passed to us are taken where they are wanted.
pub(crate) fn listen(
    wanted: &[Wanted],
    present: &[Arc<Listening>],
    passed: &Passed,
) -> Result<Vec<Arc<Listening>>, BindError> {
    let all: Vec<ListenUrl> = wanted.iter().map(|wanted| wanted.listen.clone()).collect();
    let mut present = present.to_vec();
    let mut listening = Vec::new();
    for wanted in wanted {
        let tls = wanted.tls.filter(|_| wanted.listen.scheme == Scheme::Https);
        let place = |known: &Arc<Listening>| {
            (&known.listen.host, known.listen.port) == (&wanted.listen.host, wanted.listen.port)
        };
        let bound = match present.iter().position(place).map(|at| present.swap_remove(at)) {
            Some(known) if known.listen == wanted.listen && known.tls == tls => {
                listening.push(known);
                continue;
            }
            // The same sockets with another scheme, or other certificates.
            Some(known) => Arc::clone(&known.bound),
            None => Arc::new(bind_beside(&wanted.listen, &all, passed)?),
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        listening.push(Arc::new(Listening { number, listen: wanted.listen.clone(), bound, tls }));
    }
    Ok(listening)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mews_model::url::parse_url;

    fn wanted(urls: &[&str]) -> Vec<Wanted> {
        urls.iter().map(|url| Wanted { listen: parse_url(url).unwrap(), tls: None }).collect()
    }

    #[test]
    fn what_is_listened_on_stays() {
        let first =
            listen(&wanted(&["http://127.0.0.1:0", "http://127.0.0.1:0"]), &[], &Passed::default()).unwrap();
        assert_ne!(first[0].urls(), first[1].urls());
        let more =
            wanted(&["http://[::1]:0", "http://127.0.0.1:0", "http://127.0.0.1:0", "http://127.0.0.1:0"]);
        let second = listen(&more, &first, &Passed::default()).unwrap();
        for old in &first {
            assert!(second.iter().any(|new| Arc::ptr_eq(old, new)));
        }
        assert_eq!(second.len(), 4);
        // One that is taken leaves nothing behind.
        let taken = second[0].urls().remove(0);
        assert!(listen(&wanted(&["http://127.0.0.1:0", &taken]), &[], &Passed::default()).is_err());
    }
}
