//! What all pools share.

use std::collections::BTreeMap;
use std::time::Instant;

use mews_model::lifecycle::Moment;

use crate::app::Outputs;
use crate::control::{TlsId, TlsSpecs};
use crate::log::LogFormat;
use crate::tls::Keeper;

/// What all pools share.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) began: Instant,
    pub(super) outputs: Outputs,
    pub(super) log_format: LogFormat,
    /// The service manager keeps the sockets: connections wait there for the next host.
    pub(super) sockets_stay: bool,
    /// The certificates of each address that speaks TLS.
    pub(super) tls: BTreeMap<TlsId, Keeper>,
}

impl Host {
    pub(super) fn now(&self) -> Moment {
        Moment::at(self.began.elapsed())
    }

    /// When a moment comes, or has come.
    pub(super) fn instant(&self, at: Moment) -> Instant {
        self.began + at.since(Moment::default())
    }

    /// What a worker needs for these.
    pub(super) fn tls_specs(&self, ids: impl Iterator<Item = TlsId>) -> TlsSpecs {
        let mut specs = TlsSpecs::new();
        for id in ids {
            if let Some(keeper) = self.tls.get(&id)
                && !specs.iter().any(|(known, _)| *known == id)
            {
                specs.push((id, keeper.spec().clone()));
            }
        }
        specs
    }
}
