//! Client certificates as the rules about them see them.

use mews_model::authentication::{Certificate, NamePart};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::X509Name;

/// `None` when it cannot be read.
pub(super) fn parsed(der: &[u8]) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(Certificate {
        der: der.to_vec(),
        subject: parts(certificate.subject()),
        issuer: parts(certificate.issuer()),
    })
}

/// The parts of a name; kinds without an abbreviation are written as numbers.
fn parts(name: &X509Name<'_>) -> Vec<NamePart> {
    let registry = x509_parser::objects::oid_registry();
    let attributes = name.iter_attributes().filter_map(|attribute| {
        let value = attribute.as_str().ok()?.to_owned();
        let oid = attribute.attr_type();
        let kind = x509_parser::objects::oid2abbrev(oid, registry)
            .map_or_else(|_| oid.to_id_string(), str::to_owned);
        Some(NamePart { kind, value })
    });
    attributes.collect()
}
