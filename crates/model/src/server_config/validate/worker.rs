//! What sites have to agree in because the workers of a pool serve them all.

use std::collections::BTreeMap;

use super::super::Site;
use super::name;
use crate::web_config::hints::shorten;
use crate::web_config::report::{Place, Report};

/// Limits hold for a worker's connections before it is known which site a request is for: what the first site says holds for
/// all of a pool. `places` are those of the sites.
pub(super) fn check(sites: &[Site], places: &[Place], report: &mut Report<'_>) {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    for (number, (site, at)) in sites.iter().zip(places).enumerate() {
        let mut told = Vec::new();
        for application in &site.applications {
            let pool = application.pool.to_ascii_lowercase();
            let before = *first.entry(pool.clone()).or_insert(number);
            let Some(other) = sites.get(before).filter(|other| other.limits != site.limits) else { continue };
            if report.is_full() || told.contains(&pool) {
                continue;
            }
            let message = format!(
                "{} and {} have applications in the pool '{}' and different 'limits', but a worker of the pool has only one kind \
                 of connections",
                name::site(&site.name),
                name::site(&other.name),
                shorten(&application.pool)
            );
            report.violation(*at, message, |problem| {
                problem.help("let 'limits' be the same, or give their applications different pools")
            });
            told.push(pool);
        }
    }
}
