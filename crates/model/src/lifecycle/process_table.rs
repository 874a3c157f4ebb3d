//! The table of the processes' machine for the documentation, made by asking the machine itself.

use std::fmt::Write as _;
use std::time::Duration;

use crate::failure::Failure;
use crate::lifecycle::{
    Exit, Moment, ProcessEffect, ProcessEvent, ProcessManager, ProcessSettings, Route, RunId, Seen, Slot,
    SlotPhase,
};
use crate::status::StatusCode;

/// The table as Markdown: one slot, since slots do not know of each other.
pub fn process_table() -> String {
    let mut text = String::from("| state | event | becomes | effects |\n| --- | --- | --- | --- |\n");
    for (name, build) in STATES {
        for event in EVENTS {
            let (mut manager, now) = build();
            let before = describe(&manager);
            let (answer, effects) = event.apply(&mut manager, now);
            let after = describe(&manager);
            let shown: Vec<String> = answer.into_iter().chain(effects.iter().filter_map(show)).collect();
            if shown.is_empty() && before == after {
                continue;
            }
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "| {name} | {} | {after} | {} |", event.name(), shown.join(", "));
        }
    }
    text
}

const SLOT: Slot = Slot(0);

type Built = (ProcessManager, Moment);
type State = (&'static str, fn() -> Built);

const STATES: &[State] = &[
    ("Empty", empty),
    ("Empty, too many ended", too_many),
    ("Starting, attempt 1", || starting(1)),
    ("Starting, attempt 2", || starting(2)),
    ("Ready", ready),
    ("Stopping, offline", offline),
    ("Stopping, back", back),
    ("Stopping", stopping),
];

#[derive(Clone, Copy)]
enum TableEvent {
    Request,
    SpawnFails,
    BadPort,
    PortTaken,
    Listens,
    Ends,
    PartEnds,
    Accepted,
    NotAccepted,
    Timer,
    Offline,
    Back,
    Stop,
}

const EVENTS: [TableEvent; 13] = [
    TableEvent::Request,
    TableEvent::SpawnFails,
    TableEvent::BadPort,
    TableEvent::PortTaken,
    TableEvent::Listens,
    TableEvent::Ends,
    TableEvent::PartEnds,
    TableEvent::Accepted,
    TableEvent::NotAccepted,
    TableEvent::Timer,
    TableEvent::Offline,
    TableEvent::Back,
    TableEvent::Stop,
];

impl TableEvent {
    fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::SpawnFails => "cannot be executed",
            Self::BadPort => "its configured port is invalid",
            Self::PortTaken => "another process listens on its port",
            Self::Listens => "listens on its port",
            Self::Ends => "ends",
            Self::PartEnds => "ends, but a descendant listens",
            Self::Accepted => "answers the shutdown message with 202",
            Self::NotAccepted => "does not, or with another status",
            Self::Timer => "time is over",
            Self::Offline => "goes offline",
            Self::Back => "is back",
            Self::Stop => "stop",
        }
    }

    fn apply(self, manager: &mut ProcessManager, now: Moment) -> (Option<String>, Vec<ProcessEffect>) {
        let run = run_of(manager);
        let failed = |retry| ProcessEvent::SpawnFailed {
            run,
            failure: Failure::new(StatusCode::PROCESS_FAILED, "No."),
            retry,
        };
        let ends = |served_by| ProcessEvent::Exited { run, exit: exit(), served_by };
        let event = match self {
            Self::Request => {
                let (route, effects) = manager.request(SLOT, now);
                let answer = match route {
                    Route::Ready(_) => "forward it".to_owned(),
                    Route::Wait => "it waits".to_owned(),
                    Route::Refused { failure, .. } => format!("answer {}", failure.code),
                };
                return (Some(answer), effects);
            }
            Self::SpawnFails => failed(true),
            Self::BadPort => failed(false),
            Self::PortTaken => {
                ProcessEvent::Seen { run, what: Seen::Foreign { pid: None, name: String::new() } }
            }
            Self::Listens => ProcessEvent::Listening { run, pid: 1 },
            Self::Ends => ends(None),
            Self::PartEnds => ends(Some(2)),
            Self::Accepted => ProcessEvent::ShutdownAnswered { run, answer: Ok(202) },
            Self::NotAccepted => ProcessEvent::ShutdownAnswered { run, answer: Ok(404) },
            Self::Timer => {
                return (None, manager.step(ProcessEvent::TimerFired, now + Duration::from_secs(3600)));
            }
            Self::Offline => ProcessEvent::Offline(true),
            Self::Back => ProcessEvent::Offline(false),
            Self::Stop => ProcessEvent::StopRequested,
        };
        (None, manager.step(event, now))
    }
}

