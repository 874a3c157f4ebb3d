//! An authority, what it issues, and what it says of that. Each test program uses a part of it.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, Model, TestHost};
use std::fs;
use std::process::Command;

/// A folder with an authority and what it has issued.
pub(crate) struct Certificates {
    folder: tempfile::TempDir,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Test authority");
        let key = rcgen::KeyPair::generate().unwrap();
        fs::write(folder.path().join("ca.key"), key.serialize_pem()).unwrap();
        fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: rcgen::Issuer::new(params, key) }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Writes `NAME.pem` and `NAME.key`.
    pub(crate) fn issue(&self, name: &str, hosts: &[&str]) {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(hosts).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        // By renaming, as careful people replace such files.
        for (ending, text) in [("key", key.serialize_pem()), ("pem", certificate.pem())] {
            let new = self.folder.path().join("new");
            fs::write(&new, text).unwrap();
            fs::rename(new, self.folder.path().join(format!("{name}.{ending}"))).unwrap();
        }
    }

    /// Writes `NAME.pfx`, with `NAME.pem`, its key and the authority, and `NAME.password`.
    pub(crate) fn archive(&self, name: &str, password: &str) {
        fs::write(self.path(&format!("{name}.password")), format!("{password}\n")).unwrap();
        let file = |ending: &str| self.path(&format!("{name}.{ending}"));
        openssl(&[
            &["pkcs12", "-export", "-passout", &format!("pass:{password}")],
            &[
                "-in",
                &file("pem"),
                "-inkey",
                &file("key"),
                "-certfile",
                &self.path("ca.pem"),
                "-out",
                &file("pfx"),
            ],
        ]);
    }

    /// Writes `NAME.ocsp`: what the authority says of `NAME.pem`.
    pub(crate) fn state(&self, name: &str, revoked: bool) {
        let certificate = self.path(&format!("{name}.pem"));
        let serial = openssl(&[&["x509", "-noout", "-serial", "-in", &certificate]]);
        let serial = serial.trim().trim_start_matches("serial=");
        let (flag, when) = if revoked { ("R", "250101000000Z") } else { ("V", "") };
        let line = format!("{flag}\t491231235959Z\t{when}\t{serial}\tunknown\t/CN={name}\n");
        fs::write(self.path("index"), line).unwrap();
        let (ca, key, request) = (self.path("ca.pem"), self.path("ca.key"), self.path("request"));
        openssl(&[&["ocsp", "-issuer", &ca, "-cert", &certificate, "-no_nonce", "-reqout", &request]]);
        openssl(&[
            &["ocsp", "-index", &self.path("index"), "-CA", &ca, "-rsigner", &ca, "-rkey", &key],
            &["-reqin", &request, "-ndays", "7", "-respout", &self.path("new")],
        ]);
        fs::rename(self.path("new"), self.path(&format!("{name}.ocsp"))).unwrap();
    }

    pub(crate) fn host(&self, app: &str, model: Model) -> HostBuilder {
        let (certificate, key) = (self.path("server.pem"), self.path("server.key"));
        let builder = TestHost::app(app).model(model).urls("https://127.0.0.1:0");
        builder.flag("--tls-cert").flag(&certificate).flag("--tls-key").flag(&key)
    }
}

/// Runs `openssl` and answers what it printed.
pub(crate) fn openssl(arguments: &[&[&str]]) -> String {
    let arguments = arguments.concat();
    let done = Command::new("openssl").args(&arguments).output().expect("openssl can be run");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}
