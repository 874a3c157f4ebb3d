//! All files that the options name, read and checked against each other.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use mews_server::tls::{CertificateFacts, CertificateMaterial, Tls, TlsError};
use x509_parser::time::ASN1Time;

use super::options::{ClientCertificates, TlsOptions};
use super::{TlsProblem, TlsSpec, file};

const CERT: &str = "--tls-cert";

/// What was read, and what is odd about it.
pub(super) struct Loaded {
    pub(super) spec: TlsSpec,
    pub(super) warnings: Vec<String>,
}

/// Reads everything. `stand_in` is used when no certificate is named.
pub(super) fn load(
    options: &TlsOptions,
    stand_in: Option<&CertificateMaterial>,
) -> Result<Loaded, TlsProblem> {
    let mut warnings = Vec::new();
    let password = options.tls_password_file.as_deref().map(password).transpose()?;
    let mut certificates = Vec::new();
    let mut keys = options.tls_key.iter();
    for (index, path) in options.tls_cert.iter().enumerate() {
        let read = file::certificate(path, password.as_deref())?;
        let (key, key_path) = match read.key {
            Some(key) => (key, path),
            None => {
                let key_path = keys.next().ok_or_else(|| {
                    TlsProblem::of_file(
                        CERT,
                        path,
                        "its private key is missing; name the key's file with --tls-key",
                    )
                })?;
                (file::key(key_path)?, key_path)
            }
        };
        let ocsp = options.tls_ocsp.get(index).map(|path| ocsp(path)).transpose()?;
        let material = CertificateMaterial { chain: read.chain, key, ocsp };
        let facts = material.check().map_err(|error| explain(&error, path, key_path))?;
        warnings.extend(untimely(path, &facts));
        certificates.push(material);
    }
    if let Some(path) = keys.next() {
        return Err(TlsProblem::of_file(
            "--tls-key",
            path,
            "there is no certificate for this key; name as many --tls-key as --tls-cert files without a key",
        ));
    }
    if let Some(path) = options.tls_ocsp.get(options.tls_cert.len()) {
        return Err(TlsProblem::of_file("--tls-ocsp", path, "there is no certificate for this response"));
    }
    certificates.extend(stand_in.cloned());
    let client_ca = options.client_ca.as_deref().map(file::authorities).transpose()?.unwrap_or_default();
    if let (Some(path), ClientCertificates::None) = (&options.client_ca, options.client_certificates) {
        let text = "clients are not asked for certificates; add --client-certificates allow or require";
        return Err(TlsProblem::of_file("--client-ca", path, text));
    }
    if options.client_certificates != ClientCertificates::None && client_ca.is_empty() {
        warnings.push(
            "clients' certificates of any origin are accepted, because there is no --client-ca; the app must judge them"
                .to_owned(),
        );
    }
    let spec = TlsSpec::new(certificates, options.client_certificates, client_ca);
    // What is left are the trust anchors.
    Tls::new(&spec.material()).map_err(|error| match &options.client_ca {
        Some(path) => TlsProblem::of_file("--client-ca", path, error.to_string()),
        None => TlsProblem::of_option(CERT, error.to_string()),
    })?;
    Ok(Loaded { spec, warnings })
}

/// The first line of the file.
fn password(path: &Path) -> Result<String, TlsProblem> {
    const PASSWORD: &str = "--tls-password-file";
    let bytes = file::read(PASSWORD, path)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| TlsProblem::of_file(PASSWORD, path, "the password is not UTF-8"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn ocsp(path: &Path) -> Result<Vec<u8>, TlsProblem> {
    const OCSP: &str = "--tls-ocsp";
    let bytes = file::read(OCSP, path)?;
    if bytes.first() != Some(&0x30) {
        return Err(TlsProblem::of_file(OCSP, path, "it is no OCSP response in DER form"));
    }
    Ok(bytes)
}

fn explain(error: &TlsError, path: &Path, key_path: &Path) -> TlsProblem {
    let in_one = path == key_path;
    match error {
        TlsError::Mismatch if in_one => {
            TlsProblem::of_file(CERT, path, "the private key in it is not that of its first certificate")
        }
        TlsError::Mismatch => TlsProblem::of_file(
            "--tls-key",
            key_path,
            format!(
                "the key does not match the certificate {}; in a PEM file the server's own certificate comes first, \
                 its issuers after it",
                path.display()
            ),
        ),
        TlsError::Key(_) if !in_one => TlsProblem::of_file(
            "--tls-key",
            key_path,
            format!(
                "{error}; RSA (2048 to 8192 bits), ECDSA (P-256, P-384, P-521) and Ed25519 keys can be used"
            ),
        ),
        _ => TlsProblem::of_file(CERT, path, error.to_string()),
    }
}

/// What is odd about its time.
fn untimely(path: &Path, facts: &CertificateFacts) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let (what, at, cure) = if now > facts.not_after {
        ("has expired on", facts.not_after, "renew it")
    } else if now < facts.not_before {
        ("is not valid before", facts.not_before, "look at this machine's clock")
    } else {
        return None;
    };
    let at = ASN1Time::from_timestamp(at).map_or_else(|_| at.to_string(), |time| time.to_string());
    Some(format!("{CERT} {}: the certificate {what} {at}; clients will refuse it; {cure}", path.display()))
}
