//! The rows about certificates.

use super::super::table::Default::{Required, Words};
use super::super::table::{Kind, Row, row};
use crate::server_config::CertificateFiles;

pub(super) const CERTIFICATE: &[Row<CertificateFiles>] = &[
    row(
        "cert",
        Kind::Path(|files, path| files.cert = path.value),
        Required,
        "The certificate: PEM with its issuers, or PKCS#12 (.pfx).",
    ),
    row(
        "key",
        Kind::Path(|files, path| files.key = Some(path.value)),
        Words("in `cert`"),
        "The private key (PEM).",
    ),
    row(
        "password_file",
        Kind::Path(|files, path| files.password_file = Some(path.value)),
        Words("no password"),
        "A file whose first line is the password of a PKCS#12 archive.",
    ),
    row(
        "ocsp",
        Kind::Path(|files, path| files.ocsp = Some(path.value)),
        Words("none"),
        "An OCSP response (DER) to send along.",
    ),
];
