//! The numbered events of the hosting module and of application pools: what each number means, and when Mews logs it.
//!
//! The numbers are those of the original's event log, so that rules and dashboards made for it go on working. A
//! log line that corresponds to one of them carries the number in its field `event_id`.

mod pools;

use crate::lifecycle::RecycleCause;
use crate::status::StatusCode;
use pools::POOL_EVENTS;

/// The source that the events are logged under.
pub const SOURCE: &str = "Mews";

/// The lowest number; smaller numbers are statuses.
pub const FIRST_ID: u16 = 1000;

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventLevel {
    /// Something happened as it should.
    Information,
    /// Something is not as it should be, and is being handled.
    Warning,
    /// An application is not available, or not as it should be.
    Error,
}

impl EventLevel {
    /// `Information`, `Warning` or `Error`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Information => "Information",
            Self::Warning => "Warning",
            Self::Error => "Error",
        }
    }
}

/// Whether Mews logs an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logged {
    /// When, in a sentence.
    When(&'static str),
    /// Why never, in a sentence.
    Never(&'static str),
}

/// One event.
#[derive(Debug)]
pub struct ModuleEvent {
    /// The number.
    pub id: u16,
    /// How much it matters.
    pub level: EventLevel,
    /// A few words.
    pub name: &'static str,
    /// What it means and what to do, in sentences.
    pub meaning: &'static str,
    /// When Mews logs it.
    pub logged: Logged,
    /// Statuses and settings that have to do with it.
    pub see: &'static [&'static str],
}

/// The event with this number.
pub fn module_event(id: u16) -> Option<&'static ModuleEvent> {
    module_events().find(|event| event.id == id)
}

/// Every event, in ascending order.
pub fn module_events() -> impl Iterator<Item = &'static ModuleEvent> {
    MODULE_EVENTS.iter().chain(POOL_EVENTS)
}

/// The event of a worker that is replaced.
pub const fn recycle_event(cause: RecycleCause) -> u16 {
    match cause {
        RecycleCause::WebConfig => 1021,
        RecycleCause::Release => 1037,
        RecycleCause::Age(_) => 5074,
        RecycleCause::Requests(_) => 5075,
        RecycleCause::Clock { .. } => 5076,
        RecycleCause::Command => 5079,
        RecycleCause::Configuration => 5080,
        RecycleCause::Memory { .. } => 5117,
    }
}

/// The event of a failed start that is answered with this status; `None` for a status that is no failed start.
pub const fn start_failure_event(code: StatusCode) -> Option<u16> {
    match (code.number, code.sub_status) {
        (500, 0 | 38) => Some(1031),
        (500, 19) => Some(1034),
        (500, 30 | 37) => Some(1007),
        (500, 31 | 32) => Some(1027),
        (500, 33) => Some(1010),
        (500, 34) => Some(1009),
        (500, 35) => Some(1008),
        (502, 5) => Some(1020),
        _ => None,
    }
}

/// The event of an in-process app that ended although nobody had told it to, with some output or without any.
pub const fn unasked_stop_event(with_output: bool) -> u16 {
    if with_output { 1035 } else { 1011 }
}

use EventLevel::{Error, Information, Warning};
use Logged::{Never, When};

const fn event(
    id: u16,
    level: EventLevel,
    name: &'static str,
    meaning: &'static str,
    logged: Logged,
    see: &'static [&'static str],
) -> ModuleEvent {
    ModuleEvent { id, level, name, meaning, logged, see }
}

