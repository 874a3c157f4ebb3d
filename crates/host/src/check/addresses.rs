//! Whether the addresses can be listened on at this moment. They are bound for an instant.

use mews_model::Severity;
use mews_model::url::{ListenUrl, parse_urls};

use super::problem::Problem;
use super::report::Report;
use crate::fatal::Fatal;
use crate::listeners;

/// Looks at `--urls`, or at `ASPNETCORE_URLS` when it is set; otherwise at nothing: an app that runs already has the
/// default address, and that is no mistake.
///
/// # Errors
/// `--urls` is malformed: wrong usage.
pub(super) fn check(option: Option<&str>, report: &mut Report) -> Result<(), Fatal> {
    let inherited = std::env::var("ASPNETCORE_URLS").ok().filter(|urls| !urls.trim().is_empty());
    let (origin, text) = match (option, &inherited) {
        (Some(urls), _) => ("--urls", urls),
        (None, Some(urls)) => ("ASPNETCORE_URLS", urls.as_str()),
        (None, None) => return Ok(()),
    };
    let urls = match parse_urls(text) {
        Ok(urls) => urls,
        Err(error) if origin == "--urls" => return Err(Fatal::Usage(format!("{origin}: {error}"))),
        Err(error) => {
            report.add(Problem::new(Severity::Error, format!("{origin}: {error}")));
            return Ok(());
        }
    };
    let problems = bind(&urls);
    if problems.is_empty() {
        let urls: Vec<String> = urls.iter().map(ListenUrl::to_string).collect();
        report.fact("addresses", format!("{}, free now", urls.join(", ")));
    }
    for problem in problems {
        report.add(Problem::new(Severity::Error, problem));
    }
    Ok(())
}

/// Why some of them cannot be listened on.
fn bind(urls: &[ListenUrl]) -> Vec<String> {
    let Err(first) = listeners::check(urls) else { return Vec::new() };
    // One after the other, so that each problem is told and not the first alone.
    let each = urls.iter().filter_map(|url| listeners::check(std::slice::from_ref(url)).err());
    let each: Vec<String> = each.map(|error| error.to_string()).collect();
    if each.is_empty() { vec![first.to_string()] } else { each }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn every_taken_address_is_told() {
        let holders = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
        let urls: Vec<String> =
            holders.iter().map(|holder| format!("http://{}", holder.local_addr().unwrap())).collect();
        let mut report = Report::default();
        check(Some(&format!("{};http://127.0.0.1:0", urls.join(";"))), &mut report).unwrap();
        let text = report.text();
        assert_eq!(report.problems.len(), 2, "{text}");
        assert!(urls.iter().all(|url| text.contains(url.as_str())), "{text}");
    }

    #[test]
    fn free_addresses_are_a_fact() {
        let mut report = Report::default();
        check(Some("http://127.0.0.1:0"), &mut report).unwrap();
        assert!(!report.has_errors() && report.facts.len() == 1);
        assert!(matches!(check(Some("nonsense"), &mut report), Err(Fatal::Usage(_))));
        check(Some("https://127.0.0.1:0"), &mut report).unwrap();
        assert!(!report.has_errors(), "{}", report.text());
    }
}
