//! A certificate for when none is given: for this machine's own use, made anew by every `mews run`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{SystemTime, UNIX_EPOCH};

use mews_model::url::{ListenHost, ListenUrl, Scheme};
use mews_server::tls::CertificateMaterial;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};

use super::TlsProblem;

/// Days that it is valid: as many as every browser accepts.
const DAYS: i64 = 365;

/// Makes one for localhost and for the hosts of these URLs.
pub(super) fn make(urls: &[ListenUrl]) -> Result<CertificateMaterial, TlsProblem> {
    let made = || -> Result<CertificateMaterial, rcgen::Error> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        params.subject_alt_names.extend(loopback.map(SanType::IpAddress));
        for url in urls.iter().filter(|url| url.scheme == Scheme::Https) {
            let name = match &url.host {
                ListenHost::Name(name) => SanType::DnsName(name.as_str().try_into()?),
                ListenHost::Ip(ip) if !ip.is_unspecified() => SanType::IpAddress(*ip),
                ListenHost::Ip(_) | ListenHost::Localhost | ListenHost::Any => continue,
            };
            if !params.subject_alt_names.contains(&name) {
                params.subject_alt_names.push(name);
            }
        }
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.distinguished_name.push(DnType::OrganizationName, "Mews, self-signed");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400);
        let today = i64::try_from(now).unwrap_or(0);
        // From yesterday on, for clocks that are a little behind.
        let day = |days: i64| {
            let (year, month, day) = civil(days);
            rcgen::date_time_ymd(year, month, day)
        };
        (params.not_before, params.not_after) = (day(today - 1), day(today + DAYS));
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(CertificateMaterial {
            chain: vec![certificate.der().to_vec()],
            key: key.serialize_der(),
            ocsp: None,
        })
    };
    made().map_err(|error| {
        let text = format!("no self-signed certificate can be made ({error}); give one with --tls-cert");
        TlsProblem::of_option("https", text)
    })
}

/// The date of a day counted from 1970-01-01, in the Gregorian calendar.
fn civil(days: i64) -> (i32, u8, u8) {
    // Years begin in March here, so that the leap day is the last one; eras have 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let small = |value: i64| u8::try_from(value).unwrap_or(1);
    (i32::try_from(year).unwrap_or(1970), small(month), small(day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mews_model::url::parse_urls;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_513, (2026, 3, 1)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(civil(days), expected, "{days}");
        }
    }

    #[test]
    fn it_is_for_localhost_and_the_names_of_the_urls() {
        let urls =
            parse_urls("https://shop.test:0;http://other.test:0;https://*:0;https://192.0.2.1:0").unwrap();
        let facts = make(&urls).unwrap().check().unwrap();
        assert_eq!(facts.names, ["localhost", "shop.test"]);
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
        assert!(facts.not_before < now && facts.not_after > now + (DAYS - 2) * 86_400, "{facts:?}");
    }
}
