//! The supervisor: performs what the lifecycle machines decide, and tells them what happens.
//!
//! One thread that waits in `poll` for signals, control messages, output of workers, connections to pools without a
//! worker, commands and its timers. It never parses a request, never loads CoreCLR, and never waits for a worker or for
//! who reads its output.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `pool` | a pool: its machine, what is watched for it |
//! | `worker`, `perform`, `converse` | worker processes: starting them, what they say |
//! | `files`, `notices` | what the folders of applications tell |
//! | `gateway` | the process that shares connections out among pools |
//! | `vitals` | asking workers whether they are alive |
//! | `clock` | the time of day at which pools recycle |
//! | `metrics` | gathering what the admin address is asked for |
//! | `certificates` | certificate files that change |
//! | `commands`, `outcome`, `status` | what `mews status`, `recycle` and the like ask for |
//! | `reload` | a changed configuration file |
//! | `service` | what the service manager hears |
//! | `orphans` | what workers leave behind |

mod certificates;
mod clock;
mod commands;
mod converse;
mod files;
mod gateway;
mod host;
mod metrics;
mod notices;
mod orphans;
mod outcome;
mod perform;
mod poller;
mod pool;
mod reload;
mod service;
mod status;
mod vitals;
mod worker;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mews_model::lifecycle::{Event, Phase};
use mews_model::metrics::Snapshot;
use mews_model::server_config::ServerConfig;
use mews_process::descendants;
use mews_process::signals::{SignalKind, Signals};
use rustix::event::PollFlags;

use crate::app::Outputs;
use crate::fatal::Fatal;
use crate::listeners::Listening;
use crate::log::LogFormat;
use crate::metrics::MetricsAddress;
use crate::serve::Layout;

pub(crate) use commands::Commands;
pub(crate) use pool::PoolSpec;

use gateway::Gateway;
use host::Host;
use metrics::Gathering;
use notices::Notices;
use poller::{Entry, Ready, Source, wait};
use pool::Pool;
use service::Service;

/// How long the last output may take to be written before the supervisor ends.
const LAST_OUTPUT: Duration = Duration::from_secs(1);
/// How long killed workers may take to be gone before the supervisor ends without them.
const KILLED_COLLECTED: Duration = Duration::from_millis(500);
/// How long the gateway may take to end once no worker is left.
const GATEWAY_ENDS: Duration = Duration::from_secs(2);

/// Names a pool for the life of the supervisor. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PoolKey(u32);

/// The supervisor of one or many pools.
pub(crate) struct Supervisor {
    host: Host,
    pools: BTreeMap<PoolKey, Pool>,
    gateway: Gateway,
    next_key: u32,
    signals: Signals,
    notices: Notices,
    next_tls_look: Option<Instant>,
    service: Service,
    asked: Option<MetricsAddress>,
    gathering: Gathering,
    /// What was counted of pools that are no more.
    gone: Snapshot,
    stopping: bool,
    /// What `reload` compares with; empty for `mews run`.
    config: ServerConfig,
    listening: Vec<Arc<Listening>>,
    commands: Option<Commands>,
}

impl Supervisor {
    /// Prepares; nothing is started yet.
    pub(crate) fn new(layout: Layout, log_format: LogFormat, outputs: Outputs) -> io::Result<Self> {
        for warning in &layout.warnings {
            tracing::warn!("{warning}");
        }
        if !layout.config.sites.is_empty() {
            let (sites, pools) = (layout.config.sites.len(), layout.pools.len());
            let urls: Vec<String> = layout.listening.iter().flat_map(|listening| listening.urls()).collect();
            let urls = urls.join(", ");
            tracing::info!(
                "serving {sites} sites in {pools} application pools on {urls} (pid {})",
                std::process::id()
            );
        }
        let mut supervisor = Self {
            host: Host {
                began: Instant::now(),
                outputs,
                log_format,
                sockets_stay: layout.sockets_stay,
                tls: layout.tls,
            },
            pools: BTreeMap::new(),
            gateway: Gateway::new(layout.shared, layout.routes),
            next_key: 0,
            signals: Signals::install()?,
            notices: Notices::default(),
            next_tls_look: None,
            service: Service::of_process(),
            asked: layout.metrics,
            gathering: Gathering::default(),
            gone: Snapshot::default(),
            stopping: false,
            config: layout.config,
            listening: layout.listening,
            commands: None,
        };
        for pool in layout.pools {
            supervisor.add(pool);
        }
        Ok(supervisor)
    }

