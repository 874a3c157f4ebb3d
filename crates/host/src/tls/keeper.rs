//! The certificates in use, and whether their files have changed. Looking is cheap, works on every file system, and
//! finds files that were replaced as well as files that were written to.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use mews_model::url::ListenUrl;
use mews_server::tls::CertificateMaterial;

use super::load::{self, Loaded};
use super::source::{Configured, Source};
use super::{TlsProblem, TlsSpec, self_signed};

/// How a file looks: device, inode, length, and its last change in seconds and nanoseconds.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Keeper {
    source: Source,
    /// Made here, because no certificate was named.
    stand_in: Option<CertificateMaterial>,
    spec: TlsSpec,
    /// How the files looked when they were last read.
    known: Vec<Stamp>,
    /// How they looked at the last look, if that was different.
    changing: Option<Vec<Stamp>>,
}

/// What a look has found.
pub(crate) enum News {
    /// Workers are to use [`Keeper::spec`] from now on. What is odd about it.
    Changed(Vec<String>),
    /// The changed files cannot be used; the certificates in use stay.
    Broken(TlsProblem),
}

impl Keeper {
    /// Reads everything. Also answers what is to be said about it.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub(crate) fn new(source: Source, urls: &[ListenUrl]) -> Result<(Self, Vec<String>), TlsProblem> {
        let stand_in = if source.names_some() { None } else { Some(self_signed::make(urls)?) };
        // Before reading, so that a change while they are read is noticed after it.
        let known = stamps(&source);
        let Loaded { spec, mut warnings } = load::load(&source, stand_in.as_ref())?;
        if stand_in.is_some() {
            warnings.push(
                "https uses a SELF-SIGNED certificate for localhost, made now and for this run only: clients will not \
                 trust it. Name a real one with --tls-cert and --tls-key"
                    .to_owned(),
            );
        }
        Ok((Self { source, stand_in, spec, known, changing: None }, warnings))
    }

    /// What the host's configuration says, if the certificates come from there.
    pub(crate) fn configured(&self) -> Option<&Configured> {
        if let Source::Configured(configured) = &self.source { Some(configured) } else { None }
    }

    /// What workers use.
    pub(crate) fn spec(&self) -> &TlsSpec {
        &self.spec
    }

    /// Whether there are files that can change.
    pub(crate) fn has_files(&self) -> bool {
        !self.source.files().is_empty()
    }

    /// Looks. Files are read once they have looked the same twice: whoever replaces several of them is done.
    pub(crate) fn look(&mut self) -> Option<News> {
        let now = stamps(&self.source);
        if now == self.known {
            self.changing = None;
            return None;
        }
        if self.changing.as_ref() != Some(&now) {
            self.changing = Some(now);
            return None;
        }
        self.changing = None;
        self.known = now;
        match load::load(&self.source, self.stand_in.as_ref()) {
            Ok(loaded) if loaded.spec == self.spec => None,
            Ok(loaded) => {
                self.spec = loaded.spec;
                Some(News::Changed(loaded.warnings))
            }
            Err(problem) => Some(News::Broken(problem)),
        }
    }
}

