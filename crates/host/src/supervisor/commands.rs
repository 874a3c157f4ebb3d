//! Commands over the control socket. Whoever asks cannot hang us: requests and their number are bounded, and who does not
//! send or take what is due is let go.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::outcome::Wait;
use super::poller::{Entry, Source};
use super::{PoolKey, Supervisor};
use crate::admin::{Answer, Command, ControlSocket, MOST_REQUEST, Outcome, Request, may_command};

/// Commands at a time; others wait in the kernel.
const MOST_CLIENTS: usize = 16;
/// How long a request may take to come, and an answer to be taken.
const TRANSFER_LIMIT: Duration = Duration::from_secs(5);
/// How long to wait when the system has no descriptor left.
const PAUSE: Duration = Duration::from_secs(1);
/// How long workers may take to tell how they are; then what they told last is shown.
const FRESH_WITHIN: Duration = Duration::from_secs(1);

/// Names a client for the life of the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClientId(u64);

/// Where commands come from.
#[derive(Debug)]
pub(crate) struct Commands {
    socket: Option<ControlSocket>,
    /// The file that `reload` reads.
    config: PathBuf,
    clients: BTreeMap<ClientId, Client>,
    next: u64,
    /// Nobody can be accepted before this: the system has no descriptor left.
    paused_until: Option<Instant>,
}

#[derive(Debug)]
struct Client {
    stream: UnixStream,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The request is coming.
    Reading { line: Vec<u8>, until: Instant },
    /// Workers are asked how they are.
    Asking { name: Option<String>, until: Instant },
    /// The command is being carried out.
    Waiting { waits: Vec<(PoolKey, String, Wait)>, done: Vec<Outcome> },
    /// The answer is going.
    Writing { rest: Vec<u8>, until: Instant },
}

impl Commands {
    /// Without a socket none come.
    pub(crate) fn new(socket: Option<ControlSocket>, config: PathBuf) -> Self {
        Self { socket, config, clients: BTreeMap::new(), next: 0, paused_until: None }
    }

    pub(super) fn config(&self) -> &Path {
        &self.config
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let open = self.clients.len() < MOST_CLIENTS && self.paused_until.is_none();
        let socket = self.socket.as_ref().filter(|_| open);
        let socket = socket.map(|socket| Entry {
            source: Source::Control,
            descriptor: socket.listener().as_fd(),
            flags: PollFlags::IN,
        });
        let clients = self.clients.iter().map(|(id, client)| {
            let writes = matches!(client.state, State::Writing { .. });
            let flags = if writes { PollFlags::OUT } else { PollFlags::IN };
            Entry { source: Source::Client(*id), descriptor: client.stream.as_fd(), flags }
        });
        socket.into_iter().chain(clients)
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        let due = |client: &Client| match client.state {
            State::Reading { until, .. } | State::Asking { until, .. } | State::Writing { until, .. } => {
                Some(until)
            }
            State::Waiting { .. } => None,
        };
        self.clients.values().filter_map(due).chain(self.paused_until).min()
    }

    pub(super) fn accept(&mut self) {
        let Some(socket) = &self.socket else { return };
        let stream = match socket.listener().accept() {
            Ok((stream, _)) => stream,
            Err(error) => {
                if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) {
                    tracing::warn!("{} cannot be accepted on: {error}", socket.path().display());
                    self.paused_until = Some(Instant::now() + PAUSE);
                }
                return;
            }
        };
        if !may_command(&stream) {
            tracing::warn!("a command of another user was refused");
            return;
        }
        if stream.set_nonblocking(true).is_ok() {
            let state = State::Reading { line: Vec::new(), until: Instant::now() + TRANSFER_LIMIT };
            self.clients.insert(ClientId(self.next), Client { stream, state });
            self.next += 1;
        }
    }

    fn answer(&mut self, id: ClientId, answer: &Answer) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let mut rest = serde_json::to_vec(answer).unwrap_or_default();
        rest.push(b'\n');
        client.state = State::Writing { rest, until: Instant::now() + TRANSFER_LIMIT };
        self.write(id);
    }

    /// Writes what the client takes; it is let go when that is all, or it is gone.
    fn write(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let State::Writing { rest, .. } = &mut client.state else { return };
        while !rest.is_empty() {
            match client.stream.write(rest) {
                Ok(written @ 1..) => drop(rest.drain(..written)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Ok(0) | Err(_) => break,
            }
        }
        self.clients.remove(&id);
    }

    /// Reads what has come. `Some` once it is a request, or can be none any more.
    fn read(&mut self, id: ClientId) -> Option<Result<Request, String>> {
        let client = self.clients.get_mut(&id)?;
        let mut bytes = [0; 1024];
        loop {
            let read = match client.stream.read(&mut bytes) {
                Ok(0) => {
                    self.clients.remove(&id);
                    return None;
                }
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(_) => {
                    self.clients.remove(&id);
                    return None;
                }
            };
            // What follows a request has no meaning.
            let State::Reading { line, .. } = &mut client.state else { continue };
            line.extend_from_slice(bytes.get(..read).unwrap_or_default());
            if let Some(end) = line.iter().position(|byte| *byte == b'\n') {
                let request = serde_json::from_slice(line.get(..end).unwrap_or_default());
                return Some(request.map_err(|error| format!("the request cannot be understood: {error}")));
            }
            if line.len() > MOST_REQUEST {
                return Some(Err(format!("the request is longer than {MOST_REQUEST} bytes")));
            }
        }
    }
}

