//! The rows about where a site listens.

use super::super::table::Default::{Required, Words};
use super::super::table::{Kind, Row, row};
use crate::server_config::draft::BindingDraft;

pub(super) const BINDING: &[Row<BindingDraft>] = &[
    row(
        "url",
        Kind::Parsed { what: "binding", example: "\"http://*:80\"", read: BindingDraft::read_url },
        Required,
        "Scheme, address and port. `*` is every address; a host name, also one like `*.shop.example`, is every address \
         and only requests for that name. Without a port it is 80 or 443; 0 is any free port.",
    ),
    row(
        "host",
        Kind::Parsed { what: "host name", example: "\"shop.example\"", read: BindingDraft::read_host },
        Words("every name"),
        "The host name, where `url` has an address.",
    ),
    row(
        "http2",
        Kind::Bool(|binding, on| binding.http2 = Some(on)),
        Words("what the site's `http2` says"),
        "Whether HTTP/2 is spoken there: over https with clients that offer it, over http with clients that begin with it \
         (prior knowledge). Https bindings of one address may differ by their host names; http bindings may not.",
    ),
];
