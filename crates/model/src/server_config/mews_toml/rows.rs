//! The rows of `mews.toml`: every key, what it holds, what counts without it, and where its value goes.
//!
//! **A new key is a line here**, in the table that it belongs to, and a field of the value that the closure sets:
//!
//! ```text
//! row("queue_limit", number(1, 65_535, |pool, n| pool.pool.queue = n.value), Text("1000"), "Requests that …."),
//! ```
//!
//! Reader, messages, hints for misspelt names and `docs/reference/mews-toml.md` follow from it (print the page anew: a
//! test compares it, and reads every default to see that it is the value's own). [`Kind`] lists what a key can hold. A
//! table of keys in a table is [`Kind::Nested`], as `pool` shows with `recycle`; those of pools are there.

mod access_log;
mod application;
mod authentication;
mod binding;
mod certificate;
mod compression;
mod hsts;
mod limits;
mod pool;

use super::super::draft::{ApplicationDraft, BindingDraft, Draft, Placed, PoolDraft, SiteDraft};
use super::super::{CertificateFiles, ClientCertificates, Http2, HttpsRedirect, Pool};
use super::table::Default::{Required, Text, Words};
use super::table::{Form, Kind, Nested, Row, number, row};
use access_log::ACCESS_LOG;
use application::APPLICATION;
use authentication::AUTHENTICATION;
use binding::BINDING;
use certificate::CERTIFICATE;
use compression::COMPRESSION;
use hsts::HSTS;
pub(super) use limits::LIMITS;
use pool::POOL;

const UINT: u64 = u32::MAX as u64;

/// The document itself.
pub(super) const ROOT: &[Row<Draft>] = &[
    row(
        "site",
        Kind::Nested(&Nested {
            form: Form::Many,
            what: "site",
            rows: SITE,
            open: |file: &mut Draft, at| file.sites.push_mut(SiteDraft::new(at.at)),
            off: None,
            short: None,
        }),
        Words("none"),
        "A site: where it listens, and the applications in it.",
    ),
    row(
        "pool",
        Kind::Nested(&Nested {
            form: Form::Named,
            what: "pool",
            rows: POOL,
            open: |file: &mut Draft, name| {
                file.pools.push_mut(PoolDraft { at: name.at, pool: Pool::new(name.value) })
            },
            off: None,
            short: None,
        }),
        Words("none"),
        "An application pool: when its worker starts, idles, recycles and is given up. A pool that is used and not \
         written has the defaults.",
    ),
    row(
        "admin",
        Kind::Parsed { what: "admin address", example: "\"127.0.0.1:9090\"", read: Draft::read_admin },
        Words("none"),
        "Where Prometheus finds metrics, at `/metrics`. Whoever reaches it can read them.",
    ),
];

