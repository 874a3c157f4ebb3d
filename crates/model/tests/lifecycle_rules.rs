//! What the machine of an application pool promises, one scenario each.
#![allow(clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

use std::time::Duration;

use mews_model::lifecycle::{AppPool, Effect, Event, Exit, Moment, Phase, Settings, WorkerId, state_table};
use mews_model::{Failure, StatusCode};

struct Pool {
    pool: AppPool,
    now: Moment,
}

impl Pool {
    fn started() -> Self {
        let settings =
            Settings { startup_limit: Duration::from_secs(120), shutdown_limit: Duration::from_secs(10) };
        let mut pool = Self { pool: AppPool::new(settings), now: Moment::at(Duration::from_secs(5)) };
        assert_eq!(pool.after(0, Event::Start), [Effect::SpawnWorker(WorkerId(1))]);
        pool
    }

    /// Feeds an event in `seconds` later; answers the effects without timers and log lines.
    fn after(&mut self, seconds: u64, event: Event) -> Vec<Effect> {
        self.now = self.now + Duration::from_secs(seconds);
        let effects = self.pool.step(event, self.now);
        let told = |effect: &Effect| !matches!(effect, Effect::SetTimer(_) | Effect::Log { .. });
        effects.into_iter().filter(told).collect()
    }

    /// The numbers of the events that an event leads to, `seconds` later.
    fn numbers(&mut self, seconds: u64, event: Event) -> Vec<u16> {
        self.now = self.now + Duration::from_secs(seconds);
        let effects = self.pool.step(event, self.now);
        let number = |effect| if let Effect::Log { event_id, .. } = effect { event_id } else { None };
        effects.into_iter().filter_map(number).collect()
    }

    fn wait(&self) -> u64 {
        self.pool.retry_at().unwrap().since(self.now).as_secs()
    }

    fn app(&self) -> WorkerId {
        match self.pool.phase() {
            Phase::Starting { worker, .. } | Phase::Running { worker, .. } => worker,
            other => panic!("no app worker: {other:?}"),
        }
    }
}

fn no() -> Failure {
    Failure::new(StatusCode::START_FAILED, "It says no.")
}

fn crash() -> Exit {
    Exit { description: "was killed".to_owned(), ..Exit::default() }
}

#[test]
fn a_failed_start_shows_a_page_at_once_and_is_tried_again_later_and_later() {
    let mut pool = Pool::started();
    let effects = pool.after(1, Event::WorkerFailed(WorkerId(1), no()));
    assert_eq!(effects, [Effect::SpawnFailurePage(WorkerId(2), no())]);
    assert_eq!(pool.wait(), 2);
    let mut waits = Vec::new();
    for _ in 0..6 {
        let app = pool.app_after_wait();
        let effects = pool.after(0, Event::WorkerFailed(app, no()));
        assert_eq!(effects, [Effect::UpdateFailurePage(WorkerId(2), no())]);
        waits.push(pool.wait());
    }
    assert_eq!(waits, [4, 8, 16, 32, 60, 60]);
}

impl Pool {
    /// Lets the back-off end; answers the new worker.
    fn app_after_wait(&mut self) -> WorkerId {
        let wait = self.wait();
        let effects = self.after(wait, Event::TimerFired);
        assert_eq!(effects.last(), Some(&Effect::SpawnWorker(self.app())), "{effects:?}");
        self.app()
    }
}

#[test]
fn a_change_of_files_is_tried_at_once_and_begins_the_waits_anew() {
    let mut pool = Pool::started();
    pool.after(1, Event::WorkerFailed(WorkerId(1), no()));
    let app = pool.app_after_wait();
    pool.after(0, Event::WorkerFailed(app, no()));
    assert_eq!(pool.wait(), 4);
    assert!(pool.pool.watches_files());
    let effects = pool.after(1, Event::FilesChanged);
    assert_eq!(effects, [Effect::SpawnWorker(pool.app())]);
    let app = pool.app();
    pool.after(0, Event::WorkerFailed(app, no()));
    assert_eq!(pool.wait(), 2);
}

