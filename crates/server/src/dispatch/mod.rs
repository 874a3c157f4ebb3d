//! Decides where a request's handler runs: inline on the I/O thread, or on the pool.

mod inline_run;
mod key;
mod policy;
mod pool_run;
mod table;

pub(crate) use inline_run::InlineRun;
pub(crate) use key::key;
pub(crate) use policy::Place;
pub(crate) use pool_run::PoolRun;
pub(crate) use table::Table;
