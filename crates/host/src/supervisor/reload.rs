//! A changed configuration file: what has changed is replaced, and nothing else.

use std::sync::Arc;

use mews_model::lifecycle::{Event, RecycleCause, WorkerId};

use super::clock::Clock;
use super::pool::{Pool, PoolSpec};
use super::{PoolKey, Supervisor};
use crate::admin::{Answer, Outcome};
use crate::control::SupervisorMessage;
use crate::isolation::ControlGroup;
use crate::listeners::Listening;
use crate::serve::{self, Layout, Present};
use crate::tls::Keeper;

impl Supervisor {
    /// Reads the file anew and takes it, or says why it cannot; then everything stays as it is.
    pub(super) fn reload(&mut self) -> Answer {
        let Some(commands) = &self.commands else { return Answer::Refused("there is no file".to_owned()) };
        let configured = |keeper: &Keeper| keeper.configured().cloned();
        let tls = self.host.tls.iter().filter_map(|(id, keeper)| Some((*id, configured(keeper)?)));
        let live = self.pools.values().filter(|pool| !pool.removed);
        let pools = live.filter_map(|pool| Some((pool.spec.name.clone()?, pool.spec.id))).collect();
        let present =
            Present { listening: self.listening.clone(), tls: tls.collect(), pools, ..Present::default() };
        self.service.reloading();
        match serve::read(commands.config(), &present) {
            Ok(layout) => {
                let outcomes = self.take(layout);
                tracing::info!("the configuration was read anew");
                Answer::Done(outcomes)
            }
            Err(error) => {
                tracing::error!("the configuration cannot be used, and the one before stays. {error}");
                Answer::Refused(format!("{error}\nnothing was changed"))
            }
        }
    }

    fn take(&mut self, layout: Layout) -> Vec<Outcome> {
        for warning in &layout.warnings {
            tracing::warn!("{warning}");
        }
        self.host.tls.extend(layout.tls);
        let mut outcomes = Vec::new();
        let mut kept: Vec<PoolKey> = Vec::new();
        for spec in layout.pools {
            let name = spec.name.clone().unwrap_or_default();
            let known = self.named(Some(&name)).ok().and_then(|keys| keys.first().copied());
            let known = known.and_then(|key| Some((key, self.pools.get_mut(&key)?)));
            let known = known.filter(|(_, pool)| pool.spec.name.as_deref() == Some(&name));
            let text = match known {
                Some((key, pool)) => {
                    kept.push(key);
                    pool.reconfigure(spec)
                }
                None => {
                    kept.push(self.add(spec));
                    "added"
                }
            };
            outcomes.push(Outcome { pool: name, ok: true, text: text.to_owned() });
        }
        for (key, pool) in &mut self.pools {
            if !kept.contains(key) && !pool.removed {
                pool.removed = true;
                pool.events.push_back(Event::StopRequested);
                let name = pool.spec.name.clone().unwrap_or_default();
                outcomes.push(Outcome { pool: name, ok: true, text: "removed".to_owned() });
            }
        }
        self.gateway.reconfigure(layout.shared, layout.routes);
        self.config = layout.config;
        self.listening = layout.listening;
        let used = |id| {
            let pools = self.pools.values().flat_map(|pool| pool.spec.addresses());
            pools.chain(&self.listening).any(|listening| listening.tls() == Some(id))
        };
        let unused: Vec<_> = self.host.tls.keys().copied().filter(|id| !used(*id)).collect();
        for id in unused {
            self.host.tls.remove(&id);
        }
        outcomes
    }
}

impl Pool {
    /// Takes what is said about it now; answers what that means, as a clause.
    fn reconfigure(&mut self, spec: PoolSpec) -> &'static str {
        let same = |new: &[Arc<Listening>], old: &[Arc<Listening>]| {
            new.len() == old.len() && new.iter().zip(old).all(|(new, old)| Arc::ptr_eq(new, old))
        };
        let same_sockets = same(&spec.listening, &self.spec.listening)
            && same(&spec.shared, &self.spec.shared)
            && spec.routes.is_some() == self.spec.routes.is_some();
        let new_routes = spec.routes.clone().filter(|routes| Some(routes) != self.spec.routes.as_ref());
        let same_app = spec.site == self.spec.site && spec.more == self.spec.more;
        let same_applications = spec.more == self.spec.more;
        let same_clock = (&spec.at, spec.later) == (&self.spec.at, self.spec.later);
        let same_rules = spec.settings == self.spec.settings
            && same_clock
            && spec.ping == self.spec.ping
            && (spec.startup_limit, spec.shutdown_limit)
                == (self.spec.startup_limit, self.spec.shutdown_limit);
        if spec.site.isolation() != self.spec.site.isolation() {
            self.control_group = ControlGroup::default();
        }
        if spec.site != self.spec.site {
            self.watch.turn_to(&spec.site);
        }
        if !same_clock {
            self.clock = Clock::new(&spec.at, spec.later);
        }
        self.machine.configure(spec.settings);
        self.spec = spec;
        if !same_applications {
            self.watch_anew();
        }
        self.look_for_offline_files();
        if let Some(routes) = new_routes {
            // Those of other pools may have changed alone; workers of this one are told, whatever becomes of them.
            let message = SupervisorMessage::Routes(Box::new(routes));
            let workers: Vec<WorkerId> = self.workers.keys().copied().collect();
            workers.into_iter().for_each(|worker| self.tell(worker, &message));
        }
        if same_sockets && same_app {
            return if same_rules { "unchanged" } else { "goes by the new settings" };
        }
        self.events.push_back(Event::Recycle(RecycleCause::Configuration));
        "changed"
    }
}
