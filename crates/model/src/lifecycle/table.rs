//! The state table of the documentation, made by asking the machine itself.
//!
//! Each row begins in a state that was reached by events, so the table cannot say what the machine
//! does not do.

use std::fmt::Write as _;
use std::time::Duration;

use crate::failure::Failure;
use crate::lifecycle::{
    AppPool, Effect, Event, Exit, Limits, Measured, Moment, Phase, RecycleCause, Settings, Shown, Why,
    WorkerId,
};
use crate::server_config::{RapidFailProtection, StartMode};
use crate::status::StatusCode;

/// The table as Markdown.
pub fn state_table() -> String {
    let mut text = String::from("| state | event | becomes | effects |\n| --- | --- | --- | --- |\n");
    for (name, build) in STATES {
        for (event_name, event) in events() {
            let (mut pool, now, app) = build();
            let before = describe(&pool);
            let now = if matches!(event, TableEvent::Timer) { now + Duration::from_secs(3600) } else { now };
            let (next, page) = (next_of(&pool), pool.page_worker());
            let effects = pool.step(event.with(app, &pool), now);
            let after = describe(&pool);
            let shown: Vec<String> =
                effects.iter().filter_map(|effect| show(effect, app, next, page)).collect();
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
    ("New, starts always", new),
    ("New, starts on demand", || pool(on_demand())),
    ("New, not started by itself", || pool(Settings { auto_start: false, ..on_demand() })),
    ("Stopped", stopped),
    ("Starting", starting),
    ("Starting, page shown", starting_with_page),
    ("Running", running),
    ("Overlapping", overlapping),
    ("Rotating", rotating),
    ("Draining", draining),
    ("Failed, page shown", failed),
    ("Restarting, page shown", restarting),
    ("Disabled after failures, page shown", given_up),
    ("Disabled by command, page shown", switched_off),
    ("Offline, page shown", offline),
    ("Stopping", stopping),
];

#[derive(Clone, Copy)]
enum TableEvent {
    Start,
    ConnectionWaits,
    Started,
    NextStarted,
    Failed,
    NextFailed,
    StopsItself,
    Closed,
    Hung,
    Idle,
    TooLarge,
    ExitsClean,
    Crashes,
    PageExits,
    FilesChanged,
    WebConfigChanged,
    Recycle,
    OfflineAppears,
    OfflineGoes,
    TurnOn,
    TurnOff,
    Timer,
    Stop,
    SecondStop,
}

fn events() -> [(&'static str, TableEvent); 24] {
    [
        ("start", TableEvent::Start),
        ("a client connects", TableEvent::ConnectionWaits),
        ("app started", TableEvent::Started),
        ("next worker's app started", TableEvent::NextStarted),
        ("app failed to start", TableEvent::Failed),
        ("next worker's app failed to start", TableEvent::NextFailed),
        ("app stops itself", TableEvent::StopsItself),
        ("app's worker accepts no more", TableEvent::Closed),
        ("app's worker does not answer", TableEvent::Hung),
        ("no request for `idle_timeout`", TableEvent::Idle),
        ("too much memory", TableEvent::TooLarge),
        ("app's worker exits with 0", TableEvent::ExitsClean),
        ("app's worker crashes", TableEvent::Crashes),
        ("page's worker crashes", TableEvent::PageExits),
        ("files changed", TableEvent::FilesChanged),
        ("`web.config` changed", TableEvent::WebConfigChanged),
        ("command: recycle", TableEvent::Recycle),
        ("`app_offline.htm` appears", TableEvent::OfflineAppears),
        ("`app_offline.htm` goes", TableEvent::OfflineGoes),
        ("command: start", TableEvent::TurnOn),
        ("command: stop", TableEvent::TurnOff),
        ("time is over", TableEvent::Timer),
        ("stop", TableEvent::Stop),
        ("stop at once", TableEvent::SecondStop),
    ]
}

/// Names nobody, so that an event about it changes nothing.
const NOBODY: WorkerId = WorkerId(u32::MAX);

fn next_of(pool: &AppPool) -> WorkerId {
    if let Phase::Overlapping { next, .. } = pool.phase() { next } else { NOBODY }
}

impl TableEvent {
    fn with(self, app: WorkerId, pool: &AppPool) -> Event {
        let measured = |idle, memory| {
            Event::WorkerMeasured(app, Measured { requests: 1, idle: Duration::from_secs(idle), memory })
        };
        match self {
            Self::Start => Event::Start,
            Self::ConnectionWaits => Event::ConnectionWaits,
            Self::Started => Event::WorkerStarted(app),
            Self::NextStarted => Event::WorkerStarted(next_of(pool)),
            Self::Failed => Event::WorkerFailed(app, failure()),
            Self::NextFailed => Event::WorkerFailed(next_of(pool), failure()),
            Self::StopsItself => Event::WorkerStopping(app),
            Self::Closed => Event::WorkerClosed(app),
            Self::Hung => Event::WorkerHung(app, Duration::from_secs(90)),
            Self::Idle => measured(1200, None),
            Self::TooLarge => measured(0, Some(2 << 30)),
            Self::ExitsClean => Event::WorkerExited(app, exit(true)),
            Self::Crashes => Event::WorkerExited(app, exit(false)),
            Self::PageExits => Event::WorkerExited(pool.page_worker().unwrap_or(NOBODY), exit(false)),
            Self::FilesChanged => Event::FilesChanged,
            Self::WebConfigChanged => Event::Recycle(RecycleCause::WebConfig),
            Self::Recycle => Event::Recycle(RecycleCause::Command),
            Self::OfflineAppears => Event::Offline(true),
            Self::OfflineGoes => Event::Offline(false),
            Self::TurnOn => Event::TurnOn,
            Self::TurnOff => Event::TurnOff,
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

/// Limits that the table's events exceed, and nothing else.
fn always() -> Settings {
    Settings {
        idle_timeout: Some(Duration::from_secs(1200)),
        memory: Some(1 << 30),
        rapid_fail: Some(RapidFailProtection { failures: 5, window: Duration::from_secs(300) }),
        ..Settings::FOREGROUND
    }
}

fn on_demand() -> Settings {
    Settings { start: StartMode::OnDemand, ..always() }
}

fn pool(settings: Settings) -> Built {
    let limits = Limits { startup: Duration::from_secs(120), shutdown: Duration::from_secs(10) };
    (AppPool::new(settings, limits), Moment::at(Duration::from_secs(1)), NOBODY)
}

fn new() -> Built {
    pool(always())
}

fn app_of(pool: &AppPool, last: WorkerId) -> WorkerId {
    match pool.phase() {
        Phase::Starting { worker, .. }
        | Phase::Running { worker, .. }
        | Phase::Overlapping { worker, .. }
        | Phase::Rotating { worker, .. }
        | Phase::Draining { worker, .. } => worker,
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
    then(new(), 0, |_| Event::Start)
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

fn stopped() -> Built {
    then(pool(on_demand()), 0, |_| Event::Start)
}

fn overlapping() -> Built {
    then(running(), 1, |_| Event::Recycle(RecycleCause::Command))
}

fn rotating() -> Built {
    let alone = pool(Settings { overlapped: false, ..always() });
    let running = then(then(alone, 0, |_| Event::Start), 1, Event::WorkerStarted);
    then(running, 1, |_| Event::Recycle(RecycleCause::Command))
}

fn draining() -> Built {
    let idle = Measured { idle: Duration::from_secs(1200), ..Measured::default() };
    then(running(), 1200, |app| Event::WorkerMeasured(app, idle))
}

fn given_up() -> Built {
    let once = RapidFailProtection { failures: 1, window: Duration::from_secs(300) };
    let starting = then(pool(Settings { rapid_fail: Some(once), ..always() }), 0, |_| Event::Start);
    then(starting, 1, |app| Event::WorkerExited(app, exit(false)))
}

fn switched_off() -> Built {
    let off = then(running(), 1, |_| Event::TurnOff);
    then(off, 1, |app| Event::WorkerExited(app, exit(true)))
}

fn offline() -> Built {
    let offline = then(running(), 1, |_| Event::Offline(true));
    then(offline, 1, |app| Event::WorkerExited(app, exit(true)))
}

fn stopping() -> Built {
    // A while ago, so that another request is a second one.
    let (pool, now, app) = then(running(), 1, |_| Event::StopRequested);
    (pool, now + Duration::from_secs(1), app)
}

fn describe(pool: &AppPool) -> String {
    let phase = match pool.phase() {
        Phase::New => "New",
        Phase::Stopped => "Stopped",
        Phase::Starting { .. } => "Starting",
        Phase::Running { .. } => "Running",
        Phase::Overlapping { .. } => "Overlapping",
        Phase::Rotating { .. } => "Rotating",
        Phase::Draining { .. } => "Draining",
        Phase::Failed { .. } => "Failed",
        Phase::Restarting { .. } => "Restarting",
        Phase::Disabled { why: Why::Failures } => "Disabled after failures",
        Phase::Disabled { why: Why::Command } => "Disabled by command",
        Phase::Offline => "Offline",
        Phase::Stopping { .. } => "Stopping",
        Phase::Gone => "Gone",
    };
    let page = if pool.page_worker().is_some() { ", page shown" } else { "" };
    format!("{phase}{page}")
}

fn show(effect: &Effect, app: WorkerId, next: WorkerId, page: Option<WorkerId>) -> Option<String> {
    let who = |id: &WorkerId| match *id {
        id if id == app => "the app's worker",
        id if id == next => "the next worker",
        id if Some(id) == page => "the page's worker",
        _ => "a worker",
    };
    let shown = |shown: &Shown| match shown {
        Shown::Failure(failure) => failure.code.to_string(),
        Shown::Offline => "`app_offline.htm`".to_owned(),
    };
    Some(match effect {
        Effect::SpawnWorker { .. } => "spawn an app worker".to_owned(),
        Effect::SpawnPage(_, content) => format!("spawn a page worker ({})", shown(content)),
        Effect::UpdatePage(_, content) => format!("update the page ({})", shown(content)),
        Effect::StopWorker(id, _) => format!("stop {}", who(id)),
        Effect::KillWorker(id) => format!("kill {}", who(id)),
        Effect::Gone => "the pool is gone".to_owned(),
        Effect::SetTimer(_) | Effect::Log { .. } => return None,
    })
}