#[test]
fn the_page_stays_until_the_app_has_started() {
    let mut pool = Pool::started();
    pool.after(1, Event::WorkerFailed(WorkerId(1), no()));
    pool.after(0, Event::WorkerExited(WorkerId(1), crash()));
    let app = pool.app_after_wait();
    assert_eq!(pool.pool.page_worker(), Some(WorkerId(2)));
    assert_eq!(pool.after(1, Event::WorkerStarted(app)), [Effect::StopWorker(WorkerId(2))]);
    assert!(matches!(pool.pool.phase(), Phase::Running { .. }));
    // A page worker that does not leave is helped.
    assert_eq!(pool.after(10, Event::TimerFired), [Effect::KillWorker(WorkerId(2))]);
}

#[test]
fn the_first_crash_restarts_at_once_without_a_page() {
    let mut pool = Pool::started();
    pool.after(1, Event::WorkerStarted(WorkerId(1)));
    let effects = pool.after(1, Event::WorkerExited(WorkerId(1), crash()));
    assert_eq!(effects, [Effect::SpawnWorker(WorkerId(2))]);
}

#[test]
fn an_app_that_keeps_crashing_is_held_back_behind_a_503() {
    let mut pool = Pool::started();
    let mut waits = Vec::new();
    for round in 0..9 {
        let app = if round < 2 { pool.app() } else { pool.app_after_wait() };
        pool.after(1, Event::WorkerStarted(app));
        let effects = pool.after(1, Event::WorkerExited(app, crash()));
        if round == 0 {
            continue;
        }
        let [Effect::SpawnFailurePage(_, failure)] = effects.as_slice() else { panic!("{effects:?}") };
        assert_eq!(failure.code, StatusCode::UNAVAILABLE);
        waits.push(pool.wait());
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    // After a long enough run everything is forgiven.
    let app = pool.app_after_wait();
    pool.after(0, Event::WorkerStarted(app));
    let effects = pool.after(60, Event::WorkerExited(app, crash()));
    assert_eq!(effects, [Effect::SpawnWorker(pool.app())]);
}

#[test]
fn an_app_that_stops_itself_is_recycled() {
    let mut pool = Pool::started();
    pool.after(1, Event::WorkerStarted(WorkerId(1)));
    let effects = pool.after(100, Event::WorkerStopping(WorkerId(1)));
    assert_eq!(effects, [Effect::SpawnWorker(WorkerId(2))]);
    let clean = Exit { clean: true, ..crash() };
    assert_eq!(pool.after(1, Event::WorkerExited(WorkerId(1), clean)), []);
}

#[test]
fn a_start_that_takes_too_long_is_ended() {
    let mut pool = Pool::started();
    let effects = pool.after(120, Event::TimerFired);
    let [Effect::KillWorker(WorkerId(1)), Effect::SpawnFailurePage(_, failure)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(failure.code, StatusCode::START_TIMED_OUT);
    assert!(failure.cause.contains("120 s"));
}

#[test]
fn a_worker_that_dies_before_the_start_is_a_failed_start_with_its_reason() {
    let mut pool = Pool::started();
    let exit = Exit {
        cause: Some("An unhandled exception ended the app".to_owned()),
        reason: Some("System.Exception: boom".to_owned()),
        detail: Some("at X".to_owned()),
        ..crash()
    };
    let effects = pool.after(1, Event::WorkerExited(WorkerId(1), exit));
    let [Effect::SpawnFailurePage(_, failure)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(failure.code, StatusCode::START_FAILED);
    assert_eq!(failure.cause, "An unhandled exception ended the app before its server had started.");
    assert_eq!(failure.reason.as_deref(), Some("System.Exception: boom"));
    assert_eq!(failure.detail.as_deref(), Some("at X"));
}

#[test]
fn a_stop_is_graceful_then_limited() {
    let mut pool = Pool::started();
    pool.after(1, Event::WorkerStarted(WorkerId(1)));
    assert_eq!(pool.after(1, Event::StopRequested), [Effect::StopWorker(WorkerId(1))]);
    assert_eq!(pool.after(9, Event::TimerFired), []);
    assert_eq!(pool.after(1, Event::TimerFired), [Effect::KillWorker(WorkerId(1))]);
    assert_eq!(pool.after(0, Event::WorkerExited(WorkerId(1), crash())), [Effect::Exit(0)]);
}

#[test]
fn a_second_stop_ends_at_once() {
    let mut pool = Pool::started();
    pool.after(1, Event::WorkerStarted(WorkerId(1)));
    pool.after(1, Event::StopRequested);
    // The same signal by two ways.
    assert_eq!(pool.after(0, Event::StopRequested), []);
    assert_eq!(pool.after(1, Event::StopRequested), [Effect::KillWorker(WorkerId(1)), Effect::Exit(0)]);
}

#[test]
fn a_stop_while_only_a_page_is_shown() {
    let mut pool = Pool::started();
    pool.after(1, Event::WorkerFailed(WorkerId(1), no()));
    pool.after(0, Event::WorkerExited(WorkerId(1), crash()));
    assert_eq!(pool.after(0, Event::StopRequested), [Effect::StopWorker(WorkerId(2))]);
    assert_eq!(pool.after(0, Event::WorkerExited(WorkerId(2), crash())), [Effect::Exit(0)]);
}

#[test]
fn a_lost_page_comes_back_but_not_in_a_hurry() {
    let mut pool = Pool::started();
    pool.after(1, Event::WorkerFailed(WorkerId(1), no()));
    let effects = pool.after(0, Event::WorkerExited(WorkerId(2), crash()));
    assert_eq!(effects, [Effect::SpawnFailurePage(WorkerId(3), no())]);
    assert_eq!(pool.after(0, Event::WorkerExited(WorkerId(3), crash())), []);
    assert_eq!(pool.after(1, Event::TimerFired), [Effect::SpawnFailurePage(WorkerId(4), no())]);
}

#[test]
fn log_lines_carry_the_numbers_of_the_original() {
    let first = WorkerId(1);
    for (code, number) in [
        (StatusCode::START_FAILED, 1007),
        (StatusCode::BAD_CONFIGURATION, 1034),
        (StatusCode::HANDLER_NOT_LOADED, 1010),
    ] {
        let failed = Event::WorkerFailed(first, Failure::new(code, "No."));
        assert_eq!(Pool::started().numbers(1, failed), [number]);
    }
    assert_eq!(Pool::started().numbers(120, Event::TimerFired), [1007]);
    let exception = Some("An unhandled exception ended the app".to_owned());
    let detail = Some("last words".to_owned());
    for (exit, number) in [
        (crash(), 1011),
        (Exit { clean: true, ..crash() }, 1011),
        (Exit { detail: detail.clone(), ..crash() }, 1035),
        (Exit { cause: exception, detail, ..crash() }, 1018),
    ] {
        let mut pool = Pool::started();
        assert_eq!(pool.numbers(1, Event::WorkerStarted(first)), []);
        assert_eq!(pool.numbers(1, Event::WorkerExited(first, exit)), [number]);
    }
    let mut pool = Pool::started();
    pool.after(1, Event::WorkerStarted(first));
    assert_eq!(pool.numbers(0, Event::StopRequested), []);
    assert_eq!(pool.numbers(10, Event::TimerFired), []);
    assert_eq!(pool.numbers(0, Event::WorkerExited(first, crash())), [1005]);
    // What failed has no app to wait for.
    let mut pool = Pool::started();
    pool.after(1, Event::WorkerFailed(first, no()));
    pool.after(5, Event::TimerFired);
    assert_eq!(pool.numbers(0, Event::WorkerExited(first, crash())), []);
}

/// `cargo run -p mews-model --example lifecycle_table` prints what belongs between the markers.
#[test]
fn the_documented_table_is_the_machine() {
    let page = include_str!("../../../docs/internals/lifecycle.md");
    let (begin, end) = ("<!-- table: begin -->\n", "<!-- table: end -->");
    let table = page.split_once(begin).and_then(|(_, rest)| rest.split_once(end)).map(|(table, _)| table);
    assert_eq!(table, Some(state_table().as_str()));
}
