//! All files that the options name, read and checked against each other.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use mews_model::server_config::CertificateFiles;
use mews_server::tls::{CertificateFacts, CertificateMaterial, Tls, TlsError};
use x509_parser::time::ASN1Time;

use super::options::{ClientCertificates, TlsOptions};
use super::source::Source;
use super::{TlsProblem, TlsSpec, file, in_configuration};

const CERT: &str = "--tls-cert";

/// What was read, and what is odd about it.
pub(super) struct Loaded {
    pub(super) spec: TlsSpec,
    pub(super) warnings: Vec<String>,
}

/// Reads everything. `stand_in` is used when no certificate is named.
pub(super) fn load(source: &Source, stand_in: Option<&CertificateMaterial>) -> Result<Loaded, TlsProblem> {
    let loaded = read(source, stand_in);
    if matches!(source, Source::Options(_)) {
        return loaded;
    }
    let Loaded { spec, warnings } = loaded.map_err(TlsProblem::in_configuration)?;
    Ok(Loaded { spec, warnings: warnings.iter().map(|warning| in_configuration(warning)).collect() })
}

fn read(source: &Source, stand_in: Option<&CertificateMaterial>) -> Result<Loaded, TlsProblem> {
    let mut warnings = Vec::new();
    let mut certificates = match source {
        Source::Options(options) => of_options(options, &mut warnings)?,
        Source::Configured(configured) => {
            let all = configured.certificates.iter();
            all.map(|files| of_files(files, &mut warnings)).collect::<Result<_, _>>()?
        }
    };
    certificates.extend(stand_in.cloned());
    let clients = source.clients();
    let client_ca = clients.authorities.map(file::authorities).transpose()?.unwrap_or_default();
    if let (Some(path), ClientCertificates::None) = (clients.authorities, clients.asked) {
        let text = "clients are not asked for certificates; add --client-certificates allow or require";
        return Err(TlsProblem::of_file("--client-ca", path, text));
    }
    if clients.asked != ClientCertificates::None && client_ca.is_empty() {
        warnings.push(
            "clients' certificates of any origin are accepted, because there is no --client-ca; the app must judge them"
                .to_owned(),
        );
    }
    let spec = TlsSpec::new(certificates, clients.asked, client_ca);
    // What is left are the trust anchors.
    Tls::new(&spec.material()).map_err(|error| match clients.authorities {
        Some(path) => TlsProblem::of_file("--client-ca", path, error.to_string()),
        None => TlsProblem::of_option(CERT, error.to_string()),
    })?;
    Ok(Loaded { spec, warnings })
}

/// The certificates of a command line, where keys are named in the order of the certificates that need one.
fn of_options(
    options: &TlsOptions,
    warnings: &mut Vec<String>,
) -> Result<Vec<CertificateMaterial>, TlsProblem> {
    let password = options.tls_password_file.as_deref().map(password).transpose()?;
    let mut certificates = Vec::new();
    let mut keys = options.tls_key.iter();
    for (index, path) in options.tls_cert.iter().enumerate() {
        let read = file::certificate(path, password.as_deref())?;
        let key = if read.key.is_none() { keys.next() } else { None };
        let ocsp = options.tls_ocsp.get(index).map(PathBuf::as_path);
        certificates.push(material(path, read, key.map(PathBuf::as_path), ocsp, warnings)?);
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
    Ok(certificates)
}

/// A certificate of the host's configuration.
fn of_files(files: &CertificateFiles, warnings: &mut Vec<String>) -> Result<CertificateMaterial, TlsProblem> {
    let password = files.password_file.as_deref().map(password).transpose()?;
    let read = file::certificate(&files.cert, password.as_deref())?;
    material(&files.cert, read, files.key.as_deref(), files.ocsp.as_deref(), warnings)
}

fn material(
    path: &Path,
    read: file::CertificateFile,
    key: Option<&Path>,
    response: Option<&Path>,
    warnings: &mut Vec<String>,
) -> Result<CertificateMaterial, TlsProblem> {
    let (key, key_path) = match (read.key, key) {
        (Some(key), _) => (key, path),
        (None, Some(key_path)) => (file::key(key_path)?, key_path),
        (None, None) => {
            let text = "its private key is missing; name the key's file with --tls-key";
            return Err(TlsProblem::of_file(CERT, path, text));
        }
    };
    let material = CertificateMaterial { chain: read.chain, key, ocsp: response.map(ocsp).transpose()? };
    let facts = material.check().map_err(|error| explain(&error, path, key_path))?;
    warnings.extend(untimely(path, &facts));
    Ok(material)
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
