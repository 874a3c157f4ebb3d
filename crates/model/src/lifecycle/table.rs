//! The state table of the documentation, made by asking the machine itself.
//!
//! Each row begins in a state that was reached by events, so the table cannot say what the machine
//! does not do.

use std::fmt::Write as _;
use std::time::Duration;

use crate::failure::Failure;
use crate::lifecycle::{AppPool, Effect, Event, Exit, Moment, Phase, Settings, WorkerId};
use crate::status::StatusCode;

/// The table as Markdown.
pub fn state_table() -> String {
    let mut text = String::from("| state | event | becomes | effects |\n| --- | --- | --- | --- |\n");
    for (name, build) in STATES {
        for (event_name, event) in events() {
            let (mut pool, now, app) = build();
            let before = describe(&pool);
            let now = if matches!(event, TableEvent::Timer) { now + Duration::from_secs(3600) } else { now };
            let effects = pool.step(event.with(app, &pool), now);
            let after = describe(&pool);
            let shown: Vec<String> = effects.iter().filter_map(|effect| show(effect, app)).collect();
            if shown.is_empty() && before == after {
                continue;
            }
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "| {name} | {event_name} | {after} | {} |", shown.join(", "));
        }
    }
    text
}

/// A pool, the time, and its app's worker.
type Built = (AppPool, Moment, WorkerId);
type State = (&'static str, fn() -> Built);

const STATES: &[State] = &[
    ("Idle", idle),
    ("Starting", starting),
    ("Starting, page shown", starting_with_page),
    ("Running", running),
    ("Failed, page shown", failed),
    ("Restarting, page shown", restarting),
    ("Stopping", stopping),
];

#[derive(Clone, Copy)]
enum TableEvent {
    Start,
    Started,
    Failed,
    StopsItself,
    ExitsClean,
    Crashes,
    PageExits,
    FilesChanged,
    Timer,
    Stop,
    SecondStop,
}

fn events() -> [(&'static str, TableEvent); 11] {
    [
        ("start", TableEvent::Start),
        ("app started", TableEvent::Started),
        ("app failed to start", TableEvent::Failed),
        ("app stops itself", TableEvent::StopsItself),
        ("app's worker exits with 0", TableEvent::ExitsClean),
        ("app's worker crashes", TableEvent::Crashes),
        ("page's worker crashes", TableEvent::PageExits),
        ("files changed", TableEvent::FilesChanged),
        ("time is over", TableEvent::Timer),
        ("stop", TableEvent::Stop),
        ("stop at once", TableEvent::SecondStop),
    ]
}

impl TableEvent {
    fn with(self, app: WorkerId, pool: &AppPool) -> Event {
        match self {
            Self::Start => Event::Start,
            Self::Started => Event::WorkerStarted(app),
            Self::Failed => Event::WorkerFailed(app, failure()),
            Self::StopsItself => Event::WorkerStopping(app),
            Self::ExitsClean => Event::WorkerExited(app, exit(true)),
            Self::Crashes => Event::WorkerExited(app, exit(false)),
            // In a state without a page worker this names nobody and changes nothing.
            Self::PageExits => {
                Event::WorkerExited(pool.page_worker().unwrap_or(WorkerId(u32::MAX)), exit(false))
            }
            Self::FilesChanged => Event::FilesChanged,
            Self::Timer => Event::TimerFired,
            Self::Stop => Event::StopRequested,
            Self::SecondStop => Event::SecondStop,
        }
    }
}

fn failure() -> Failure {
    Failure::new(StatusCode::START_FAILED, "It did not start.")
}

fn exit(clean: bool) -> Exit {
    let description = if clean { "exited with code 0" } else { "exited with code 134" };
    Exit { clean, description: description.to_owned(), ..Exit::default() }
}

fn idle() -> Built {
    let settings =
        Settings { startup_limit: Duration::from_secs(120), shutdown_limit: Duration::from_secs(10) };
    (AppPool::new(settings), Moment::at(Duration::from_secs(1)), WorkerId(u32::MAX))
}

fn app_of(pool: &AppPool, last: WorkerId) -> WorkerId {
    match pool.phase() {
        Phase::Starting { worker, .. } | Phase::Running { worker, .. } => worker,
        _ => last,
    }
}

fn then(built: Built, wait: u64, event: impl FnOnce(WorkerId) -> Event) -> Built {
    let (mut pool, now, app) = built;
    let now = now + Duration::from_secs(wait);
    pool.step(event(app), now);
    let app = app_of(&pool, app);
    (pool, now, app)
}

fn starting() -> Built {
    then(idle(), 0, |_| Event::Start)
}

fn running() -> Built {
    then(starting(), 1, Event::WorkerStarted)
}

fn failed() -> Built {
    // The failed worker has left too, as it does at once.
    let failed = then(starting(), 1, |app| Event::WorkerFailed(app, failure()));
    then(failed, 0, |app| Event::WorkerExited(app, exit(true)))
}

fn starting_with_page() -> Built {
    then(failed(), 2, |_| Event::TimerFired)
}

fn restarting() -> Built {
    let again = then(running(), 1, |app| Event::WorkerExited(app, exit(false)));
    let running = then(again, 1, Event::WorkerStarted);
    then(running, 1, |app| Event::WorkerExited(app, exit(false)))
}

fn stopping() -> Built {
    // A while ago, so that another request is a second one.
    let (pool, now, app) = then(running(), 1, |_| Event::StopRequested);
    (pool, now + Duration::from_secs(1), app)
}

fn describe(pool: &AppPool) -> String {
    let phase = match pool.phase() {
        Phase::Idle => "Idle",
        Phase::Starting { .. } => "Starting",
        Phase::Running { .. } => "Running",
        Phase::Failed { .. } => "Failed",
        Phase::Restarting { .. } => "Restarting",
        Phase::Stopping { .. } => "Stopping",
        Phase::Stopped => "Stopped",
    };
    let page = if pool.page_worker().is_some() { ", page shown" } else { "" };
    format!("{phase}{page}")
}

fn show(effect: &Effect, app: WorkerId) -> Option<String> {
    let who = |id: &WorkerId| if *id == app { "the app's worker" } else { "the page's worker" };
    Some(match effect {
        Effect::SpawnWorker(_) => "spawn an app worker".to_owned(),
        Effect::SpawnFailurePage(_, failure) => format!("spawn a page worker ({})", failure.code),
        Effect::UpdateFailurePage(_, failure) => format!("update the page ({})", failure.code),
        Effect::StopWorker(id) => format!("stop {}", who(id)),
        Effect::KillWorker(id) => format!("kill {}", who(id)),
        Effect::Exit(code) => format!("exit {code}"),
        Effect::SetTimer(_) | Effect::Log { .. } => return None,
    })
}
