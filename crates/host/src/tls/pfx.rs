//! The certificate, its issuers and the private key in a PKCS#12 archive, as Windows exports them.

use std::path::Path;

use mews_server::tls::CertificateMaterial;
use p12_keystore::{Certificate, Pkcs12Archive};

use super::TlsProblem;
use super::file::CertificateFile;

const CERT: &str = "--tls-cert";
/// Longest chain that is put together.
const LONGEST: usize = 10;

/// Opens an archive; without a password the empty one is tried.
pub(super) fn open(path: &Path, bytes: &[u8], password: Option<&str>) -> Result<CertificateFile, TlsProblem> {
    let problem = |text: String| TlsProblem::of_file(CERT, path, text);
    if bytes.first() != Some(&0x30) {
        return Err(problem("it is neither PEM nor PKCS#12 (.pfx); is it the right file?".to_owned()));
    }
    let archive = Pkcs12Archive::from_pkcs12(bytes, password.unwrap_or_default()).map_err(|error| {
        problem(match password {
            Some(_) => format!(
                "the PKCS#12 archive cannot be opened with the password of --tls-password-file, or is damaged ({error})"
            ),
            None => format!(
                "the PKCS#12 archive cannot be opened without a password ({error}); name a file that holds it with \
                 --tls-password-file"
            ),
        })
    })?;
    let Some(key) = archive.keys.first() else {
        return Err(problem("the archive holds no private key; export it together with its key".to_owned()));
    };
    let der = key.key.as_der().to_vec();
    let belongs = |certificate: &Certificate| {
        let chain = vec![certificate.as_der().to_vec()];
        CertificateMaterial { chain, key: der.clone(), ocsp: None }.check().is_ok()
    };
    let own = archive.certs.iter().map(|bag| &bag.cert).find(|certificate| belongs(certificate));
    let Some(own) = own else {
        return Err(problem(
            "the archive holds no certificate that its private key belongs to, or a key of a kind that is not supported"
                .to_owned(),
        ));
    };
    let mut chain = vec![own];
    // Issuers in order; the root is left out, since a client has it or does not trust it.
    while let Some(last) = chain.last().copied().filter(|_| chain.len() < LONGEST) {
        let issuer = archive.certs.iter().map(|bag| &bag.cert).find(|certificate| {
            certificate.subject() == last.issuer() && certificate.subject() != certificate.issuer()
        });
        match issuer {
            Some(issuer) if !chain.iter().any(|known| known.as_der() == issuer.as_der()) => {
                chain.push(issuer)
            }
            _ => break,
        }
    }
    let chain = chain.into_iter().map(|certificate| certificate.as_der().to_vec()).collect();
    Ok(CertificateFile { chain, key: Some(der) })
}