fn run_of(manager: &ProcessManager) -> RunId {
    match manager.phase(SLOT) {
        SlotPhase::Starting(run) | SlotPhase::Ready(run) | SlotPhase::Stopping(run) => run,
        SlotPhase::Empty => RunId(0),
    }
}

fn exit() -> Exit {
    let description = "exited with code 1".to_owned();
    Exit { description, ..Exit::default() }
}

fn empty() -> Built {
    let settings = ProcessSettings {
        processes: 1,
        startup_limit: Duration::from_secs(120),
        shutdown_limit: Duration::from_secs(10),
        rapid_fails_per_minute: 0,
    };
    let now = Moment::at(Duration::from_secs(1));
    (ProcessManager::new(settings, now), now)
}

fn starting(attempt: u32) -> Built {
    let (mut manager, now) = empty();
    manager.request(SLOT, now);
    for _ in 1..attempt {
        let exited = ProcessEvent::Exited { run: run_of(&manager), exit: exit(), served_by: None };
        manager.step(exited, now);
    }
    let run = run_of(&manager);
    manager.step(ProcessEvent::Spawned { run, pid: 1, port: 20_000 }, now);
    (manager, now)
}

fn ready() -> Built {
    let (mut manager, now) = starting(1);
    let run = run_of(&manager);
    manager.step(ProcessEvent::Listening { run, pid: 1 }, now);
    (manager, now)
}

fn too_many() -> Built {
    let (mut manager, now) = ready();
    let run = run_of(&manager);
    manager.step(ProcessEvent::Exited { run, exit: exit(), served_by: None }, now);
    (manager, now)
}

fn stopping() -> Built {
    let (mut manager, now) = ready();
    manager.step(ProcessEvent::StopRequested, now);
    (manager, now)
}

fn offline() -> Built {
    let (mut manager, now) = ready();
    manager.step(ProcessEvent::Offline(true), now);
    (manager, now)
}

/// A request waits for the end of the process.
fn back() -> Built {
    let (mut manager, now) = offline();
    manager.step(ProcessEvent::Offline(false), now);
    manager.request(SLOT, now);
    (manager, now)
}

fn describe(manager: &ProcessManager) -> &'static str {
    match manager.phase(SLOT) {
        SlotPhase::Empty if manager.is_stopping() => "Stopped",
        SlotPhase::Empty => "Empty",
        SlotPhase::Starting(_) => "Starting",
        SlotPhase::Ready(_) => "Ready",
        SlotPhase::Stopping(_) => "Stopping",
    }
}

fn show(effect: &ProcessEffect) -> Option<String> {
    Some(match effect {
        ProcessEffect::Spawn { attempt, .. } => format!("start a process (attempt {attempt})"),
        ProcessEffect::Release { outcome: Ok(()), .. } => "forward what waits".to_owned(),
        ProcessEffect::Release { outcome: Err(failure), .. } => {
            format!("answer what waits with {}", failure.code)
        }
        ProcessEffect::Withdraw { .. } => "forward nothing more".to_owned(),
        ProcessEffect::SendShutdown(_) => "send the shutdown message".to_owned(),
        ProcessEffect::Terminate(_) => "send SIGTERM".to_owned(),
        ProcessEffect::Kill(_) => "kill what is left of it".to_owned(),
        ProcessEffect::Stopped => "everything has ended".to_owned(),
        ProcessEffect::SetTimer(_) | ProcessEffect::Log { .. } => return None,
    })
}