fn stamps(source: &Source) -> Vec<Stamp> {
    let stamp = |path: &PathBuf| {
        let about = fs::metadata(path).ok()?;
        Some((about.dev(), about.ino(), about.len(), about.mtime(), about.mtime_nsec()))
    };
    source.files().into_iter().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::tls::options::{ClientCertificates, TlsOptions};

    struct Made {
        certificate: String,
        key: String,
    }

    fn make(names: &[&str]) -> Made {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        Made { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    fn put(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn options(folder: &Path, made: &Made) -> TlsOptions {
        TlsOptions {
            tls_cert: vec![put(folder, "cert.pem", &made.certificate)],
            tls_key: vec![put(folder, "key.pem", &made.key)],
            ..TlsOptions::default()
        }
    }

    fn refused(options: TlsOptions) -> String {
        Keeper::new(Source::Options(options), &[]).map(drop).unwrap_err().to_string()
    }

    #[test]
    fn changed_files_are_taken_when_they_have_settled_and_broken_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let (mut keeper, warnings) =
            Keeper::new(Source::Options(options(folder.path(), &make(&["a.test"]))), &[]).unwrap();
        assert!(warnings.is_empty() && keeper.has_files() && keeper.look().is_none());
        let first = keeper.spec().clone();

        let next = make(&["b.test", "longer, so that the length differs as well"]);
        put(folder.path(), "cert.pem", &next.certificate);
        assert!(keeper.look().is_none(), "still changing");
        assert!(matches!(keeper.look(), Some(News::Broken(_))), "the key is still the old one");
        assert!(keeper.look().is_none(), "told once");
        assert_eq!(keeper.spec(), &first);

        put(folder.path(), "key.pem", &format!("{}\n", next.key));
        assert!(keeper.look().is_none());
        assert!(matches!(keeper.look(), Some(News::Changed(_))));
        assert_ne!(keeper.spec(), &first);

        fs::remove_file(folder.path().join("key.pem")).unwrap();
        assert!(keeper.look().is_none());
        assert!(
            matches!(keeper.look(), Some(News::Broken(problem)) if problem.to_string().contains("no such file"))
        );
    }

    #[test]
    fn every_mistake_names_the_file_and_the_cure() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (make(&["a.test"]), make(&["b.test"]));
        let good = options(folder.path(), &one);
        let missing = TlsOptions { tls_key: Vec::new(), ..good.clone() };
        assert!(
            refused(missing)
                .contains("cert.pem: its private key is missing; name the key's file with --tls-key")
        );
        let mixed = TlsOptions { tls_key: vec![put(folder.path(), "other.pem", &other.key)], ..good.clone() };
        let text = refused(mixed);
        assert!(text.contains("other.pem: the key does not match the certificate"), "{text}");
        let swapped =
            TlsOptions { tls_cert: good.tls_key.clone(), tls_key: good.tls_cert.clone(), ..good.clone() };
        assert!(refused(swapped).contains("is it meant for --tls-key?"));
        let twice = TlsOptions { tls_key: good.tls_cert.clone(), ..good.clone() };
        assert!(refused(twice).contains("is it meant for --tls-cert?"));
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let locked =
            TlsOptions { tls_key: vec![put(folder.path(), "locked.pem", encrypted)], ..good.clone() };
        assert!(refused(locked).contains("locked.pem: the key is encrypted; decrypt it (openssl pkey"));
        let gone = TlsOptions { tls_cert: vec![folder.path().join("gone.pem")], ..good.clone() };
        assert!(refused(gone).contains("gone.pem: there is no such file"));
        let garbage = TlsOptions { tls_cert: vec![put(folder.path(), "x.pfx", "garbage")], ..good.clone() };
        assert!(refused(garbage).contains("neither PEM nor PKCS#12"));
        let extra = TlsOptions { tls_key: vec![good.tls_key[0].clone(); 2], ..good.clone() };
        assert!(refused(extra).contains("there is no certificate for this key"));
        let ca = TlsOptions {
            client_certificates: ClientCertificates::Require,
            client_ca: Some(good.tls_key[0].clone()),
            ..good.clone()
        };
        assert!(refused(ca).contains("--client-ca"));
        // The key may lie in the certificate's file.
        let both = put(folder.path(), "both.pem", &format!("{}{}", one.key, one.certificate));
        let options = TlsOptions { tls_cert: vec![both], tls_key: Vec::new(), ..good };
        Keeper::new(Source::Options(options), &[]).unwrap();
    }

    #[test]
    fn an_expired_certificate_is_used_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let made = Made { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() };
        let (_, warnings) = Keeper::new(Source::Options(options(folder.path(), &made)), &[]).unwrap();
        assert!(
            warnings[0].contains("cert.pem: the certificate has expired on Jan  1 00:00:00 2002"),
            "{warnings:?}"
        );
    }

    #[test]
    fn without_a_certificate_one_is_made_and_said_loudly() {
        let (keeper, warnings) = Keeper::new(Source::Options(TlsOptions::default()), &[]).unwrap();
        assert!(!keeper.has_files());
        assert!(warnings.iter().any(|warning| warning.contains("SELF-SIGNED")));
    }
}
