//! What the machine of an out-of-process application's processes promises, one scenario each.
#![allow(clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

use std::time::Duration;

use mews_model::lifecycle::{
    Exit, Level, Moment, ProcessEffect, ProcessEvent, ProcessManager, ProcessSettings, Route, RunId, Seen,
    Slot, process_table,
};
use mews_model::{Failure, StatusCode};

const SLOT: Slot = Slot(0);

struct Processes {
    manager: ProcessManager,
    now: Moment,
    log: Vec<(Level, Option<u16>, String)>,
}

impl Processes {
    fn new(count: usize, rapid_fails_per_minute: u64) -> Self {
        let settings = ProcessSettings {
            processes: count,
            startup_limit: Duration::from_secs(5),
            shutdown_limit: Duration::from_secs(10),
            rapid_fails_per_minute,
        };
        let now = Moment::at(Duration::from_secs(100));
        Self { manager: ProcessManager::new(settings, now), now, log: Vec::new() }
    }

    fn told(&mut self, effects: Vec<ProcessEffect>) -> Vec<ProcessEffect> {
        effects
            .into_iter()
            .filter_map(|effect| match effect {
                ProcessEffect::Log { level, event_id, text } => {
                    self.log.push((level, event_id, text));
                    None
                }
                ProcessEffect::SetTimer(_) => None,
                effect => Some(effect),
            })
            .collect()
    }

    fn request(&mut self, slot: Slot) -> (Route, Vec<ProcessEffect>) {
        let (route, effects) = self.manager.request(slot, self.now);
        (route, self.told(effects))
    }

    fn after(&mut self, seconds: u64, event: ProcessEvent) -> Vec<ProcessEffect> {
        self.now = self.now + Duration::from_secs(seconds);
        let effects = self.manager.step(event, self.now);
        self.told(effects)
    }

    fn spawned(&mut self, run: u32) {
        assert_eq!(
            self.after(0, ProcessEvent::Spawned { run: RunId(run), pid: run + 1000, port: 20_000 }),
            []
        );
    }

    /// Starts the process of a slot by a request.
    fn start(&mut self, slot: Slot, run: u32) {
        let (route, effects) = self.request(slot);
        assert_eq!((route, effects), (Route::Wait, vec![spawn(slot, run, 1)]));
        self.spawned(run);
        let effects = self.after(1, ProcessEvent::Listening { run: RunId(run), pid: run + 1000 });
        assert_eq!(effects, [ProcessEffect::Release { slot, run: RunId(run), outcome: Ok(()) }]);
    }

    fn events(&self) -> Vec<u16> {
        self.log.iter().filter_map(|(_, id, _)| *id).collect()
    }
}

fn spawn(slot: Slot, run: u32, attempt: u32) -> ProcessEffect {
    ProcessEffect::Spawn { slot, run: RunId(run), attempt }
}

fn ends(run: u32) -> ProcessEvent {
    let exit = Exit {
        description: "exited with code 3".to_owned(),
        detail: Some("last words".to_owned()),
        ..Exit::default()
    };
    ProcessEvent::Exited { run: RunId(run), exit, served_by: None }
}

