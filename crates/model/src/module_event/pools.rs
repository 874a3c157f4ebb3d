//! The events of application pools: those of the process activation service (WAS).

use super::EventLevel::{Error, Information, Warning};
use super::Logged::When;
use super::{ModuleEvent, event};

/// In ascending order; the numbers lie above those of the module.
pub(super) const POOL_EVENTS: &[ModuleEvent] = &[
    event(
        5002,
        Error,
        "The pool was disabled after a series of failures",
        "Requests are answered with 503 until a command or a change of the app's files or configuration starts it again. The lines \
         before this one tell each failure.",
        When("Workers of a pool end or fail to start as often as its `rapid_fail` allows."),
        &["503", "1007", "1018"],
    ),
    event(
        5010,
        Warning,
        "A worker does not answer",
        "The worker process did not answer a ping in time; it is ended and another one is started.",
        When("A worker has not answered for the `response_limit` of its pool's `ping`."),
        &["503"],
    ),
    event(
        5074,
        Information,
        "Recycled because of its age",
        "The worker has run for as long as it may, and is replaced.",
        When("A worker reaches `recycle.age`."),
        &["5076"],
    ),
    event(
        5075,
        Information,
        "Recycled because of its number of requests",
        "The worker has answered as many requests as it may, and is replaced.",
        When("A worker reaches `recycle.requests`."),
        &[],
    ),
    event(
        5076,
        Information,
        "Recycled at its time of day",
        "It is one of the times at which the pool is to be recycled.",
        When("A time of `recycle.at` has come."),
        &["5074"],
    ),
    event(
        5079,
        Information,
        "Recycled by command",
        "Somebody asked for it.",
        When("`mews recycle` is used."),
        &["1022"],
    ),
    event(
        5080,
        Information,
        "Recycled because of a change of the configuration",
        "What the host's configuration says of the pool, its sites or its applications is another thing now.",
        When("`mews reload` finds that a worker has to be replaced."),
        &["1021"],
    ),
    event(
        5117,
        Information,
        "Recycled because of its memory",
        "The worker and its processes use more memory than they may, and are replaced. The line tells both numbers. Memory that grows \
         with every request until this happens is a leak.",
        When("A worker exceeds `recycle.memory`."),
        &["5075"],
    ),
    event(
        5186,
        Information,
        "Stopped because nobody asked for anything",
        "The worker has had no request for as long as the pool waits for one; the next request starts another.",
        When("A pool has had no request for its `idle_timeout`."),
        &[],
    ),
];