    fn add(&mut self, spec: PoolSpec) -> PoolKey {
        let mut pool = Pool::new(spec);
        pool.begin();
        let key = PoolKey(self.next_key);
        self.pools.insert(key, pool);
        self.next_key += 1;
        key
    }

    /// Runs until stopped; the answer is the exit code.
    pub(crate) fn run(mut self) -> Result<u8, Fatal> {
        if let Err(error) = descendants::become_subreaper() {
            tracing::warn!("what workers leave behind cannot be looked after: {error}");
        }
        loop {
            self.feed();
            if self.stopping && self.pools.is_empty() {
                self.dismiss_gateway();
                break Ok(self.finish());
            }
            self.report();
            let ready = wait(&self.signals, &self.entries(), self.wait_limit())
                .map_err(|error| Fatal::failed(format!("waiting for events failed: {error}")))?;
            self.handle(&ready);
        }
    }

    fn finish(self) -> u8 {
        tracing::info!("stopped");
        self.host.outputs.stdout.flush(LAST_OUTPUT);
        self.host.outputs.stderr.flush(LAST_OUTPUT);
        0
    }

    /// Tells the service manager how the pools are. Ready is whoever has something to answer with, a failure included.
    fn report(&mut self) {
        let pools = &self.pools;
        let count = |is: fn(Phase) -> bool| pools.values().filter(|pool| is(pool.machine.phase())).count();
        let starting = count(|phase| matches!(phase, Phase::New | Phase::Starting { .. }));
        let running = count(|phase| matches!(phase, Phase::Running { .. } | Phase::Overlapping { .. }));
        let waiting = count(|phase| phase == Phase::Stopped);
        let all = pools.len();
        self.service.report(starting == 0 && !self.stopping, || {
            let other = all - starting - running - waiting;
            format!(
                "{all} application pools: {running} running, {waiting} waiting for a request, {starting} starting, \
                 {other} not available"
            )
        });
    }

