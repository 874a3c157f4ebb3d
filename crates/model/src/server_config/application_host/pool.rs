//! An `add` of `applicationPools`.

use std::time::Duration;

use super::super::draft::PoolDraft;
use super::super::{Isolation, Ping, Pool, RapidFailProtection, Recycle, StartMode, Surroundings, TimeOfDay};
use super::defaults::Layered;
use crate::web_config::hints::shorten;
use crate::web_config::kinds;
use crate::web_config::report::Report;
use crate::web_config::tree::Set;

/// The pool of an element.
pub(super) fn read(
    set: &Set,
    defaults: Option<&Set>,
    surroundings: Surroundings<'_>,
    report: &mut Report<'_>,
) -> PoolDraft {
    let all = Layered::new(set, [defaults]);
    let model = all.part(&["processModel"]);
    let ping =
        Ping { interval: time(&model, "pingInterval"), response_limit: time(&model, "pingResponseTime") };
    let failure = all.part(&["failure"]);
    let rapid_fail = RapidFailProtection {
        failures: u32::try_from(failure.number("rapidFailProtectionMaxCrashes")).unwrap_or(u32::MAX),
        window: time(&failure, "rapidFailProtectionInterval"),
    };
    let looked_for = model.is("pingingEnabled") && !ping.interval.is_zero() && !ping.response_limit.is_zero();
    let protected = failure.is("rapidFailProtection") && !rapid_fail.window.is_zero();
    let limit = |name: &str| model.given(name).map(|_| time(&model, name));
    let always = all.text("startMode").eq_ignore_ascii_case("AlwaysRunning");
    let pool = Pool {
        auto_start: all.is("autoStart"),
        start: if always { StartMode::Always } else { StartMode::OnDemand },
        idle_timeout: Some(time(&model, "idleTimeout")).filter(|time| !time.is_zero()),
        startup_limit: limit("startupTimeLimit").filter(|time| !time.is_zero()),
        shutdown_limit: limit("shutdownTimeLimit"),
        ping: looked_for.then_some(ping),
        recycle: recycle(&all, report),
        rapid_fail: protected.then_some(rapid_fail),
        environment: environment(&all, report),
        isolation: Isolation {
            user: user(&model, report),
            cpu_limit: processors(&all, surroundings.processors, report),
            ..Isolation::default()
        },
        ..Pool::new(set.text("name"))
    };
    PoolDraft { at: set.place("name"), pool }
}

fn time(all: &Layered<'_>, name: &str) -> Duration {
    Duration::from_secs(kinds::time_span(all.text(name)).unwrap_or(0))
}

fn recycle(all: &Layered<'_>, report: &mut Report<'_>) -> Recycle {
    let recycling = all.part(&["recycling"]);
    let periodic = recycling.part(&["periodicRestart"]);
    let above_zero = |name: &str| Some(periodic.number(name)).filter(|number| *number > 0);
    let mut at = Vec::new();
    // A pool's own times take the place of the default ones.
    let schedules = periodic.part(&["schedule"]);
    for item in schedules.sets().next().map_or(&[][..], |schedule| schedule.items.as_slice()) {
        let seconds = kinds::time_span(item.text("value")).unwrap_or(0);
        let part = |number: u64| u8::try_from(number).unwrap_or(0);
        if !seconds.is_multiple_of(60) {
            report.warning(item.place("value"), "the seconds of a time of day do not count", |problem| {
                problem.help("write hh:mm:00")
            });
        }
        at.push(TimeOfDay { hour: part(seconds / 3600), minute: part(seconds / 60 % 60) });
    }
    at.sort_unstable();
    at.dedup();
    Recycle {
        memory: above_zero("privateMemory").map(|kibibytes| kibibytes * 1024),
        age: Some(time(&periodic, "time")).filter(|time| !time.is_zero()),
        requests: above_zero("requests"),
        at,
        overlapped: !recycling.is("disallowOverlappingRotation"),
        on_change: !recycling.is("disallowRotationOnConfigChange"),
    }
}

/// Those of the defaults that the pool does not clear, remove or set itself, and its own.
fn environment(all: &Layered<'_>, report: &mut Report<'_>) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = Vec::new();
    let lists = all.part(&["environmentVariables"]);
    let mut lists: Vec<&Set> = lists.sets().collect();
    lists.reverse();
    for list in lists {
        if list.cleared {
            variables.clear();
        }
        variables.retain(|(name, _)| !list.removed.iter().any(|removed| removed.eq_ignore_ascii_case(name)));
        for item in &list.items {
            let name = item.text("name");
            if name.contains(['=', '\0']) || item.text("value").contains('\0') {
                report.violation(
                    item.place("name"),
                    format!("'{}' can be no variable", shorten(name)),
                    |problem| problem.help("a name holds no '='; neither name nor value holds a NUL"),
                );
                continue;
            }
            variables.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
            variables.push((name.to_owned(), item.owned("value")));
        }
    }
    variables
}

/// Identities of Windows have no counterpart but users of this machine.
fn user(model: &Layered<'_>, report: &mut Report<'_>) -> Option<String> {
    let kind = model.text("identityType");
    if kind.eq_ignore_ascii_case("ApplicationPoolIdentity") {
        return None;
    }
    let help = "write identityType=\"SpecificUser\" and a user of this machine, as in userName=\"www-data\"";
    if !kind.eq_ignore_ascii_case("SpecificUser") {
        let given = model.given("identityType")?;
        let message = format!("the identity '{kind}' has no effect here: the pool runs as the host does");
        report.warning(given.at, message, |problem| problem.help(help));
        return None;
    }
    let name = model.given("userName").or_else(|| model.given("identityType"))?;
    let user = model.text("userName");
    let local = user.strip_prefix(".\\").unwrap_or(user);
    if local.is_empty() || local.contains(['\\', '@', '\0', ':', '/']) {
        let message = format!("'{}' is no user of this machine", shorten(user));
        report.violation(name.at, message, |problem| problem.help(help));
        return None;
    }
    Some(local.to_owned())
}

/// IIS counts in thousandths of a percent of the whole machine.
fn processors(all: &Layered<'_>, machine: u32, report: &mut Report<'_>) -> Option<u32> {
    let cpu = all.part(&["cpu"]);
    let limit = cpu.number("limit");
    if limit == 0 {
        return None;
    }
    if cpu.text("action").eq_ignore_ascii_case("NoAction") {
        let at = cpu.given("limit")?.at;
        report.warning(at, "the limit of cpu has no effect without an action", |problem| {
            problem.help("set action=\"Throttle\" too")
        });
        return None;
    }
    let thousandths = limit.saturating_mul(u64::from(machine)) / 100;
    Some(u32::try_from(thousandths).unwrap_or(u32::MAX).max(1))
}
