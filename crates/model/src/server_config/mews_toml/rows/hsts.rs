//! The rows about `Strict-Transport-Security`.

use super::super::table::Default::Text;
use super::super::table::{Kind, Row, duration, row};
use crate::server_config::Hsts;

const TEN_YEARS: u64 = 10 * 365 * 86_400;

pub(super) const HSTS: &[Row<Hsts>] = &[
    row(
        "max_age",
        duration(0, TEN_YEARS, |hsts, age| hsts.max_age = age),
        Text("\"30d\""),
        "How long clients are to remember it; 0 has them forget it.",
    ),
    row(
        "include_subdomains",
        Kind::Bool(|hsts, on| hsts.include_subdomains = on),
        Text("false"),
        "Whether it counts for all names below as well.",
    ),
    row(
        "preload",
        Kind::Bool(|hsts, on| hsts.preload = on),
        Text("false"),
        "Whether browsers may know it beforehand; only for names that are on their list.",
    ),
    row(
        "localhost",
        Kind::Bool(|hsts, on| hsts.localhost = on),
        Text("false"),
        "Whether clients that asked for `localhost`, or for an address, are told too.",
    ),
];
