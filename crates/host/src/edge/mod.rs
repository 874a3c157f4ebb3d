//! What stands between clients and an app besides `web.config`: the access log, HTTP/2,
//! compression.

mod http2;
mod options;
mod spec;

pub(crate) use options::EdgeOptions;
pub(crate) use spec::{Edge, EdgeSpec};