fn failure_of(effects: &[ProcessEffect]) -> &Failure {
    let found = effects.iter().find_map(|effect| match effect {
        ProcessEffect::Release { outcome: Err(failure), .. } => Some(failure),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("nothing was released with a failure: {effects:?}"))
}

#[test]
fn many_first_requests_start_one_process() {
    let mut processes = Processes::new(1, 10);
    assert_eq!(processes.request(SLOT).1, [spawn(SLOT, 1, 1)]);
    for _ in 0..1000 {
        assert_eq!(processes.request(SLOT), (Route::Wait, vec![]));
    }
    processes.spawned(1);
    let effects = processes.after(1, ProcessEvent::Listening { run: RunId(1), pid: 7 });
    assert_eq!(effects, [ProcessEffect::Release { slot: SLOT, run: RunId(1), outcome: Ok(()) }]);
    assert_eq!(processes.request(SLOT), (Route::Ready(RunId(1)), vec![]));
    let (_, id, text) = &processes.log[0];
    assert_eq!(*id, Some(1001));
    assert!(text.contains("pid 1001, listening pid 7, port 20000"), "{text}");
}

#[test]
fn each_slot_has_a_process_of_its_own() {
    let mut processes = Processes::new(2, 10);
    processes.start(Slot(1), 1);
    assert_eq!(processes.request(Slot(1)).0, Route::Ready(RunId(1)));
    processes.start(Slot(0), 2);
    assert!(processes.log[1].2.starts_with("process 1 of 2 of the app has started"));
}

#[test]
fn a_start_is_tried_twice_and_fails_with_the_cause_and_the_next_request_tries_again() {
    let mut processes = Processes::new(1, 0);
    processes.request(SLOT);
    processes.spawned(1);
    assert_eq!(processes.after(1, ends(1)), [ProcessEffect::Kill(RunId(1)), spawn(SLOT, 2, 2)]);
    processes.spawned(2);
    let effects = processes.after(2, ends(2));
    let failure = failure_of(&effects);
    assert_eq!(failure.code, StatusCode::PROCESS_FAILED);
    assert_eq!(
        failure.cause,
        "The app's process exited with code 3 after 2000 ms, before it listened on port 20000."
    );
    assert_eq!(failure.detail.as_deref(), Some("last words"));
    assert_eq!(processes.events(), [1000, 1000, 1020]);
    // Failed starts are no rapid fails.
    assert_eq!(processes.request(SLOT), (Route::Wait, vec![spawn(SLOT, 3, 1)]));
}

#[test]
fn each_attempt_has_the_whole_limit() {
    let mut processes = Processes::new(1, 10);
    processes.request(SLOT);
    processes.spawned(1);
    assert_eq!(processes.after(4, ProcessEvent::TimerFired), []);
    let effects = processes.after(1, ProcessEvent::TimerFired);
    assert_eq!(effects, [ProcessEffect::Kill(RunId(1)), spawn(SLOT, 2, 2)]);
    processes.spawned(2);
    processes.after(0, ProcessEvent::Seen { run: RunId(2), what: Seen::OnlyIpv6 });
    assert_eq!(processes.after(4, ProcessEvent::TimerFired), []);
    let effects = processes.after(1, ProcessEvent::TimerFired);
    assert_eq!(
        failure_of(&effects).cause,
        "The app's process did not listen on port 20000 within 5 s (startupTimeLimit); it listens there on IPv6 only."
    );
    assert_eq!(effects.first(), Some(&ProcessEffect::Kill(RunId(2))));
}

#[test]
fn a_taken_port_fails_the_attempt_at_once() {
    let mut processes = Processes::new(1, 10);
    processes.request(SLOT);
    processes.spawned(1);
    let what = Seen::Foreign { pid: Some(5), name: "python3".to_owned() };
    let effects = processes.after(0, ProcessEvent::Seen { run: RunId(1), what });
    assert_eq!(effects, [ProcessEffect::Kill(RunId(1)), spawn(SLOT, 2, 2)]);
    assert!(processes.log[0].2.contains("python3 (pid 5)"));
}

#[test]
fn what_cannot_go_better_is_tried_once() {
    let mut processes = Processes::new(1, 10);
    processes.request(SLOT);
    let failure = Failure::new(StatusCode::PROCESS_FAILED, "ASPNETCORE_PORT is 'x'.");
    let event = ProcessEvent::SpawnFailed { run: RunId(1), failure: failure.clone(), retry: false };
    let effects = processes.after(0, event);
    assert_eq!(effects, [ProcessEffect::Release { slot: SLOT, run: RunId(1), outcome: Err(failure) }]);
    assert!(processes.log[0].2.starts_with("attempt 1 of 1"));
}

#[test]
fn a_process_that_crashed_is_replaced_by_the_next_request_until_it_crashes_too_often() {
    let mut processes = Processes::new(1, 2);
    for run in 1..=3 {
        processes.start(SLOT, run);
        let gone = [ProcessEffect::Withdraw { slot: SLOT, run: RunId(run) }, ProcessEffect::Kill(RunId(run))];
        assert_eq!(processes.after(1, ends(run)), gone);
    }
    for _ in 0..3 {
        let (route, effects) = processes.request(SLOT);
        let Route::Refused { failure, retry_after } = route else { panic!("{route:?}") };
        assert_eq!(effects, []);
        assert_eq!(failure.code, StatusCode::PROCESS_FAILED);
        assert!(failure.cause.contains("3 times") && failure.cause.contains("(2)"), "{}", failure.cause);
        assert_eq!(retry_after, Some(Duration::from_secs(54)));
    }
    assert_eq!(processes.events().iter().filter(|id| **id == 1003).count(), 1);
    assert_eq!(processes.after(54, ProcessEvent::TimerFired), []);
    processes.start(SLOT, 4);
}

#[test]
fn a_wrapper_may_leave_what_it_started() {
    let mut processes = Processes::new(1, 0);
    processes.request(SLOT);
    processes.spawned(1);
    let ProcessEvent::Exited { run, exit, .. } = ends(1) else { panic!() };
    let left = |served_by| ProcessEvent::Exited { run, exit: exit.clone(), served_by };
    let effects = processes.after(0, left(Some(50)));
    assert_eq!(effects, [ProcessEffect::Release { slot: SLOT, run, outcome: Ok(()) }]);
    assert_eq!(processes.after(0, left(Some(51))), []);
    assert_eq!(processes.request(SLOT).0, Route::Ready(run));
    processes.after(0, left(None));
    assert!(processes.log.last().unwrap().2.contains("(pid 51) ended unexpectedly"));
}

#[test]
fn a_stop_is_told_then_signalled_then_forced() {
    let mut processes = Processes::new(3, 10);
    for (slot, run) in [(0, 1), (1, 2)] {
        processes.start(Slot(slot), run);
    }
    processes.request(Slot(2));
    processes.spawned(3);
    let effects = processes.after(0, ProcessEvent::StopRequested);
    assert_eq!(failure_of(&effects).code, StatusCode::UNAVAILABLE);
    for run in [1, 2] {
        assert!(effects.contains(&ProcessEffect::SendShutdown(RunId(run))), "{effects:?}");
    }
    assert!(effects.contains(&ProcessEffect::Terminate(RunId(3))), "{effects:?}");
    assert!(matches!(processes.request(SLOT).0, Route::Refused { .. }));
    assert_eq!(processes.after(0, ProcessEvent::StopRequested), []);
    let answer = |run, answer| ProcessEvent::ShutdownAnswered { run: RunId(run), answer };
    assert_eq!(processes.after(0, answer(1, Ok(202))), []);
    let silent = Err("the connection was refused".to_owned());
    assert_eq!(processes.after(0, answer(2, silent)), [ProcessEffect::Terminate(RunId(2))]);
    assert_eq!(processes.after(1, ends(3)), [ProcessEffect::Kill(RunId(3))]);
    assert_eq!(processes.after(1, ends(1)), [ProcessEffect::Kill(RunId(1))]);
    assert_eq!(processes.after(7, ProcessEvent::TimerFired), []);
    assert_eq!(
        processes.after(1, ProcessEvent::TimerFired),
        [ProcessEffect::Kill(RunId(2)), ProcessEffect::Stopped]
    );
    let ids = processes.events();
    assert_eq!(ids.iter().filter(|id| **id == 1006).count(), 2);
    assert_eq!(ids.last(), Some(&1005));
    assert_eq!(processes.after(1, ends(2)), []);
}

#[test]
fn an_application_that_is_offline_has_no_process_and_one_that_is_back_waits_for_the_end_of_the_last() {
    let mut processes = Processes::new(1, 10);
    processes.start(SLOT, 1);
    let told = processes.after(1, ProcessEvent::Offline(true));
    let withdrawn = ProcessEffect::Withdraw { slot: SLOT, run: RunId(1) };
    assert_eq!(told, [withdrawn, ProcessEffect::SendShutdown(RunId(1))]);
    assert!(matches!(processes.request(SLOT).0, Route::Refused { .. }));
    assert_eq!(processes.after(1, ProcessEvent::Offline(false)), []);
    assert_eq!(processes.request(SLOT), (Route::Wait, vec![]));
    // Offline once more: whoever waits is told.
    let effects = processes.after(1, ProcessEvent::Offline(true));
    assert_eq!(failure_of(&effects).code, StatusCode::UNAVAILABLE);
    processes.after(0, ProcessEvent::Offline(false));
    assert_eq!(processes.request(SLOT), (Route::Wait, vec![]));
    assert_eq!(processes.after(1, ends(1)), [ProcessEffect::Kill(RunId(1)), spawn(SLOT, 2, 1)]);
}

#[test]
fn nothing_to_stop_is_stopped_at_once() {
    let mut processes = Processes::new(2, 10);
    assert_eq!(processes.after(0, ProcessEvent::StopRequested), [ProcessEffect::Stopped]);
}

/// `cargo run -p mews-model --example lifecycle_table` prints what belongs between the markers.
#[test]
fn the_documented_table_is_the_machine() {
    let page = include_str!("../../../docs/internals/lifecycle.md");
    let (begin, end) = ("<!-- process table: begin -->\n", "<!-- process table: end -->");
    let table = page.split_once(begin).and_then(|(_, rest)| rest.split_once(end)).map(|(table, _)| table);
    assert_eq!(table, Some(process_table().as_str()));
}
