//! One file with certificates, keys or both: PEM, or PKCS#12.

use std::fs;
use std::io;
use std::path::Path;

use mews_server::tls::CertificateFacts;
use rustls::pki_types::pem::{PemObject as _, SectionKind};

use super::{TlsProblem, pfx};

const CERT: &str = "--tls-cert";
const KEY: &str = "--tls-key";

/// Larger files are no certificates; what else would be read is not known.
const MOST: u64 = 1 << 20;

/// What a certificate file holds, in DER.
pub(super) struct CertificateFile {
    /// The server's own first.
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) key: Option<Vec<u8>>,
}

/// Reads a file whole. `origin` is the option that named it.
pub(super) fn read(origin: &'static str, path: &Path) -> Result<Vec<u8>, TlsProblem> {
    let problem = |error: &io::Error| {
        let text = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file; look at the path".to_owned(),
            io::ErrorKind::PermissionDenied => {
                "it cannot be read: permission denied; let this user read it (chmod, chgrp)".to_owned()
            }
            _ => format!("it cannot be read: {error}"),
        };
        TlsProblem::of_file(origin, path, text)
    };
    let about = fs::metadata(path).map_err(|error| problem(&error))?;
    if about.is_dir() {
        return Err(TlsProblem::of_file(origin, path, "it is a folder; name the file in it"));
    }
    if about.len() > MOST {
        return Err(TlsProblem::of_file(origin, path, "it is larger than 1 MiB; is it the right file?"));
    }
    fs::read(path).map_err(|error| problem(&error))
}

/// Reads a certificate with its issuers, and its key where the file holds that as well.
pub(super) fn certificate(path: &Path, password: Option<&str>) -> Result<CertificateFile, TlsProblem> {
    let bytes = read(CERT, path)?;
    if !is_pem(&bytes) {
        if CertificateFacts::of(&bytes).is_ok() {
            return Ok(CertificateFile { chain: vec![bytes], key: None });
        }
        return pfx::open(path, &bytes, password);
    }
    let mut file = CertificateFile { chain: Vec::new(), key: None };
    for section in sections(CERT, path, &bytes)? {
        match section {
            (SectionKind::Certificate, der) => file.chain.push(der),
            (SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey, der) => {
                file.key.get_or_insert(der);
            }
            _ => {}
        }
    }
    if file.chain.is_empty() {
        let text = if file.key.is_some() {
            "it holds a private key and no certificate; is it meant for --tls-key?"
        } else {
            "it holds no certificate; a PEM file has one between '-----BEGIN CERTIFICATE-----' and its END"
        };
        return Err(TlsProblem::of_file(CERT, path, text));
    }
    Ok(file)
}

/// Reads a private key.
pub(super) fn key(path: &Path) -> Result<Vec<u8>, TlsProblem> {
    let bytes = read(KEY, path)?;
    if !is_pem(&bytes) {
        return Err(TlsProblem::of_file(
            KEY,
            path,
            "it is not PEM; convert it: openssl pkey -inform DER -in FILE -out key.pem",
        ));
    }
    if contains(&bytes, b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || contains(&bytes, b"Proc-Type: 4,ENCRYPTED")
    {
        return Err(TlsProblem::of_file(
            KEY,
            path,
            "the key is encrypted; decrypt it (openssl pkey -in FILE -out key.pem), or use a .pfx file with \
             --tls-password-file",
        ));
    }
    let found = sections(KEY, path, &bytes)?.into_iter().find_map(|(kind, der)| match kind {
        SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => Some(der),
        _ => None,
    });
    found.ok_or_else(|| {
        let text = if contains(&bytes, b"-----BEGIN CERTIFICATE-----") {
            "it holds a certificate and no private key; is it meant for --tls-cert?"
        } else {
            "it holds no private key; a PEM file has one between '-----BEGIN PRIVATE KEY-----' and its END"
        };
        TlsProblem::of_file(KEY, path, text)
    })
}

/// Reads certificates of authorities.
pub(super) fn authorities(path: &Path) -> Result<Vec<Vec<u8>>, TlsProblem> {
    const CA: &str = "--client-ca";
    let bytes = read(CA, path)?;
    let found: Vec<Vec<u8>> = sections(CA, path, &bytes)?
        .into_iter()
        .filter_map(|(kind, der)| (kind == SectionKind::Certificate).then_some(der))
        .collect();
    if found.is_empty() {
        return Err(TlsProblem::of_file(CA, path, "it holds no certificate in PEM form"));
    }
    Ok(found)
}

fn sections(
    origin: &'static str,
    path: &Path,
    bytes: &[u8],
) -> Result<Vec<(SectionKind, Vec<u8>)>, TlsProblem> {
    <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes).collect::<Result<_, _>>().map_err(|error| {
        TlsProblem::of_file(origin, path, format!("it is no valid PEM ({error}); was it cut or edited?"))
    })
}

fn is_pem(bytes: &[u8]) -> bool {
    contains(bytes, b"-----BEGIN ")
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}
