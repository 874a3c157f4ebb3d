//! Takes connections and answers their requests, in one of several manners.

use crate::answer;
use crate::connection::Connection;
use crate::fault::Fault;
use crate::pages::{self, After};
use crate::request::Request;
use crate::shutdown::{self, Obedience};
use crate::tally::Tally;
use anyhow::Result;
use e2e::Random;
use rustix::process::{Signal, getpid, kill_process};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

/// A thousand of them are usual.
const STACK: usize = 256 * 1024;

#[derive(Clone, Copy)]
pub(crate) enum Manner {
    Decent,
    ClosesAccepted,
    /// One connection in so many.
    ClosesAtRandom(u64),
    AnswersOnce,
    DiesInAnswer,
    Faulty(Fault),
}

pub(crate) struct Server {
    manner: Manner,
    obedience: Obedience,
    pub(crate) tally: Tally,
    random: Mutex<Random>,
}

impl Server {
    pub(crate) fn new(manner: Manner, obedience: Obedience) -> Arc<Self> {
        let random = Mutex::new(Random::new(std::process::id().into()));
        Arc::new(Self { manner, obedience, tally: Tally::default(), random })
    }

    pub(crate) fn run(self: Arc<Self>, listener: TcpListener) -> Result<ExitCode> {
        loop {
            let (stream, _) = listener.accept()?;
            if matches!(self.manner, Manner::ClosesAccepted) {
                continue;
            }
            let server = Arc::clone(&self);
            std::thread::Builder::new().stack_size(STACK).spawn(move || {
                let _open = server.tally.connection();
                // What goes wrong on a connection is its client's to notice.
                let _ = server.serve(stream);
            })?;
        }
    }

    fn serve(&self, stream: TcpStream) -> Result<()> {
        let mut connection = Connection::over(stream)?;
        let mut is_first = true;
        loop {
            let mut request = match connection.request() {
                Ok(Some(request)) => request,
                Ok(None) => break,
                Err(error) if e2e::is_cut(&error) => break,
                Err(error) => {
                    let text = format!("{error:#}");
                    let head = format!(
                        "HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                        text.len()
                    );
                    connection.send((head + &text).as_bytes())?;
                    break;
                }
            };
            let busy = self.tally.request();
            let after = self.answer(&mut request, &mut connection, is_first)?;
            drop(busy);
            is_first = false;
            match after {
                After::Next if !request.last => {}
                After::Next | After::End => break,
                After::Reset => return Ok(connection.reset()?),
            }
        }
        Ok(connection.finish()?)
    }

    fn answer(&self, request: &mut Request, connection: &mut Connection, is_first: bool) -> Result<After> {
        match self.manner {
            Manner::AnswersOnce if !is_first => Ok(After::End),
            Manner::Faulty(fault) => fault.commit("", connection),
            Manner::DiesInAnswer => {
                Fault::Half.commit("", connection)?;
                kill_process(getpid(), Signal::KILL)?;
                Ok(After::End)
            }
            _ if shutdown::is_message(request) => self.told_to_stop(request, connection),
            Manner::ClosesAtRandom(sides) => {
                let thrown = self.random.lock().unwrap_or_else(PoisonError::into_inner).below(sides);
                request.last |= thrown == 0;
                let after = pages::answer(self, request, connection)?;
                Ok(if thrown == 1 { After::End } else { after })
            }
            Manner::Decent | Manner::ClosesAccepted | Manner::AnswersOnce => {
                pages::answer(self, request, connection)
            }
        }
    }

    fn told_to_stop(&self, request: &Request, connection: &mut Connection) -> Result<After> {
        let (status, reason) = match self.obedience {
            Obedience::KnowsNot => (404, "Not Found"),
            Obedience::Obeys | Obedience::Ignores => (202, "Accepted"),
        };
        answer::empty(request, connection, status, reason)?;
        crate::say(format_args!("shutdown message answered with {status}"));
        if self.obedience == Obedience::Obeys {
            self.tally.wait_alone();
            std::process::exit(0);
        }
        Ok(After::Next)
    }
}
