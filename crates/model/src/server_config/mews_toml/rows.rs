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

mod authentication;
mod compression;
mod hsts;
mod pool;

use super::super::draft::{ApplicationDraft, BindingDraft, Draft, Placed, PoolDraft, SiteDraft};
use super::super::{
    AccessLog, AccessLogFormat, CertificateFiles, ClientCertificates, ConnectionLimits, Http2,
    HttpsRedirect, Period, Pool,
};
use super::table::Default::{Required, Text, Words};
use super::table::{Form, Kind, Nested, Row, duration, number, row};
use crate::HostingModel;
use authentication::AUTHENTICATION;
use compression::COMPRESSION;
use hsts::HSTS;
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
            open: |site: &mut SiteDraft, at| {
                site.bindings.push_mut(BindingDraft::new(at.at))
            },
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

const BINDING: &[Row<BindingDraft>] = &[
    row(
        "url",
        Kind::Parsed { what: "binding", example: "\"http://*:80\"", read: BindingDraft::read_url },
        Required,
        "Scheme, address and port. `*` is every address; a host name, also one like `*.shop.example`, is every address \
         and only requests for that name. Without a port it is 80 or 443; 0 is any free port.",
    ),
    row(
        "host",
        Kind::Parsed { what: "host name", example: "\"shop.example\"", read: BindingDraft::read_host },
        Words("every name"),
        "The host name, where `url` has an address.",
    ),
    row(
        "http2",
        Kind::Bool(|binding, on| binding.http2 = Some(on)),
        Words("what the site's `http2` says"),
        "Whether HTTP/2 is spoken there: over https with clients that offer it, over http with clients that begin with it \
         (prior knowledge). Https bindings of one address may differ by their host names; http bindings may not.",
    ),
];