const SITE: &[Row<SiteDraft>] = &[
    row("name", Kind::Text(|site, name| site.name = name), Required, "Its name, unique."),
    row(
        "id",
        number(1, UINT, |site, n| {
            site.id = u32::try_from(n.value).ok().map(|value| Placed { value, at: n.at });
        }),
        Words("the next free number"),
        "Its number, unique. It is a part of what an app sees as its `APPL_MD_PATH`, `/LM/W3SVC/1/ROOT`.",
    ),
    row(
        "auto_start",
        Kind::Bool(|site, on| site.site.auto_start = on),
        Text("true"),
        "Whether it is served from the start on, or only after `mews start`.",
    ),
    row(
        "bindings",
        Kind::Nested(&Nested {
            form: Form::Many,
            what: "binding",
            rows: BINDING,
            open: |site: &mut SiteDraft, at| site.bindings.push_mut(BindingDraft::new(at.at)),
            off: None,
            short: Some("url"),
        }),
        Words("at least one"),
        "Where it listens. A text is the `url`.",
    ),
    row(
        "certificate",
        Kind::Nested(&Nested {
            form: Form::Many,
            what: "certificate",
            rows: CERTIFICATE,
            open: |site: &mut SiteDraft, _| site.site.certificates.push_mut(CertificateFiles::default()),
            off: None,
            short: Some("cert"),
        }),
        Words("none"),
        "The certificate of its https bindings. Of several the one for the name that a client asks for is used, and \
         the first for all other clients; changed files are taken at once. A text is the `cert`.",
    ),
    row(
        "client_certificates",
        Kind::Choice(&[
            ("none", |site| site.site.client_certificates = ClientCertificates::None),
            ("allow", |site| site.site.client_certificates = ClientCertificates::Allow),
            ("require", |site| site.site.client_certificates = ClientCertificates::Require),
        ]),
        Text("\"none\""),
        "Whether https clients are asked for a certificate; with `\"require\"` those without get 403.7.",
    ),
    row(
        "client_ca",
        Kind::Path(|site, path| site.site.client_ca = Some(path.value)),
        Words("any certificate"),
        "Authorities (PEM) whose client certificates are accepted.",
    ),
    row(
        "hsts",
        Kind::Nested(&Nested {
            form: Form::One,
            what: "hsts",
            rows: HSTS,
            open: |site: &mut SiteDraft, _| site.site.hsts.get_or_insert_default(),
            off: Some(|site| site.site.hsts = None),
            short: Some("max_age"),
        }),
        Text("false"),
        "`Strict-Transport-Security`: has clients that came over https use nothing else. A text is the `max_age`.",
    ),
    row(
        "https_redirect",
        Kind::Choice(&[
            ("off", |site| site.site.https_redirect = None),
            ("temporary", |site| site.site.https_redirect = Some(HttpsRedirect::Temporary)),
            ("permanent", |site| site.site.https_redirect = Some(HttpsRedirect::Permanent)),
        ]),
        Text("\"off\""),
        "Whether http requests are sent to https, with 307 or with 308.",
    ),
    row(
        "https_port",
        number(1, 65_535, |site, n| site.site.https_port = u16::try_from(n.value).ok()),
        Words("that of the https binding for the name"),
        "The port that clients reach https at, for that redirect.",
    ),
    row(
        "compression",
        Kind::Nested(&Nested {
            form: Form::One,
            what: "compression",
            rows: COMPRESSION,
            open: |site: &mut SiteDraft, _| site.site.compression.get_or_insert_default(),
            off: Some(|site| site.site.compression = None),
            short: Some("encodings"),
        }),
        Text("false"),
        "How responses are compressed. An application's `urlCompression doDynamicCompression` in `web.config` counts \
         before it. A text is the `encodings`.",
    ),
    row(
        "access_log",
        Kind::Nested(&Nested {
            form: Form::One,
            what: "access_log",
            rows: ACCESS_LOG,
            open: |site: &mut SiteDraft, _| site.site.access_log.get_or_insert_default(),
            off: None,
            short: Some("file"),
        }),
        Words("none"),
        "Where a line is written for each request. A text is the `file`.",
    ),
    row(
        "authentication",
        Kind::Nested(&Nested {
            form: Form::One,
            what: "authentication",
            rows: AUTHENTICATION,
            open: |site: &mut SiteDraft, _| site.site.authentication.get_or_insert_default(),
            off: None,
            short: Some("keytab"),
        }),
        Words("the system's keytab"),
        "Where keys are and how names look, for applications whose `web.config` lets users sign in. A text is the `keytab`.",
    ),
    row(
        "http2",
        Kind::Choice(&[
            ("off", |site| site.site.http2 = Http2::Off),
            ("tls", |site| site.site.http2 = Http2::Tls),
            ("always", |site| site.site.http2 = Http2::Always),
        ]),
        Text("\"tls\""),
        "Where HTTP/2 is spoken: nowhere, over TLS with clients that offer it, or also without TLS with clients that begin \
         with it (prior knowledge).",
    ),
    row(
        "limits",
        Kind::Nested(&Nested {
            form: Form::One,
            what: "limits",
            rows: LIMITS,
            open: |site: &mut SiteDraft, _| &mut site.site.limits,
            off: None,
            short: None,
        }),
        Words("those below"),
        "What clients may ask of its connections. Of several sites in one pool, those of the first application count.",
    ),
    row(
        "application",
        Kind::Nested(&Nested {
            form: Form::Many,
            what: "application",
            rows: APPLICATION,
            open: |site: &mut SiteDraft, at| site.applications.push_mut(ApplicationDraft::new(at.at)),
            off: None,
            short: None,
        }),
        Words("none"),
        "An application of the site. One of them has the path `/`.",
    ),
    row(
        "physical_path",
        Kind::Path(|site, path| site.short().physical_path = Some(path)),
        Words("none"),
        "For a site with one application: short for an `application` with this path and `path = \"/\"`.",
    ),
    row(
        "pool",
        Kind::Text(|site, name| site.short().pool = Some(name)),
        Words("the site's name"),
        "The pool of that application.",
    ),
];

impl SiteDraft {
    /// The application that the site's own `physical_path` and `pool` are about.
    fn short(&mut self) -> &mut ApplicationDraft {
        let at = self.at;
        self.short.get_or_insert_with(|| ApplicationDraft::new(at))
    }
}