impl Supervisor {
    /// Commands come from there.
    #[must_use]
    pub(crate) fn with_commands(mut self, commands: Commands) -> Self {
        self.commands = Some(commands);
        self
    }

    /// Something came from a client, or it takes more.
    pub(super) fn client_ready(&mut self, id: ClientId) {
        let Some(commands) = &mut self.commands else { return };
        commands.write(id);
        match commands.read(id) {
            None => {}
            Some(Err(why)) => commands.answer(id, &Answer::Refused(why)),
            Some(Ok(request)) => self.command(id, request),
        }
    }

    fn command(&mut self, id: ClientId, Request { command, name }: Request) {
        tracing::debug!(?command, name, "command");
        if self.stopping && command != Command::Status {
            return self.answer(id, &Answer::Refused("mews is stopping".to_owned()));
        }
        let keys = match self.named(name.as_deref()) {
            Ok(keys) => keys,
            Err(why) => return self.answer(id, &Answer::Refused(why)),
        };
        let state = match command {
            Command::Status => {
                for key in keys {
                    if let Some(pool) = self.pools.get_mut(&key) {
                        pool.ping_now();
                    }
                }
                State::Asking { name, until: Instant::now() + FRESH_WITHIN }
            }
            Command::Reload => {
                let answer = self.reload();
                return self.answer(id, &answer);
            }
            Command::Start | Command::Stop | Command::Recycle => {
                let mut waits = Vec::new();
                for key in keys {
                    if let Some(pool) = self.pools.get_mut(&key) {
                        let (event, wait) = Wait::begin(command, pool);
                        pool.events.extend(event);
                        waits.push((key, pool.spec.name.clone().unwrap_or_default(), wait));
                    }
                }
                State::Waiting { waits, done: Vec::new() }
            }
        };
        if let Some(client) = self.commands.as_mut().and_then(|commands| commands.clients.get_mut(&id)) {
            client.state = state;
        }
    }

    fn answer(&mut self, id: ClientId, answer: &Answer) {
        if let Some(commands) = &mut self.commands {
            commands.answer(id, answer);
        }
    }

    /// Answers whose command has been carried out, and lets go who is too slow.
    pub(super) fn look_at_commands(&mut self) {
        let Some(commands) = &mut self.commands else { return };
        let now = Instant::now();
        commands.paused_until = commands.paused_until.filter(|until| *until > now);
        let mut answers: Vec<(ClientId, Answer)> = Vec::new();
        let mut shown: Vec<(ClientId, Option<String>)> = Vec::new();
        let mut late = Vec::new();
        for (id, client) in &mut commands.clients {
            match &mut client.state {
                State::Reading { until, .. } | State::Writing { until, .. } => {
                    if *until <= now {
                        late.push(*id);
                    }
                }
                State::Asking { name, until } => {
                    let asked = self.pools.values().any(super::pool::Pool::awaits_pong);
                    if !asked || *until <= now {
                        shown.push((*id, name.clone()));
                    }
                }
                State::Waiting { waits, done } => {
                    waits.retain(|(key, name, wait)| {
                        let outcome = wait.outcome(name, self.pools.get(key));
                        let waits = outcome.is_none();
                        done.extend(outcome);
                        waits
                    });
                    if waits.is_empty() {
                        answers.push((*id, Answer::Done(std::mem::take(done))));
                    }
                }
            }
        }
        for id in late {
            commands.clients.remove(&id);
        }
        for (id, name) in shown {
            let status = self.status(name.as_deref());
            answers.push((id, status));
        }
        for (id, answer) in answers {
            self.answer(id, &answer);
        }
    }
}