/// Those of the hosting module.
const MODULE_EVENTS: &[ModuleEvent] = &[
    event(
        1000,
        Warning,
        "An attempt to start the app's process failed",
        "One attempt failed; another one may follow. The line tells which attempt, why, and the port.",
        When(
            "An out-of-process app's process ended before it listened, listened elsewhere, or was too slow.",
        ),
        &["502.5", "aspNetCore startupTimeLimit", "1020"],
    ),
    event(
        1001,
        Information,
        "The app's process was started",
        "The process runs and listens. The line tells its pid and port.",
        When("An out-of-process app's process has begun to listen on its port."),
        &["1030"],
    ),
    event(
        1003,
        Error,
        "Rapid-fail limit exceeded",
        "The process crashed more often within a minute than it may, and is not started until the minute is over. Mend the \
         crash; the events before this one tell its cause.",
        When("A request needs the process of an out-of-process app, and `rapidFailsPerMinute` is exceeded."),
        &["502.5", "aspNetCore rapidFailsPerMinute", "1030"],
    ),
    event(
        1004,
        Warning,
        "The stdout log could not be created",
        "The app runs on without the file. Create the folder, or give the user that runs Mews the right to write there.",
        When("`stdoutLogEnabled` is true and `stdoutLogFile` cannot be created, out-of-process."),
        &["aspNetCore stdoutLogFile", "1026"],
    ),
    event(
        1005,
        Warning,
        "The app did not stop in time",
        "The app was told to stop and had not ended when `shutdownTimeLimit` was over, so it was killed. Look for hosted \
         services that do not stop and for requests without end.",
        When("An app, in-process or out-of-process, is killed at the end of `shutdownTimeLimit`."),
        &["aspNetCore shutdownTimeLimit", "1006", "1033"],
    ),
    event(
        1006,
        Information,
        "The shutdown message was sent",
        "The app's process was asked over HTTP to stop. The line tells the status it answered with; anything else than 202 \
         means that it does not know the message, and it gets a signal instead.",
        When("An out-of-process app's process is to stop."),
        &["1005"],
    ),
    event(
        1007,
        Error,
        "The app failed to start",
        "The app threw an exception, ended, or took too long before its server had started. The line tells which.",
        When("A start of an in-process app fails once its files have been found good."),
        &["500.30", "500.37", "1018"],
    ),
    event(
        1008,
        Error,
        "A second in-process app in the pool",
        "A process can hold one .NET runtime. Give each in-process app a pool of its own.",
        When("An application of a pool that has an in-process one is in-process too."),
        &["500.35"],
    ),
    event(
        1009,
        Error,
        "Mixed hosting models in the pool",
        "Give each app a pool of its own.",
        When("Applications of one pool ask for different hosting models."),
        &["500.34"],
    ),
    event(
        1010,
        Error,
        "The application could not be created",
        "The start failed before the app's own code ran. The line tells the cause and the cure.",
        When("The managed half of the server, which is a part of Mews, is missing or cannot be used."),
        &["500.33", "1027", "1031"],
    ),
    event(
        1011,
        Error,
        "The app ended, without output",
        "`Main` returned, or the process ended, and nothing had been written to stdout or stderr.",
        When(
            "An in-process app, or the worker of an out-of-process one, ends although nobody told it to, and has said nothing.",
        ),
        &["500.30", "1035"],
    ),
    event(
        1012,
        Information,
        "Recycled because of app_offline.htm",
        "The app was stopped because the file appeared, so that its files can be replaced.",
        When("The file appears in the folder of an app that runs or is to be started."),
        &["503"],
    ),
    event(
        1013,
        Warning,
        "The module is disabled",
        "A switch of the whole machine keeps every app from running.",
        Never("Mews has no such switch: stop its service instead."),
        &[],
    ),
    event(
        1018,
        Error,
        "Unhandled exception",
        "An exception that nobody caught, a stack overflow or `Environment.FailFast` ended the app. The line holds the \
         reason; the stack is in the app's output before it.",
        When(
            "An in-process app that had started dies of an exception. One that dies while it starts is 1007.",
        ),
        &["503", "1007", "1011"],
    ),
    event(
        1020,
        Error,
        "The app's process could not be started",
        "Every attempt of one start failed. The line tells the cause and the cure; the process's last output follows.",
        When(
            "The last attempt to start an out-of-process app's process fails; the next request tries again.",
        ),
        &["502.5", "1000"],
    ),
    event(
        1021,
        Information,
        "Recycled because of a configuration change",
        "The app is replaced because its `web.config` changed, or one above it that it goes by.",
        When("A changed `web.config` replaces the worker of a running app."),
        &["5080"],
    ),
    event(
        1022,
        Error,
        "Recycling failed",
        "The new worker's app did not start. The line tells why; the old worker goes on serving.",
        When("The worker that was to replace another one does not come to serve."),
        &["500.30", "5079"],
    ),
    event(
        1024,
        Warning,
        "The app's folder cannot be watched",
        "Changes are noticed by looking at every folder twice a second, and not at once. Raise `fs.inotify.max_user_watches` or \
         `fs.inotify.max_user_instances`.",
        When(
            "The system does not tell of changed files, mostly because too many are watched on the machine.",
        ),
        &[],
    ),
    event(
        1025,
        Information,
        "General information",
        "Anything that has no number of its own.",
        Never("Lines without a number of their own are logged without one."),
        &[],
    ),
    event(
        1026,
        Warning,
        "The app's output cannot be redirected",
        "The app runs on without its stdout log. Create the folder, or give the user that runs Mews the right to write there.",
        When("`stdoutLogEnabled` is true and `stdoutLogFile` cannot be created, in-process."),
        &["aspNetCore stdoutLogFile", "1004"],
    ),
    event(
        1027,
        Error,
        "The .NET host reported a problem",
        "A framework is missing, or the hosting libraries cannot be loaded. The line tells what the app asks for and what is \
         installed.",
        When("hostfxr cannot be loaded, or refuses an in-process app."),
        &["500.31", "500.32", "1010"],
    ),
    event(
        1028,
        Error,
        "The in-process handler is missing",
        "The managed half of the host is not where it should be.",
        Never("1010 is logged with the status 500.33 and the places looked at."),
        &["500.33"],
    ),
    event(
        1029,
        Error,
        "The out-of-process handler is missing",
        "The part that forwards requests is not where it should be.",
        Never("Forwarding is a part of the `mews` binary, and cannot be missing."),
        &["500.36"],
    ),
    event(
        1030,
        Information,
        "The app's process ended",
        "The line tells its pid and its exit code or signal; it is a warning when the process was not told to end. The next \
         request starts it again.",
        When("An out-of-process app's process ends after it had listened, whether it was told to or not."),
        &["502.3", "1003"],
    ),
    event(
        1031,
        Error,
        "What to start could not be found out",
        "`processPath` and `arguments` name no app, or there is no .NET to start it with.",
        When("An in-process app's executable, .dll or .NET installation cannot be found."),
        &["500.0", "500.38", "1010"],
    ),
    event(
        1032,
        Information,
        "The app was started",
        "An in-process app's server has started and takes requests.",
        When("An in-process app is ready."),
        &["1033"],
    ),
    event(
        1033,
        Information,
        "The app was stopped",
        "An in-process app has ended as it was told to.",
        When("An in-process app's `Main` has returned after Mews told it to stop."),
        &["1005", "1032"],
    ),
    event(
        1034,
        Error,
        "The configuration cannot be used",
        "web.config has problems. The lines tell each with its place and its cure.",
        When(
            "web.config has errors at a start after the first. At the first one `mews run` prints them and ends with 78.",
        ),
        &["500.0", "500.19"],
    ),
    event(
        1035,
        Error,
        "The app ended, with output",
        "`Main` returned, or the process ended. The last lines of its output follow.",
        When(
            "An in-process app, or the worker of an out-of-process one, ends although nobody told it to, and has written something.",
        ),
        &["500.30", "1011"],
    ),
    event(
        1036,
        Information,
        "A line of the debug log",
        "The module's own debug log, copied to the event log.",
        Never("`MEWS_LOG=debug` puts such lines into the same log, without a number."),
        &["MEWS_LOG"],
    ),
    event(
        1037,
        Information,
        "Recycled because of a file change",
        "The app is replaced because its folder is another one now.",
        When(
            "The link that is an app's folder leads to another release. A .dll that changes in place is taken with the next start.",
        ),
        &["1021"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::articles::statuses;

    #[test]
    fn rows_are_in_order_and_written_in_sentences() {
        assert!(module_events().is_sorted_by(|a, b| a.id < b.id));
        for event in module_events() {
            let (When(text) | Never(text)) = event.logged;
            assert!(event.id >= FIRST_ID && !event.name.ends_with('.'), "{}", event.id);
            for text in [text, event.meaning] {
                assert!(text.ends_with('.') && !text.contains("  "), "{}: {text}", event.id);
                assert_eq!(text.matches('`').count() % 2, 0, "{}: {text}", event.id);
            }
        }
        assert_eq!(module_event(1005).map(|event| event.level), Some(Warning));
        assert!(module_event(1002).is_none());
    }

    #[test]
    fn every_failed_start_has_an_event() {
        for row in statuses() {
            let id = start_failure_event(row.code);
            let is_start =
                (row.code.number == 500 && row.never.is_none()) || row.code == StatusCode::PROCESS_FAILED;
            assert!(id.is_some() || !is_start, "{}", row.code);
            assert!(
                id.is_none_or(|id| module_event(id).is_some_and(|event| event.level == Error)),
                "{}",
                row.code
            );
        }
    }

    #[test]
    fn every_cause_of_a_recycle_has_an_event() {
        for cause in [
            RecycleCause::Memory { used: 2, limit: 1 },
            RecycleCause::Age(std::time::Duration::from_secs(1)),
            RecycleCause::Requests(1),
            RecycleCause::Clock { hour: 4, minute: 0 },
            RecycleCause::Command,
            RecycleCause::WebConfig,
            RecycleCause::Release,
            RecycleCause::Configuration,
        ] {
            assert!(module_event(recycle_event(cause)).is_some(), "{cause}");
        }
    }

    #[test]
    fn numbers_in_see_also_are_known() {
        let rows = statuses().map(|row| row.see);
        for see in rows.chain(module_events().map(|event| event.see)).flatten() {
            if let Ok(id @ FIRST_ID..) = see.parse::<u16>() {
                assert!(module_event(id).is_some(), "{see}");
            } else if let Ok(code) = see.parse::<StatusCode>() {
                assert!(code.row().is_some(), "{see}");
            }
        }
    }
}