const CERTIFICATE: &[Row<CertificateFiles>] = &[
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

const APPLICATION: &[Row<ApplicationDraft>] = &[
    row(
        "path",
        Kind::Text(|application, path| application.path = path),
        Text("\"/\""),
        "`/`, or the path below which it lies. It becomes the app's path base; case does not count.",
    ),
    row(
        "physical_path",
        Kind::Path(|application, path| application.physical_path = Some(path)),
        Required,
        "The folder that `dotnet publish` made, with its `web.config`. It may be a symbolic link, which is followed \
         at each start.",
    ),
    row(
        "pool",
        Kind::Text(|application, name| application.pool = Some(name)),
        Words("one of its own"),
        "Its application pool. One of its own is called as the site, with the path behind: `shop`, `shop-api`.",
    ),
    row(
        "hosting_model",
        Kind::Choice(&[
            ("InProcess", |app| app.application.hosting_model = Some(HostingModel::InProcess)),
            ("OutOfProcess", |app| app.application.hosting_model = Some(HostingModel::OutOfProcess)),
        ]),
        Words("what `web.config` says"),
        "Where it runs. Applications that run in-process need a pool each; the others may share one.",
    ),
    row(
        "authentication",
        Kind::Nested(&Nested {
            form: Form::One,
            what: "authentication",
            rows: AUTHENTICATION,
            open: |app: &mut ApplicationDraft, _| app.application.authentication.get_or_insert_default(),
            off: None,
            short: Some("keytab"),
        }),
        Words("the site's"),
        "The same as the site's `authentication`, in its place.",
    ),
];

const LIMITS: &[Row<ConnectionLimits>] = &[
    row(
        "request_line",
        number(256, 65_536, |limits, n| limits.request_line = n.value),
        Text("8192"),
        "Bytes of a request line; above it 414.",
    ),
    row(
        "header_bytes",
        number(1024, 1_048_576, |limits, n| limits.header_bytes = n.value),
        Text("32768"),
        "Bytes of a request's head; above it 431.",
    ),
    row(
        "header_count",
        number(1, 256, |limits, n| limits.header_count = n.value),
        Text("100"),
        "Fields of a request's head; above it 431.",
    ),
    row(
        "header_timeout",
        duration(1, 3600, |limits, time| limits.header_timeout = time),
        Text("\"30s\""),
        "From the first byte of a head to its last; above it 408.",
    ),
    row(
        "keep_alive_timeout",
        duration(1, 86_400, |limits, time| limits.keep_alive_timeout = time),
        Text("\"130s\""),
        "How long a connection may be idle between requests.",
    ),
    row(
        "request_rate",
        number(0, UINT, |limits, n| limits.request_rate = n.value),
        Text("240"),
        "Bytes per second of a request body while it is waited for; below it 408. 0 is off.",
    ),
    row(
        "response_rate",
        number(0, UINT, |limits, n| limits.response_rate = n.value),
        Text("240"),
        "Bytes per second at which a response must be taken; below it the connection is reset. 0 is off.",
    ),
    row(
        "rate_grace",
        duration(1, 3600, |limits, time| limits.rate_grace = time),
        Text("\"5s\""),
        "How much longer than these rates say it may take.",
    ),
    row(
        "stall_timeout",
        duration(1, 3600, |limits, time| limits.stall_timeout = time),
        Text("\"60s\""),
        "How long a body, or a client that has to take a response, may stand still.",
    ),
    row(
        "handshake_timeout",
        duration(1, 3600, |limits, time| limits.handshake_timeout = time),
        Text("\"10s\""),
        "From accepting a connection to the end of its TLS handshake.",
    ),
    row(
        "http2_ping",
        duration(0, 3600, |limits, time| limits.http2_ping = time),
        Text("\"30s\""),
        "How long an HTTP/2 client with open streams may be silent before it is sent a PING; 0 is off.",
    ),
    row(
        "http2_ping_timeout",
        duration(1, 3600, |limits, time| limits.http2_ping_timeout = time),
        Text("\"20s\""),
        "How long it may take to answer; then the connection is reset.",
    ),
    row(
        "connections",
        number(0, UINT, |limits, n| limits.connections = n.value),
        Text("0"),
        "Open connections of a worker; more wait in the kernel. 0 is as many as files may be open.",
    ),
];

const ACCESS_LOG: &[Row<AccessLog>] = &[
    row(
        "file",
        Kind::Path(|log, path| log.file = path.value),
        Required,
        "The file, which sites and workers may share; `\"-\"` is stderr. Workers open it, as the user that they run as.",
    ),
    row(
        "format",
        Kind::Choice(&[
            ("w3c", |log| log.format = AccessLogFormat::W3c),
            ("combined", |log| log.format = AccessLogFormat::Combined),
            ("json", |log| log.format = AccessLogFormat::Json),
        ]),
        Text("\"w3c\""),
        "W3C extended with IIS's fields, the combined format of Apache and nginx, or JSON lines.",
    ),
    row(
        "period",
        Kind::Choice(&[
            ("never", |log| log.period = Period::Never),
            ("hourly", |log| log.period = Period::Hourly),
            ("daily", |log| log.period = Period::Daily),
            ("weekly", |log| log.period = Period::Weekly),
            ("monthly", |log| log.period = Period::Monthly),
        ]),
        Text("\"daily\""),
        "When a new file is begun (UTC); the old one gets the time of its last line into its name.",
    ),
    row(
        "size",
        Kind::Size(|log, bytes| log.max_bytes = (bytes > 0).then_some(bytes)),
        Text("0"),
        "A new file is also begun when one has this size; 0 is off.",
    ),
    row(
        "keep",
        number(0, UINT, |log, n| log.keep = u32::try_from(n.value).ok().filter(|&n| n > 0)),
        Text("30"),
        "How many old files are kept; 0 is all.",
    ),
];

impl SiteDraft {
    /// The application that the site's own `physical_path` and `pool` are about.
    fn short(&mut self) -> &mut ApplicationDraft {
        let at = self.at;
        self.short.get_or_insert_with(|| ApplicationDraft::new(at))
    }
}
