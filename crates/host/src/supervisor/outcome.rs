//! What a command is to come to, and whether it has.

use mews_model::Failure;
use mews_model::lifecycle::{Event, Phase, RecycleCause, Recycled, Span, Why, WorkerId};

use super::pool::Pool;
use super::worker::Kind;
use crate::admin::{Command, Outcome};

/// What is waited for.
#[derive(Clone, Debug)]
pub(super) enum Wait {
    /// The app runs, or cannot.
    Started,
    /// The app has ended.
    Stopped,
    /// A worker serves that was not there yet: this one, or one that came later. Another replacement may have been under
    /// way, and what it read of the folder is older than the command.
    Recycled(WorkerId),
    /// Nothing: it is so already, or will not be.
    Told(bool, &'static str),
}

impl Wait {
    /// What has to happen in the pool, and what that is to come to.
    pub(super) fn begin(command: Command, pool: &Pool) -> (Option<Event>, Self) {
        let phase = pool.machine.phase();
        match command {
            Command::Start => (Some(Event::TurnOn), Self::Started),
            Command::Stop => (Some(Event::TurnOff), Self::Stopped),
            Command::Recycle | Command::Status | Command::Reload => match phase {
                Phase::Stopped | Phase::Draining { .. } => {
                    (None, Self::Told(true, "has no worker; the next request starts one"))
                }
                Phase::Disabled { why: Why::Command } => {
                    (None, Self::Told(false, "is stopped; start it with 'mews start'"))
                }
                Phase::Offline => (None, Self::Told(false, "is offline: remove app_offline.htm to start it")),
                Phase::Failed { .. } | Phase::Restarting { .. } | Phase::Disabled { why: Why::Failures } => {
                    (Some(Event::Recycle(RecycleCause::Command)), Self::Started)
                }
                _ => {
                    (Some(Event::Recycle(RecycleCause::Command)), Self::Recycled(pool.machine.next_worker()))
                }
            },
        }
    }

    /// What came of it; `None` while that is open.
    pub(super) fn outcome(&self, name: &str, pool: Option<&Pool>) -> Option<Outcome> {
        let told = |ok, text: String| Some(Outcome { pool: name.to_owned(), ok, text });
        let Some(pool) = pool else { return told(false, "is not there any more".to_owned()) };
        let record = pool.machine.record();
        match self {
            Self::Told(ok, text) => told(*ok, (*text).to_owned()),
            Self::Stopped => {
                let apps = pool.workers.values().any(|worker| worker.kind() != Kind::Page);
                let off = pool.machine.phase() == Phase::Disabled { why: Why::Command };
                (off && !apps).then(|| told(true, "stopped".to_owned())).flatten()
            }
            Self::Recycled(from) => {
                let last = record.last_recycle.as_ref().filter(|recycled| recycled.worker >= *from);
                let serves = pool.machine.serving();
                let others = || pool.workers.iter().filter(|(id, _)| Some(**id) != serves);
                match (last, serves) {
                    // Who connects now is to find the new one.
                    (_, Some(worker)) if worker >= *from && others().any(|(_, other)| other.accepts()) => {
                        None
                    }
                    (Some(Recycled { failure: None, took, .. }), Some(worker)) if worker >= *from => {
                        told(true, format!("recycled in {}", Span(*took)))
                    }
                    (Some(Recycled { failure: Some(failure), .. }), Some(_)) => told(
                        false,
                        format!("the old worker goes on serving; the new one did not start {failure}"),
                    ),
                    (Some(Recycled { failure: Some(failure), .. }), None) => told(false, failed(failure)),
                    (_, Some(worker)) if worker < *from => None,
                    _ => started(name, pool),
                }
            }
            Self::Started => started(name, pool),
        }
    }
}

fn failed(failure: &Failure) -> String {
    format!("failed to start {failure}")
}

fn started(name: &str, pool: &Pool) -> Option<Outcome> {
    let (ok, text) = match pool.machine.phase() {
        Phase::New
        | Phase::Starting { .. }
        | Phase::Overlapping { .. }
        | Phase::Rotating { .. }
        | Phase::Draining { .. } => return None,
        // A worker that shows a page and is leaving may still answer whoever connects next.
        Phase::Running { .. } if pool.workers.values().any(|worker| worker.kind() == Kind::Page) => {
            return None;
        }
        Phase::Running { worker, .. } => {
            let pid = pool.workers.get(&worker).map_or(0, super::worker::Worker::pid);
            (true, format!("running (pid {pid})"))
        }
        Phase::Stopped => (true, "waits for the first request".to_owned()),
        Phase::Failed { .. } | Phase::Restarting { .. } | Phase::Disabled { why: Why::Failures } => {
            let last = pool.machine.record().last_failure.as_ref();
            (false, last.map_or_else(|| "failed".to_owned(), |(_, failure)| failed(failure)))
        }
        Phase::Disabled { why: Why::Command } => (false, "is stopped".to_owned()),
        Phase::Offline => (false, "is offline: remove app_offline.htm to start it".to_owned()),
        Phase::Stopping { .. } | Phase::Gone => (false, "is not there any more".to_owned()),
    };
    Some(Outcome { pool: name.to_owned(), ok, text })
}