    /// What to wait for.
    fn entries(&self) -> Vec<Entry<'_>> {
        let mut entries = Vec::new();
        for (descriptor, sends) in self.gateway.descriptors() {
            let flags = if sends { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
            entries.push(Entry { source: Source::Gateway, descriptor, flags });
        }
        entries.extend(self.notices.descriptor().map(|descriptor| Entry {
            source: Source::Files,
            descriptor,
            flags: PollFlags::IN,
        }));
        entries.extend(self.asked.iter().map(|asked| Entry {
            source: Source::Metrics,
            descriptor: asked.descriptor(),
            flags: PollFlags::IN,
        }));
        for (key, pool) in &self.pools {
            for (id, worker) in &pool.workers {
                for (descriptor, sends) in worker.descriptors() {
                    let flags = if sends { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
                    entries.push(Entry { source: Source::Worker(*key, *id), descriptor, flags });
                }
            }
            if pool.machine.awaits_connection() {
                let sockets = pool.spec.listening.iter().flat_map(|listening| listening.descriptors());
                entries.extend(sockets.map(|descriptor| Entry {
                    source: Source::Connection(*key),
                    descriptor,
                    flags: PollFlags::IN,
                }));
            }
        }
        entries.extend(self.commands.iter().flat_map(Commands::entries));
        entries
    }

    /// Does what the machines decide, and forgets the pools that are gone.
    fn feed(&mut self) {
        self.start_wanted();
        let mut gone = Vec::new();
        for (key, pool) in &mut self.pools {
            pool.feed(&self.host);
            if pool.is_gone() {
                gone.push(*key);
            }
        }
        for key in gone {
            if let Some(pool) = self.pools.remove(&key) {
                self.dismiss(pool);
            }
        }
        self.watch_files();
        self.schedule_certificates();
        self.look_at_commands();
    }

    /// Starts pools that connections wait for in the gateway.
    fn start_wanted(&mut self) {
        for pool in self.pools.values_mut() {
            if self.gateway.wanted().contains(&pool.spec.id) && pool.machine.awaits_connection() {
                pool.connection_waits();
            }
        }
    }

    /// Tells the gateway of workers that connections go to from now on; of all of them if it is new.
    fn attach(&mut self, all: bool) {
        for pool in self.pools.values_mut() {
            let moved = std::mem::take(&mut pool.moved);
            if let Some(id) = pool.behind.filter(|_| moved || all)
                && let Some(worker) = pool.workers.get_mut(&id)
            {
                self.gateway.attach(pool.spec.id, worker);
            }
        }
    }

    /// Leaves no process of the gateway behind.
    fn dismiss_gateway(&mut self) {
        let end = Instant::now() + GATEWAY_ENDS;
        while !self.gateway.is_gone() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.gateway.kill();
                let _ = wait(&self.signals, &[], Some(KILLED_COLLECTED));
                self.gateway.reap(&self.host);
                return;
            }
            if wait(&self.signals, &[], Some(left)).is_err() {
                return;
            }
            self.signals.take(SignalKind::Child);
            self.gateway.reap(&self.host);
        }
    }

    /// Leaves no killed process behind as a zombie: whoever inherits them may not care.
    fn dismiss(&mut self, mut pool: Pool) {
        let end = Instant::now() + KILLED_COLLECTED;
        loop {
            let children: Vec<u32> =
                self.children().into_iter().chain(pool.workers.values().map(worker::Worker::pid)).collect();
            pool.reap(&children, &self.host);
            let left = end.saturating_duration_since(Instant::now());
            if pool.workers.is_empty() || left.is_zero() {
                break;
            }
            // Other pools' children are looked at by the next turn of the loop as well.
            if wait(&self.signals, &[], Some(left)).is_err() {
                break;
            }
            if self.signals.take(SignalKind::Child) > 0 {
                self.reap();
            }
        }
        for worker in pool.workers.values_mut() {
            worker.relay_all(&self.host.outputs);
        }
        self.keep_counts(&pool);
    }

    fn wait_limit(&self) -> Option<Duration> {
        let pools = self.pools.values().filter_map(|pool| pool.next_due(&self.host));
        let commands = self.commands.as_ref().and_then(Commands::next_due);
        let service = self.service.next_due();
        let due = commands
            .into_iter()
            .chain(service)
            .chain(self.gateway.next_due())
            .chain(self.gathered_by())
            .chain(self.notices.next_due());
        let next = pools.chain(self.next_tls_look).chain(due).min();
        next.map(|at| at.saturating_duration_since(Instant::now()))
    }

    fn handle(&mut self, ready: &Ready) {
        if ready.stop {
            for _ in 0..self.signals.take(SignalKind::Stop) {
                self.stop();
            }
        }
        for source in &ready.sources {
            match source {
                Source::Worker(key, id) => {
                    if let Some(pool) = self.pools.get_mut(key) {
                        pool.converse(*id, &self.host);
                    }
                }
                Source::Files => self.files_changed(),
                Source::Gateway => self.gateway.converse(&self.host),
                Source::Metrics => self.gather(),
                Source::Connection(key) => {
                    if let Some(pool) = self.pools.get_mut(key) {
                        pool.connection_waits();
                    }
                }
                Source::Control => {
                    if let Some(commands) = &mut self.commands {
                        commands.accept();
                    }
                }
                Source::Client(id) => self.client_ready(*id),
            }
        }
        if ready.child {
            self.signals.take(SignalKind::Child);
            self.reap();
        }
        for pool in self.pools.values_mut() {
            pool.tick(&self.host);
        }
        self.gateway.tick(&self.host);
        let fresh = self.gateway.take_fresh();
        self.attach(fresh);
        self.service.tick(Instant::now());
        self.notices.tick(Instant::now());
        if self.next_tls_look.is_some_and(|at| at <= Instant::now()) {
            self.look_at_certificates();
        }
        self.answer_gathered();
    }

    /// Somebody asks to stop: once is gracefully.
    fn stop(&mut self) {
        if !self.stopping {
            self.stopping = true;
            tracing::info!("stopping");
            self.service.stopping();
        }
        self.gateway.stop();
        for pool in self.pools.values_mut() {
            pool.events.push_back(Event::StopRequested);
        }
    }

    /// Looks which workers have ended.
    fn reap(&mut self) {
        let children = self.children();
        for pool in self.pools.values_mut() {
            pool.reap(&children, &self.host);
        }
        self.gateway.reap(&self.host);
        self.reap_orphans();
    }
}
