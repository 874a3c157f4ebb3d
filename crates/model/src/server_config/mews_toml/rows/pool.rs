//! The rows of application pools.

use std::time::Duration;

use super::super::super::draft::PoolDraft;
use super::super::super::{Ping, RapidFailProtection, Recycle, StartMode};
use super::super::table::Default::{Text, Words};
use super::super::table::{Form, Kind, Nested, Row, duration, number, row};
use super::UINT;

const DAY: u64 = 86_400;

/// `[pool.NAME]`
pub(super) const POOL: &[Row<PoolDraft>] = &[
    row(
        "start",
        Kind::Choice(&[
            ("on-demand", |pool| pool.pool.start = StartMode::OnDemand),
            ("always", |pool| pool.pool.start = StartMode::Always),
        ]),
        Text("\"on-demand\""),
        "When its worker is started: with the first connection, which is held until it is ready, or with the host.",
    ),
    row(
        "auto_start",
        Kind::Bool(|pool, on| pool.pool.auto_start = on),
        Text("true"),
        "Whether it may start before `mews start` says so.",
    ),
    row(
        "idle_timeout",
        duration(0, 30 * DAY, |pool, time| pool.pool.idle_timeout = unless_zero(time)),
        Text("\"20m\""),
        "How long it may be without a request before its worker is stopped; 0 is for ever.",
    ),
    row(
        "startup_time_limit",
        duration(1, 3600, |pool, time| pool.pool.startup_limit = Some(time)),
        Words("what `web.config` says"),
        "How long a start may take.",
    ),
    row(
        "shutdown_time_limit",
        duration(0, 3600, |pool, time| pool.pool.shutdown_limit = Some(time)),
        Words("what `web.config` says"),
        "How long a worker may take to end before it is killed.",
    ),
    row(
        "ping",
        Kind::Nested(&Nested {
            form: Form::One,
            what: "ping",
            rows: PING,
            open: |pool: &mut PoolDraft, _| pool.pool.ping.get_or_insert_default(),
            off: Some(|pool| pool.pool.ping = None),
            short: None,
        }),
        Words("on"),
        "How a hung worker is noticed; `false`: it is not looked for.",
    ),
    row(
        "recycle",
        Kind::Nested(&Nested {
            form: Form::One,
            what: "recycle",
            rows: RECYCLE,
            open: |pool: &mut PoolDraft, _| &mut pool.pool.recycle,
            off: None,
            short: None,
        }),
        Words("by age"),
        "When its worker is replaced by a new one. What is not written keeps its default.",
    ),
    row(
        "rapid_fail",
        Kind::Nested(&Nested {
            form: Form::One,
            what: "rapid_fail",
            rows: RAPID_FAIL,
            open: |pool: &mut PoolDraft, _| pool.pool.rapid_fail.get_or_insert_default(),
            off: Some(|pool| pool.pool.rapid_fail = None),
            short: None,
        }),
        Words("on"),
        "When it is given up and answers 503 until it is started by hand; `false`: never.",
    ),
    row(
        "environment",
        Kind::Variables(|pool, variables| pool.pool.environment = variables),
        Words("none"),
        "Variables for its workers and apps; those of an app's `web.config` win.",
    ),
    row(
        "user",
        Kind::Account(|pool, name| pool.pool.isolation.user = Some(name)),
        Words("the host's"),
        "The user that it runs as; needs a host that runs as root.",
    ),
    row(
        "group",
        Kind::Account(|pool, name| pool.pool.isolation.group = Some(name)),
        Words("the user's"),
        "The group that it runs as.",
    ),
    row(
        "memory_limit",
        Kind::Size(|pool, bytes| pool.pool.isolation.memory_limit = (bytes > 0).then_some(bytes)),
        Words("none"),
        "Memory that its processes may use together (control group); 0 is no limit.",
    ),
    row(
        "cpu_limit",
        Kind::Processors(|pool, thousandths| pool.pool.isolation.cpu_limit = Some(thousandths)),
        Words("none"),
        "Processors that its processes may use together (control group): `1.5` and `\"150%\"` are the same.",
    ),
    row(
        "tasks_limit",
        number(1, UINT, |pool, n| pool.pool.isolation.tasks_limit = u32::try_from(n.value).ok()),
        Words("none"),
        "Most processes and threads at a time (control group).",
    ),
    row(
        "open_files",
        number(64, 1 << 30, |pool, n| pool.pool.isolation.open_files = Some(n.value)),
        Words("the host's"),
        "Most open descriptors of a process.",
    ),
];

const PING: &[Row<Ping>] = &[
    row(
        "interval",
        duration(1, 30 * DAY, |ping, time| ping.interval = time),
        Text("\"30s\""),
        "From one question to the next.",
    ),
    row(
        "response_limit",
        duration(1, 30 * DAY, |ping, time| ping.response_limit = time),
        Text("\"90s\""),
        "How long an answer may take; then the worker is replaced.",
    ),
];

/// A table in a table: its rows set the value that `open` of the [`Nested`] above gives.
const RECYCLE: &[Row<Recycle>] = &[
    row(
        "memory",
        Kind::Size(|recycle, bytes| recycle.memory = (bytes > 0).then_some(bytes)),
        Text("0"),
        "Above this much memory (resident, not shared; of the worker and its programs); 0 is off.",
    ),
    row(
        "age",
        duration(0, 365 * DAY, |recycle, time| recycle.age = unless_zero(time)),
        Text("\"29h\""),
        "After this time; 0 is off.",
    ),
    row(
        "requests",
        number(0, UINT, |recycle, n| recycle.requests = (n.value > 0).then_some(n.value)),
        Text("0"),
        "After so many requests; 0 is off.",
    ),
    row(
        "at",
        Kind::Times(|recycle, times| recycle.at = times),
        Text("[]"),
        "At these times of day, local time.",
    ),
    row(
        "overlapped",
        Kind::Bool(|recycle, on| recycle.overlapped = on),
        Text("true"),
        "Whether the new worker is ready before the old one stops; `false` for apps that cannot run twice.",
    ),
    row(
        "on_change",
        Kind::Bool(|recycle, on| recycle.on_change = on),
        Text("true"),
        "Whether a change of the configuration replaces it too.",
    ),
];

const RAPID_FAIL: &[Row<RapidFailProtection>] = &[
    row(
        "failures",
        number(1, 1000, |rapid, n| rapid.failures = u32::try_from(n.value).unwrap_or(u32::MAX)),
        Text("5"),
        "After so many failures within `window`.",
    ),
    row("window", duration(1, DAY, |rapid, time| rapid.window = time), Text("\"5m\""), "within this time."),
];

/// `None` for 0, which stands for "never" in IIS's words.
fn unless_zero(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}
