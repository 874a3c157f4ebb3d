//! How everything is, for `mews status`.

use std::time::Instant;

use mews_model::lifecycle::{Moment, Phase, Why, WorkerId};
use mews_model::suggest::nearest;
use mews_process::memory;

use super::host::Host;
use super::pool::Pool;
use super::worker::{Kind, Worker};
use super::{PoolKey, Supervisor};
use crate::admin::{Answer, FailureStatus, LeavingStatus, PoolStatus, RecycleStatus, Status};

impl Supervisor {
    /// The pools that a name stands for: that of the name, or those of the site of the name; all without one.
    pub(super) fn named(&self, name: Option<&str>) -> Result<Vec<PoolKey>, String> {
        let present = || self.pools.iter().filter(|(_, pool)| !pool.removed);
        let of = |wanted: &str| {
            let found = present().find(|(_, pool)| {
                pool.spec.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(wanted))
            });
            found.map(|(key, _)| *key)
        };
        let Some(name) = name else { return Ok(present().map(|(key, _)| *key).collect()) };
        if let Some(key) = of(name) {
            return Ok(vec![key]);
        }
        if let Some(site) = self.config.sites.iter().find(|site| site.name.eq_ignore_ascii_case(name)) {
            let mut keys: Vec<PoolKey> =
                site.applications.iter().filter_map(|application| of(&application.pool)).collect();
            keys.sort_unstable();
            keys.dedup();
            return Ok(keys);
        }
        let known: Vec<&str> = present()
            .filter_map(|(_, pool)| pool.spec.name.as_deref())
            .chain(self.config.sites.iter().map(|site| site.name.as_str()))
            .collect();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("; did you mean '{near}'?"),
            None => format!("; there are {}", known.join(", ")),
        };
        Err(format!("there is no pool and no site '{name}'{hint}"))
    }

    pub(super) fn status(&self, name: Option<&str>) -> Answer {
        let keys = match self.named(name) {
            Ok(keys) => keys,
            Err(why) => return Answer::Refused(why),
        };
        let pools = keys.iter().filter_map(|key| self.pools.get(key));
        Answer::Status(Box::new(Status {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config: self.commands.as_ref().map(|commands| commands.config().display().to_string()),
            seconds: self.host.began.elapsed().as_secs(),
            pools: pools.map(|pool| pool.status(&self.host)).collect(),
        }))
    }
}

impl Pool {
    fn status(&self, host: &Host) -> PoolStatus {
        let ago = |at: Moment| host.now().since(at).as_secs();
        let record = self.machine.record();
        let serving = self.machine.serving().and_then(|id| self.workers.get(&id));
        let vitals = serving.map(|worker| worker.pulse().vitals);
        let since = match self.machine.phase() {
            Phase::Running { since, .. } | Phase::Overlapping { since, .. } => Some(since),
            _ => None,
        };
        let leaving =
            self.workers.values().filter(|worker| worker.is_leaving() && worker.kind() != Kind::Page);
        PoolStatus {
            pool: self.spec.name.clone().unwrap_or_default(),
            applications: self.spec.sites().map(crate::app::Site::name).collect(),
            offline: self
                .offline
                .iter()
                .filter_map(|number| self.spec.sites().nth(*number))
                .map(crate::app::Site::name)
                .collect(),
            urls: self.spec.addresses().flat_map(|listening| listening.urls()).collect(),
            state: self.state().to_owned(),
            model: serving.and_then(|worker| match worker.kind() {
                Kind::App(model) => Some(model.to_string()),
                Kind::Page | Kind::Gateway => None,
            }),
            pid: serving.map(Worker::pid),
            seconds: since.map(ago),
            requests: vitals.map(|vitals| vitals.requests),
            connections: vitals.map(|vitals| vitals.connections),
            memory: serving.map(|worker| memory::of_tree(worker.pid())),
            restarts: record.restarts,
            recycles: record.recycles,
            last_recycle: record.last_recycle.as_ref().map(|recycled| RecycleStatus {
                cause: recycled.cause.to_string(),
                seconds_ago: ago(recycled.at),
                milliseconds: u64::try_from(recycled.took.as_millis()).unwrap_or(u64::MAX),
                failure: recycled.failure.as_ref().map(ToString::to_string),
            }),
            last_failure: record.last_failure.as_ref().map(|(at, failure)| FailureStatus {
                code: failure.code.to_string(),
                cause: failure.cause.clone(),
                cure: failure.cure.clone(),
                seconds_ago: ago(*at),
            }),
            retry_in_seconds: self.machine.retry_at().map(|at| at.since(host.now()).as_secs()),
            leaving: leaving
                .map(|worker| LeavingStatus {
                    pid: worker.pid(),
                    connections: worker.pulse().vitals.connections,
                })
                .collect(),
        }
    }

    fn state(&self) -> &'static str {
        match self.machine.phase() {
            Phase::New | Phase::Starting { .. } => "starting",
            Phase::Stopped => "idle",
            Phase::Running { .. } => "running",
            Phase::Overlapping { .. } | Phase::Rotating { .. } => "recycling",
            Phase::Draining { .. } => "draining",
            Phase::Failed { .. } => "failed",
            Phase::Restarting { .. } => "restarting",
            Phase::Disabled { why: Why::Failures } => "disabled",
            Phase::Disabled { why: Why::Command } => "stopped",
            Phase::Offline => "offline",
            Phase::Stopping { .. } | Phase::Gone => "ending",
        }
    }

    /// Asks every worker how it is, unless it is being asked.
    pub(super) fn ping_now(&mut self) {
        let ids: Vec<WorkerId> = self.workers.keys().copied().collect();
        for id in ids {
            if let Some(worker) = self.workers.get_mut(&id) {
                worker.pulse_mut().hurry(Instant::now());
            }
        }
        self.ping_due();
    }

    /// Whether a worker has not answered yet.
    pub(super) fn awaits_pong(&self) -> bool {
        self.workers.values().any(|worker| worker.pulse().is_asked())
    }
}
