//! What the machine of an application pool promises, one scenario each.
#![allow(clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

use std::time::Duration;

use mews_model::lifecycle::{
    AppPool, Effect, Event, Exit, Leave, Limits, Measured, Moment, Phase, RecycleCause, Settings, Shown, Why,
    WorkerId, state_table,
};
use mews_model::server_config::{RapidFailProtection, StartMode};
use mews_model::{Failure, StatusCode};

struct Pool {
    pool: AppPool,
    now: Moment,
}

impl Pool {
    fn new(settings: Settings) -> Self {
        let limits = Limits { startup: Duration::from_secs(120), shutdown: Duration::from_secs(10) };
        Self { pool: AppPool::new(settings, limits), now: Moment::at(Duration::from_secs(5)) }
    }

    fn started() -> Self {
        let mut pool = Self::new(Settings::FOREGROUND);
        assert_eq!(pool.after(0, Event::Start), [spawn(1)]);
        pool
    }

    /// With these settings, and its app running in worker 1.
    fn running(settings: Settings) -> Self {
        let mut pool = Self::new(Settings { start: StartMode::Always, ..settings });
        pool.after(0, Event::Start);
        pool.after(1, Event::WorkerStarted(WorkerId(1)));
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

fn spawn(id: u32) -> Effect {
    Effect::SpawnWorker { id: WorkerId(id), eager: false }
}

/// As for a worker that nobody waits for.
fn spawn_eagerly(id: u32) -> Effect {
    Effect::SpawnWorker { id: WorkerId(id), eager: true }
}

fn replaced(id: u32) -> Effect {
    Effect::StopWorker(WorkerId(id), Leave::Replaced)
}

fn ending(id: u32) -> Effect {
    Effect::StopWorker(WorkerId(id), Leave::Ending)
}

fn page(id: u32, failure: Failure) -> Effect {
    Effect::SpawnPage(WorkerId(id), Shown::Failure(failure))
}

fn update(id: u32, failure: Failure) -> Effect {
    Effect::UpdatePage(WorkerId(id), Shown::Failure(failure))
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
    assert_eq!(effects, [page(2, no())]);
    assert_eq!(pool.wait(), 2);
    let mut waits = Vec::new();
    for _ in 0..6 {
        let app = pool.app_after_wait();
        let effects = pool.after(0, Event::WorkerFailed(app, no()));
        assert_eq!(effects, [update(2, no())]);
        waits.push(pool.wait());
    }
    assert_eq!(waits, [4, 8, 16, 32, 60, 60]);
}

impl Pool {
    /// Lets the back-off end; answers the new worker.
    fn app_after_wait(&mut self) -> WorkerId {
        let wait = self.wait();
        let effects = self.after(wait, Event::TimerFired);
        assert_eq!(effects.last(), Some(&spawn(self.app().0)), "{effects:?}");
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
    assert_eq!(effects, [spawn(pool.app().0)]);
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
    assert_eq!(pool.after(1, Event::WorkerStarted(app)), [replaced(2)]);
    assert!(matches!(pool.pool.phase(), Phase::Running { .. }));
    // A page worker that does not leave is helped.
    assert_eq!(pool.after(10, Event::TimerFired), [Effect::KillWorker(WorkerId(2))]);
}

#[test]
fn the_first_crash_restarts_at_once_without_a_page() {
    let mut pool = Pool::started();
    pool.after(1, Event::WorkerStarted(WorkerId(1)));
    let effects = pool.after(1, Event::WorkerExited(WorkerId(1), crash()));
    assert_eq!(effects, [spawn(2)]);
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
        let [Effect::SpawnPage(_, Shown::Failure(failure))] = effects.as_slice() else {
            panic!("{effects:?}")
        };
        assert_eq!(failure.code, StatusCode::UNAVAILABLE);
        waits.push(pool.wait());
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    // After a long enough run everything is forgiven.
    let app = pool.app_after_wait();
    pool.after(0, Event::WorkerStarted(app));
    let effects = pool.after(60, Event::WorkerExited(app, crash()));
    assert_eq!(effects, [spawn(pool.app().0)]);
}

#[test]
fn an_app_that_stops_itself_is_recycled() {
    let mut pool = Pool::started();
    pool.after(1, Event::WorkerStarted(WorkerId(1)));
    let effects = pool.after(100, Event::WorkerStopping(WorkerId(1)));
    assert_eq!(effects, [spawn(2)]);
    let clean = Exit { clean: true, ..crash() };
    assert_eq!(pool.after(1, Event::WorkerExited(WorkerId(1), clean)), []);
}

#[test]
fn a_start_that_takes_too_long_is_ended() {
    let mut pool = Pool::started();
    let effects = pool.after(120, Event::TimerFired);
    let [Effect::KillWorker(WorkerId(1)), Effect::SpawnPage(_, Shown::Failure(failure))] = effects.as_slice()
    else {
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
    let [Effect::SpawnPage(_, Shown::Failure(failure))] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(failure.code, StatusCode::START_FAILED);
    assert_eq!(failure.cause, "An unhandled exception ended the app before its server had started.");
    assert_eq!(failure.reason.as_deref(), Some("System.Exception: boom"));
    assert_eq!(failure.detail.as_deref(), Some("at X"));
}

#[test]
fn a_stop_is_graceful_then_limited() {
    let mut pool = Pool::started();
    pool.after(1, Event::WorkerStarted(WorkerId(1)));
    assert_eq!(pool.after(1, Event::StopRequested), [ending(1)]);
    assert_eq!(pool.after(9, Event::TimerFired), []);
    assert_eq!(pool.after(1, Event::TimerFired), [Effect::KillWorker(WorkerId(1))]);
    assert_eq!(pool.after(0, Event::WorkerExited(WorkerId(1), crash())), [Effect::Gone]);
}

#[test]
fn a_second_stop_ends_at_once() {
    let mut pool = Pool::started();
    pool.after(1, Event::WorkerStarted(WorkerId(1)));
    pool.after(1, Event::StopRequested);
    // The same signal by two ways.
    assert_eq!(pool.after(0, Event::StopRequested), []);
    assert_eq!(pool.after(1, Event::StopRequested), [Effect::KillWorker(WorkerId(1)), Effect::Gone]);
}

#[test]
fn a_stop_while_only_a_page_is_shown() {
    let mut pool = Pool::started();
    pool.after(1, Event::WorkerFailed(WorkerId(1), no()));
    pool.after(0, Event::WorkerExited(WorkerId(1), crash()));
    assert_eq!(pool.after(0, Event::StopRequested), [ending(2)]);
    assert_eq!(pool.after(0, Event::WorkerExited(WorkerId(2), crash())), [Effect::Gone]);
}

#[test]
fn a_lost_page_comes_back_but_not_in_a_hurry() {
    let mut pool = Pool::started();
    pool.after(1, Event::WorkerFailed(WorkerId(1), no()));
    let effects = pool.after(0, Event::WorkerExited(WorkerId(2), crash()));
    assert_eq!(effects, [page(3, no())]);
    assert_eq!(pool.after(0, Event::WorkerExited(WorkerId(3), crash())), []);
    assert_eq!(pool.after(1, Event::TimerFired), [page(4, no())]);
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

#[test]
fn lines_about_pools_carry_those_of_the_process_activation_service() {
    let worker = WorkerId(1);
    let running = || Pool::running(Settings { idle_timeout: Some(MINUTE), ..Settings::FOREGROUND });
    for (event, number) in [
        (Event::Recycle(RecycleCause::Command), 5079),
        (Event::Recycle(RecycleCause::Clock { hour: 4, minute: 0 }), 5076),
        (Event::Recycle(RecycleCause::WebConfig), 1021),
        (measured(60, 1, None), 5186),
        (Event::WorkerHung(worker, MINUTE), 5010),
        (Event::Offline(true), 1012),
    ] {
        assert_eq!(running().numbers(1, event), [number]);
    }
    let mut pool = running();
    pool.after(1, Event::Recycle(RecycleCause::Command));
    assert_eq!(pool.numbers(1, Event::WorkerFailed(WorkerId(2), no())), [1022]);
    let once = RapidFailProtection { failures: 1, window: MINUTE };
    let mut pool = Pool::running(Settings { rapid_fail: Some(once), ..Settings::FOREGROUND });
    assert_eq!(pool.numbers(1, Event::WorkerExited(worker, crash())), [1011, 5002]);
}

#[test]
fn a_command_that_joins_a_replacement_waits_for_one_of_its_own() {
    let mut pool = Pool::running(Settings::FOREGROUND);
    pool.after(1, Event::Recycle(RecycleCause::WebConfig));
    // What the command is answered by: a worker from here on.
    assert_eq!(pool.pool.next_worker(), WorkerId(3));
    pool.after(1, Event::Recycle(RecycleCause::Command));
    assert_eq!(pool.after(1, Event::WorkerStarted(WorkerId(2))), [replaced(1), spawn_eagerly(3)]);
    assert_eq!(pool.pool.record().last_recycle.as_ref().unwrap().worker, WorkerId(2));
    pool.after(1, Event::WorkerFailed(WorkerId(3), no()));
    let last = pool.pool.record().last_recycle.clone().unwrap();
    assert_eq!((last.worker, last.failure), (WorkerId(3), Some(no())));
    assert_eq!(pool.pool.serving(), Some(WorkerId(2)));
}

const MINUTE: Duration = Duration::from_secs(60);

fn measured(idle: u64, requests: u64, memory: Option<u64>) -> Event {
    Event::WorkerMeasured(WorkerId(1), Measured { idle: Duration::from_secs(idle), requests, memory })
}

#[test]
fn a_pool_on_demand_waits_for_a_connection_and_goes_back_to_that() {
    let mut pool = Pool::new(Settings {
        start: StartMode::OnDemand,
        idle_timeout: Some(20 * MINUTE),
        ..Settings::FOREGROUND
    });
    assert_eq!(pool.after(0, Event::Start), []);
    assert!(pool.pool.awaits_connection());
    assert_eq!(pool.after(1, Event::ConnectionWaits), [spawn(1)]);
    assert!(!pool.pool.awaits_connection());
    assert_eq!(pool.after(0, Event::ConnectionWaits), []);
    pool.after(1, Event::WorkerStarted(WorkerId(1)));
    assert_eq!(pool.after(1199, measured(1199, 1, None)), []);
    assert_eq!(pool.after(1, measured(1200, 1, None)), [replaced(1)]);
    // Until the worker has closed its sockets, a connection is its own.
    assert!(!pool.pool.awaits_connection());
    assert_eq!(pool.after(0, Event::WorkerClosed(WorkerId(1))), []);
    assert!(pool.pool.awaits_connection());
    assert_eq!(pool.after(0, Event::ConnectionWaits), [spawn(2)]);
    assert_eq!(pool.after(10, Event::TimerFired), [Effect::KillWorker(WorkerId(1))]);
    assert!(matches!(pool.pool.phase(), Phase::Starting { .. }));
}

#[test]
fn a_worker_is_replaced_once_the_next_one_is_ready() {
    for (settings, event, wait) in [
        (Settings { memory: Some(1000), ..Settings::FOREGROUND }, measured(0, 1, Some(1001)), 1),
        (Settings { requests: Some(10), ..Settings::FOREGROUND }, measured(0, 10, None), 1),
        (Settings { age: Some(MINUTE), ..Settings::FOREGROUND }, Event::TimerFired, 60),
        (Settings::FOREGROUND, Event::Recycle(RecycleCause::Clock { hour: 4, minute: 0 }), 1),
        (Settings::FOREGROUND, Event::Recycle(RecycleCause::WebConfig), 1),
    ] {
        let mut pool = Pool::running(settings);
        assert_eq!(pool.after(wait, event.clone()), [spawn_eagerly(2)], "{event:?}");
        assert_eq!(pool.pool.serving(), Some(WorkerId(1)));
        assert_eq!(pool.after(3, Event::WorkerStarted(WorkerId(2))), [replaced(1)]);
        assert_eq!(pool.pool.serving(), Some(WorkerId(2)));
        let recycled = pool.pool.record().last_recycle.clone().unwrap();
        assert_eq!((recycled.took, recycled.failure), (Duration::from_secs(3), None));
    }
    // Nothing of that is reached here.
    let limits = Settings {
        memory: Some(1000),
        requests: Some(10),
        idle_timeout: Some(MINUTE),
        ..Settings::FOREGROUND
    };
    assert_eq!(Pool::running(limits).after(1, measured(59, 9, Some(1000))), []);
}

#[test]
fn an_old_worker_goes_on_when_the_next_one_fails() {
    let mut pool = Pool::running(Settings { memory: Some(1000), ..Settings::FOREGROUND });
    let too_much = || measured(0, 1, Some(1001));
    assert_eq!(pool.after(1, too_much()), [spawn_eagerly(2)]);
    assert_eq!(pool.after(1, Event::WorkerFailed(WorkerId(2), no())), []);
    assert_eq!(pool.pool.serving(), Some(WorkerId(1)));
    assert_eq!(pool.pool.record().last_recycle.as_ref().unwrap().failure, Some(no()));
    assert_eq!(pool.after(0, Event::WorkerExited(WorkerId(2), crash())), []);
    // What the worker is replaced for lasts, but is not acted on in a hurry; a command is.
    assert_eq!(pool.after(59, too_much()), []);
    assert_eq!(pool.after(0, Event::Recycle(RecycleCause::Command)), [spawn_eagerly(3)]);
    assert_eq!(pool.after(120, Event::TimerFired), [Effect::KillWorker(WorkerId(3))]);
    assert_eq!(pool.after(119, too_much()), []);
    assert_eq!(pool.after(1, too_much()), [spawn_eagerly(4)]);
    assert_eq!(pool.after(1, Event::WorkerStarted(WorkerId(4))), [replaced(1)]);
}

#[test]
fn a_change_during_a_start_is_not_lost() {
    let mut pool = Pool::running(Settings::FOREGROUND);
    pool.after(1, Event::Recycle(RecycleCause::WebConfig));
    assert_eq!(pool.after(1, Event::Recycle(RecycleCause::Configuration)), []);
    assert_eq!(pool.after(1, Event::WorkerStarted(WorkerId(2))), [replaced(1), spawn_eagerly(3)]);
    assert_eq!(pool.after(1, Event::Recycle(RecycleCause::Command)), []);
    assert_eq!(pool.after(1, Event::WorkerFailed(WorkerId(3), no())), [spawn_eagerly(4)]);
    let mut pool = Pool::started();
    assert_eq!(pool.after(1, Event::Recycle(RecycleCause::Configuration)), []);
    assert_eq!(pool.after(1, Event::WorkerFailed(WorkerId(1), no())), [spawn(2)]);
}

#[test]
fn an_old_worker_that_crashes_leaves_the_start_to_the_next_one() {
    let mut pool = Pool::running(Settings::FOREGROUND);
    pool.after(1, Event::Recycle(RecycleCause::Command));
    assert_eq!(pool.after(1, Event::WorkerExited(WorkerId(1), crash())), []);
    assert_eq!(pool.pool.serving(), None);
    assert_eq!(pool.after(1, Event::WorkerStarted(WorkerId(2))), []);
    assert_eq!(pool.pool.serving(), Some(WorkerId(2)));
}

#[test]
fn an_app_that_must_not_run_twice_stops_first() {
    let mut pool = Pool::running(Settings { overlapped: false, ..Settings::FOREGROUND });
    assert_eq!(pool.after(1, Event::Recycle(RecycleCause::Command)), [replaced(1)]);
    assert!(!pool.pool.awaits_connection());
    assert_eq!(pool.after(2, Event::WorkerExited(WorkerId(1), crash())), [spawn(2)]);
    pool.after(3, Event::WorkerStarted(WorkerId(2)));
    assert_eq!(pool.pool.record().last_recycle.as_ref().unwrap().took, Duration::from_secs(5));
}

#[test]
fn changes_are_none_of_the_business_of_a_pool_that_does_not_want_them() {
    let mut pool = Pool::running(Settings { on_change: false, ..Settings::FOREGROUND });
    for cause in [RecycleCause::WebConfig, RecycleCause::Release, RecycleCause::Configuration] {
        assert_eq!(pool.after(1, Event::Recycle(cause)), []);
    }
    assert_eq!(pool.after(1, Event::Recycle(RecycleCause::Command)), [spawn_eagerly(2)]);
}

#[test]
fn a_pool_that_fails_too_often_is_given_up_until_somebody_cares() {
    let protection = RapidFailProtection { failures: 2, window: 5 * MINUTE };
    let given_up = || {
        let mut pool = Pool::running(Settings { rapid_fail: Some(protection), ..Settings::FOREGROUND });
        assert_eq!(pool.after(1, Event::WorkerExited(WorkerId(1), crash())), [spawn(2)]);
        let effects = pool.after(1, Event::WorkerFailed(WorkerId(2), no()));
        let [Effect::SpawnPage(WorkerId(3), Shown::Failure(failure))] = effects.as_slice() else {
            panic!("{effects:?}")
        };
        assert_eq!(failure.code, StatusCode::UNAVAILABLE);
        assert!(failure.cause.contains("2 times within 5 min") && failure.cause.contains("It says no."));
        assert_eq!(pool.pool.phase(), Phase::Disabled { why: Why::Failures });
        assert_eq!(pool.after(3600, Event::TimerFired), [Effect::KillWorker(WorkerId(2))]);
        pool
    };
    for event in [Event::TurnOn, Event::FilesChanged, Event::Recycle(RecycleCause::Configuration)] {
        assert_eq!(given_up().after(1, event), [spawn(4)]);
    }
    // Failures that lie further apart are each handled for themselves.
    let mut pool = Pool::running(Settings { rapid_fail: Some(protection), ..Settings::FOREGROUND });
    pool.after(1, Event::WorkerExited(WorkerId(1), crash()));
    pool.after(1, Event::WorkerStarted(WorkerId(2)));
    assert_eq!(pool.after(300, Event::WorkerExited(WorkerId(2), crash())), [spawn(3)]);
}

#[test]
fn app_offline_stops_the_app_and_its_end_starts_it() {
    let mut pool = Pool::running(Settings::FOREGROUND);
    let effects = pool.after(1, Event::Offline(true));
    let offline = Effect::SpawnPage(WorkerId(2), Shown::Offline);
    assert_eq!(effects, [Effect::StopWorker(WorkerId(1), Leave::Offline), offline]);
    // The file has changed.
    assert_eq!(pool.after(1, Event::Offline(true)), [Effect::UpdatePage(WorkerId(2), Shown::Offline)]);
    assert_eq!(pool.after(0, Event::FilesChanged), []);
    assert_eq!(pool.after(1, Event::Offline(false)), [replaced(2), spawn(3)]);
    // Nobody has come yet: it is served once somebody does.
    let mut pool = Pool::new(Settings { start: StartMode::OnDemand, ..Settings::FOREGROUND });
    pool.after(0, Event::Start);
    assert_eq!(pool.after(1, Event::Offline(true)), []);
    assert_eq!(pool.after(1, Event::ConnectionWaits), [Effect::SpawnPage(WorkerId(1), Shown::Offline)]);
}

#[test]
fn commands_stop_and_start() {
    let mut pool = Pool::running(Settings::FOREGROUND);
    let effects = pool.after(1, Event::TurnOff);
    let [stopped, Effect::SpawnPage(WorkerId(2), Shown::Failure(failure))] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((stopped, failure.code), (&replaced(1), StatusCode::UNAVAILABLE));
    assert_eq!(pool.after(0, Event::TurnOff), []);
    assert_eq!(pool.after(1, Event::FilesChanged), []);
    assert_eq!(pool.after(1, Event::Recycle(RecycleCause::Configuration)), []);
    assert_eq!(pool.after(1, Event::TurnOn), [replaced(2), spawn(3)]);
    assert_eq!(pool.after(0, Event::TurnOn), []);
}

#[test]
fn a_worker_that_does_not_answer_is_ended_and_replaced() {
    let mut pool = Pool::running(Settings::FOREGROUND);
    let hung = Event::WorkerHung(WorkerId(1), Duration::from_secs(90));
    assert_eq!(pool.after(1, hung), [Effect::KillWorker(WorkerId(1)), spawn(2)]);
    assert!(pool.pool.record().last_failure.as_ref().unwrap().1.cause.contains("90 s"));
    assert_eq!(pool.pool.record().restarts, 1);
}

/// `cargo run -p mews-model --example lifecycle_table` prints what belongs between the markers.
#[test]
fn the_documented_table_is_the_machine() {
    let page = include_str!("../../../docs/internals/lifecycle.md");
    let (begin, end) = ("<!-- table: begin -->\n", "<!-- table: end -->");
    let table = page.split_once(begin).and_then(|(_, rest)| rest.split_once(end)).map(|(table, _)| table);
    assert_eq!(table, Some(state_table().as_str()));
}
