//! The address where Prometheus finds metrics. A thread of its own speaks HTTP there, one client after the other; the
//! supervisor only hears that somebody asks, and gives what it has gathered.

mod http;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread;
use std::time::Duration;

use mews_model::metrics::{CONTENT_TYPE, Snapshot};
use rustix::pipe::{PipeFlags, pipe_with};

use self::http::{Answer, Client};

/// How long the supervisor may take to gather what is asked for.
const GATHERED_IN: Duration = Duration::from_secs(5);

/// The supervisor's end.
#[derive(Debug)]
pub(crate) struct MetricsAddress {
    asked: Receiver<Question>,
    woken: OwnedFd,
}

/// Somebody asks for the metrics.
#[derive(Debug)]
pub(crate) struct Question(SyncSender<Snapshot>);

impl Question {
    /// Answers. Whoever asked may have given up meanwhile.
    pub(crate) fn answer(self, snapshot: Snapshot) {
        let _ = self.0.send(snapshot);
    }
}

impl MetricsAddress {
    /// Listens.
    ///
    /// # Errors
    /// The address cannot be listened on; the text says why.
    pub(crate) fn start(address: SocketAddr) -> Result<Self, String> {
        let listener = TcpListener::bind(address)
            .map_err(|error| format!("cannot listen on the admin address {address}: {error}"))?;
        let started = Self::serve(listener);
        let (started, address) = started.map_err(|error| format!("the admin address {address}: {error}"))?;
        if !address.ip().is_loopback() {
            tracing::warn!(
                "the admin address {address} can be reached from other machines, and whoever reaches it can read the metrics"
            );
        }
        tracing::info!("metrics on http://{address}/metrics");
        Ok(started)
    }

    fn serve(listener: TcpListener) -> io::Result<(Self, SocketAddr)> {
        let address = listener.local_addr()?;
        let (woken, wakes) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let (asks, asked) = mpsc::channel();
        thread::Builder::new().name("admin".to_owned()).spawn(move || accept(&listener, &asks, &wakes))?;
        Ok((Self { asked, woken }, address))
    }

    /// Readable when somebody asks.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }

    /// What was asked since the last time.
    pub(crate) fn questions(&self) -> Vec<Question> {
        let mut bytes = [0; 64];
        while rustix::io::read(&self.woken, &mut bytes).is_ok_and(|count| count > 0) {}
        self.asked.try_iter().collect()
    }
}

fn accept(listener: &TcpListener, asks: &Sender<Question>, wakes: &OwnedFd) {
    for stream in listener.incoming() {
        match stream {
            Ok(stream) => {
                let Ok(mut client) = Client::new(stream) else { continue };
                let answer = match client.request() {
                    Ok(target) => answer(&target, asks, wakes),
                    Err(refusal) => refusal,
                };
                client.answer(&answer);
            }
            Err(error) => {
                tracing::debug!(%error, "a connection to the admin address could not be accepted");
                // Without descriptors the next attempt fails as well.
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

fn answer(target: &str, asks: &Sender<Question>, wakes: &OwnedFd) -> Answer {
    if target.split('?').next() != Some("/metrics") {
        return Answer::text(404, "there is nothing here but /metrics\n");
    }
    let (answers, answered) = mpsc::sync_channel(1);
    let asked = asks.send(Question(answers)).is_ok() && rustix::io::write(wakes, &[1]).is_ok();
    match answered.recv_timeout(if asked { GATHERED_IN } else { Duration::ZERO }) {
        Ok(snapshot) => Answer { status: 200, content_type: CONTENT_TYPE, body: snapshot.text() },
        Err(_) => Answer::text(503, "the metrics could not be gathered in time\n"),
    }
}
