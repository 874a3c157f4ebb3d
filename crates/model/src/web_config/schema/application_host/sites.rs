//! The rows of `system.applicationHost/sites`.

use super::super::{Attribute, Collection, Element, Kind, Support, UINT, choice, flag, name, number, text};

const LOG_FILE: Element = Element::part(
    "logFile",
    "The access log: one file for each site, where a directory is named that can exist here.",
)
.attributes(&[
    flag("enabled", "true", "Whether there is one."),
    text(
        "directory",
        "Its folder, in which the file is called as in W3SVC1.log; without it there is no log.",
    ),
    choice(
        "logFormat",
        &["IIS", "NCSA", "W3C", "Custom"],
        "W3C",
        "How its lines look: NCSA is the combined format, the others are W3C.",
    ),
    choice(
        "period",
        &["Hourly", "Daily", "Weekly", "Monthly", "MaxSize"],
        "Daily",
        "When a new file is begun.",
    ),
    number("truncateSize", 1_048_576, u64::MAX >> 1, "20971520", "Bytes of a file, with the period MaxSize."),
    flag("localTimeRollover", "false", "Whether files are begun by local time.")
        .instead("New files are begun by UTC."),
    text("logExtFileFlags", "Which fields are written; here always the usual ones."),
    text("customLogPluginClsid", "A module that writes the log.")
        .instead("Use W3C and a tool that reads it."),
    flag("logSiteId", "true", "Without meaning here."),
    text("logTargetW3C", "Without meaning here."),
    number("flushByEntryCountW3CLog", 0, UINT, "0", "Without meaning here."),
    number("maxLogLineLength", 2, 65_536, "65536", "Without meaning here."),
])
.children(&[Element::part("customFields", "Further fields.")
    .support(Support::Instead("Log the fields in the app."))
    .opaque()]);

const BINDING: Element = Element::part("binding", "An address that the site listens on.").attributes(&[
    name("protocol", "http or https; others are passed over with a warning."),
    name(
        "bindingInformation",
        "Address, port and host name, as in *:80:shop.example, or *:80: for every name.",
    ),
    number(
        "sslFlags",
        0,
        255,
        "0",
        "1: by host name, as always here; 4: no HTTP/2. Of the others, 2 (a store of certificates), 8 (no OCSP response, which \
         is sent only where one is named) and 16 (no HTTP/3) have no meaning here, nor has 64 (nothing below TLS 1.2), since that \
         is so always; 32 (no TLS 1.3) is warned about.",
    ),
    text("certificateFile", "Only here: the certificate, PEM or PKCS#12 (.pfx)."),
    text("keyFile", "Only here: its private key (PEM), where the certificate's file does not hold it."),
    text("passwordFile", "Only here: a file whose first line is the password of the PKCS#12 archive."),
    text("certificateHash", "A certificate in the store of Windows; certificateFile is what counts here."),
    text("certificateStoreName", "That store."),
]);

const BINDINGS: Collection = Collection::add("", &[], &[]).of(BINDING).without_remove();

const VIRTUAL_DIRECTORY_ATTRIBUTES: [Attribute; 6] = [
    name("path", "The URL path below the application; / is the application's own folder."),
    name("physicalPath", "The folder."),
    text("userName", "The account that reads it.")
        .instead("The folder is read as the user that the pool runs as."),
    text("password", "Its password.")
        .instead("Remove it: the folder is read as the user that the pool runs as."),
    choice(
        "logonMethod",
        &["Interactive", "Batch", "Network", "ClearText"],
        "ClearText",
        "Without meaning here.",
    ),
    flag("allowSubDirConfig", "true", "Whether folders below may have a web.config; without meaning here."),
];

const VIRTUAL_DIRECTORY_DEFAULTS: [Attribute; 6] = {
    let mut rows = VIRTUAL_DIRECTORY_ATTRIBUTES;
    rows[0] = text("path", "Not used.");
    rows[1] = text("physicalPath", "The folder.");
    rows
};

const VIRTUAL_DIRECTORIES: Collection = Collection::add("", &[], &[])
    .of(Element::part("virtualDirectory", "A folder of the application.")
        .attributes(&VIRTUAL_DIRECTORY_ATTRIBUTES))
    .without_remove();

