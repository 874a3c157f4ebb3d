//! Certificate files that change while they are in use.

use std::time::{Duration, Instant};

use mews_model::lifecycle::WorkerId;

use super::Supervisor;
use crate::control::{SupervisorMessage, TlsId};
use crate::tls::{Keeper, News};

/// How often certificate files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Supervisor {
    /// When they are looked at next, if there are any.
    pub(super) fn schedule_certificates(&mut self) {
        if !self.host.tls.values().any(Keeper::has_files) {
            self.next_tls_look = None;
        } else if self.next_tls_look.is_none_or(|at| at <= Instant::now()) {
            self.next_tls_look = Some(Instant::now() + LOOK_EVERY);
        }
    }

    /// Looks whether certificate files have changed, and tells the workers.
    pub(super) fn look_at_certificates(&mut self) {
        let mut changed: Vec<TlsId> = Vec::new();
        for (id, keeper) in &mut self.host.tls {
            match keeper.look() {
                None => {}
                Some(News::Broken(problem)) => {
                    tracing::error!("{problem}; the certificates in use stay until the files are mended");
                }
                Some(News::Changed(warnings)) => {
                    for warning in warnings {
                        tracing::warn!("{warning}");
                    }
                    changed.push(*id);
                }
            }
        }
        if changed.is_empty() {
            return;
        }
        tracing::info!("certificate files have changed; new connections use them");
        for (id, spec) in self.host.tls_specs(changed.into_iter()) {
            let message = SupervisorMessage::Certificates(id, spec);
            for pool in self.pools.values_mut() {
                if pool.spec.addresses().any(|listening| listening.tls() == Some(id)) {
                    let workers: Vec<WorkerId> = pool.workers.keys().copied().collect();
                    for worker in workers {
                        pool.tell(worker, &message);
                    }
                }
            }
        }
    }
}