const DEFAULT_DIRECTORY: Element =
    Element::part("virtualDirectoryDefaults", "What counts for all that say nothing else.")
        .attributes(&VIRTUAL_DIRECTORY_DEFAULTS);

const APPLICATION_ATTRIBUTES: [Attribute; 6] = [
    name("path", "The URL path; / is the whole site."),
    text("applicationPool", "Its pool."),
    text("enabledProtocols", "Without meaning here: http and https."),
    flag("serviceAutoStartEnabled", "false", "Whether it starts with its pool.")
        .instead("An application starts with its worker: set startMode=\"AlwaysRunning\" on its pool."),
    text("serviceAutoStartProvider", "What warms it up.").instead("Use IHostedService in the app."),
    flag("preloadEnabled", "false", "Whether it starts with its worker, as it always does here."),
];

const APPLICATION_DEFAULTS: [Attribute; 6] = {
    let mut rows = APPLICATION_ATTRIBUTES;
    rows[0] = text("path", "Not used.");
    rows
};

const APPLICATIONS: Collection = Collection::add("", &[], &[])
    .of(Element::part("application", "An application of the site.")
        .attributes(&APPLICATION_ATTRIBUTES)
        .children(&[DEFAULT_DIRECTORY])
        .items(&VIRTUAL_DIRECTORIES))
    .without_remove();

const DEFAULT_APPLICATION: Element =
    Element::part("applicationDefaults", "What counts for all that say nothing else.")
        .attributes(&APPLICATION_DEFAULTS);

const PARTS: [Element; 8] = [
    Element::part("bindings", "Where it listens.").items(&BINDINGS),
    Element::part("limits", "Limits of its connections.").attributes(&[
        number("maxBandwidth", 0, UINT, "4294967295", "Bytes per second.")
            .instead("Bandwidth is not limited: use traffic control of the machine (tc)."),
        number("maxConnections", 0, UINT, "4294967295", "Connections at a time.")
            .instead("Set connections in the limits of a mews.toml; here only open files limit them."),
        Attribute::new(
            "connectionTimeout",
            Kind::TimeSpan { most: UINT },
            Some("00:02:00"),
            "How long a connection may be silent.",
        )
        .instead("Set keep_alive_timeout in the limits of a mews.toml; here it is 130 seconds."),
        number("maxUrlSegments", 0, 16_383, "32", "Parts of a path.")
            .instead("Paths are limited by maxUrl of requestFiltering."),
    ]),
    LOG_FILE,
    Element::part("traceFailedRequestsLogging", "Traces of requests that failed.")
        .support(Support::Silent)
        .opaque(),
    Element::part("hsts", "Strict-Transport-Security.").attributes(&[
        flag("enabled", "false", "Whether it is sent, over https and to clients that asked for a name."),
        number("max-age", 0, UINT, "0", "Seconds."),
        flag("includeSubDomains", "false", "Whether it counts for names below too."),
        flag("preload", "false", "Whether browsers may know it beforehand."),
        flag(
            "redirectHttpToHttps",
            "false",
            "Whether http requests are sent to https with 307, to the port of the https binding (IIS: always to 443).",
        ),
    ]),
    Element::part("ftpServer", "FTP of the site.")
        .support(Support::Instead("Remove it: there is no FTP server here."))
        .opaque(),
    DEFAULT_APPLICATION,
    DEFAULT_DIRECTORY,
];

const SITE: Collection = Collection::add("", &[], &[])
    .of(Element::part("site", "A site.")
        .attributes(&[
            name("name", "Its name."),
            number("id", 1, UINT, "", "Its number.").required(),
            flag("serverAutoStart", "true", "Whether it is served once the host has started."),
        ])
        .children(&PARTS)
        .items(&APPLICATIONS))
    .without_remove();

/// The section.
pub(super) const SITES: Element = Element::section("sites", "The sites.")
    .children(&[
        Element::part("siteDefaults", "What counts for all sites that say nothing else.")
            .attributes(&[flag(
                "serverAutoStart",
                "true",
                "Whether they are served once the host has started.",
            )])
            .children(&PARTS),
        DEFAULT_APPLICATION,
        DEFAULT_DIRECTORY,
    ])
    .items(&SITE);
