//! The rows of `system.webServer/security`.

use super::{Attribute, Collection, Element, Kind, Support, UINT, choice, flag, name, number, text};

const LOGON_METHOD: Attribute = choice(
    "logonMethod",
    &["Interactive", "Batch", "Network", "ClearText"],
    "ClearText",
    "How Windows logs the user on; without meaning here.",
);

const NAMES: &[&str] = &["None", "Ssl", "SslNegotiateCert", "SslRequireCert", "Ssl128"];

const HEADER_LIMITS: Collection = Collection::add(
    "The limit of one header.",
    &[name("header", "Its name."), number("sizeLimit", 0, UINT, "", "Bytes of its value.").required()],
    &["header"],
);

const HIDDEN: Collection =
    Collection::add("One segment.", &[name("segment", "The segment, in any case.")], &["segment"]);

const EXTENSIONS: Collection = Collection::add(
    "One extension.",
    &[
        name("fileExtension", "With its dot; a dot alone is a path without an extension."),
        flag("allowed", "true", "Whether it is allowed.").required(),
    ],
    &["fileExtension"],
)
.last_wins();

const VERBS: Collection = Collection::add(
    "One method.",
    &[name("verb", "The method."), flag("allowed", "true", "Whether it is allowed.").required()],
    &["verb"],
)
.case_counts();

const SEQUENCES: Collection =
    Collection::add("One text.", &[name("sequence", "The text, in any case.")], &["sequence"]);

const URLS: Collection = Collection::add("One path.", &[name("url", "The path from the root.")], &["url"]);

const QUERIES: Collection =
    Collection::add("One query.", &[name("queryString", "The query, without its ?.")], &["queryString"]);

const APPLY_TO_WEBDAV: Attribute = flag("applyToWebDAV", "true", "Without meaning here: there is no WebDAV.");

const REQUEST_FILTERING: Element = Element::section(
    "requestFiltering",
    "Which requests never reach the app. Without this element there are no limits of URL and query and double \
     escaping is allowed; the app's own files are protected always.",
)
    .attributes(&[
        flag("allowDoubleEscaping", "false", "Whether a path may change when it is decoded a second time."),
        flag("allowHighBitCharacters", "true", "Whether a path may hold characters outside ASCII."),
        flag("unescapeQueryString", "true", "Whether query sequences are also looked for in the decoded query."),
        flag("removeServerHeader", "false", "Without meaning here: IIS's Server header is never sent."),
    ])
    .children(&[
        Element::part("requestLimits", "Lengths of a request.")
            .attributes(&[
                number("maxAllowedContentLength", 0, UINT, "30000000", "Bytes of the body."),
                number("maxUrl", 0, UINT, "4096", "Bytes of the path."),
                number("maxQueryString", 0, UINT, "2048", "Bytes of the query."),
            ])
            .children(&[
                Element::part("headerLimits", "Lengths of single headers.").items(&HEADER_LIMITS)
            ]),
        Element::part("hiddenSegments", "Path segments that are not served.")
            .attributes(&[APPLY_TO_WEBDAV])
            .items(&HIDDEN),
        Element::part("fileExtensions", "Extensions that are or are not served.")
            .attributes(&[
                flag("allowUnlisted", "true", "Whether other extensions are allowed."),
                APPLY_TO_WEBDAV,
            ])
            .items(&EXTENSIONS),
        Element::part("verbs", "Methods that are or are not allowed.")
            .attributes(&[flag("allowUnlisted", "true", "Whether other methods are allowed."), APPLY_TO_WEBDAV])
            .items(&VERBS),
        Element::part("denyUrlSequences", "Texts that no path may hold.").items(&SEQUENCES),
        Element::part("denyQueryStringSequences", "Texts that no query may hold.").items(&SEQUENCES),
        Element::part("alwaysAllowedUrls", "Paths that the lists do not apply to.").items(&URLS),
        Element::part("alwaysAllowedQueryStrings", "Queries that the lists do not apply to.").items(&QUERIES),
        Element::part("filteringRules", "Rules about headers and texts.")
            .support(Support::Instead("Use denyUrlSequences, a rewrite rule, or middleware of the app."))
            .opaque(),
    ]);

const MAPPING_RULES: Collection = Collection::add(
    "One rule.",
    &[
        choice("certificateField", &["Subject", "Issuer"], "", "Which field.").required(),
        name("certificateSubField", "Which part of it, as in CN."),
        name("matchCriteria", "What it must be; * is any text."),
        flag("compareCaseSensitive", "true", "Whether case counts."),
    ],
    &["certificateField", "certificateSubField", "matchCriteria", "compareCaseSensitive"],
)
.without_remove();

const MANY_TO_ONE: Collection = Collection::add("", &[], &["name"])
    .of(Element::part("add", "One mapping of many certificates.")
        .attributes(&[
            name("name", "Its name."),
            text("description", "A remark."),
            flag("enabled", "true", "Whether it counts."),
            choice("permissionMode", &["Allow", "Deny"], "Allow", "Whether such certificates are accepted."),
            text("userName", "The account that the certificates stand for."),
            text("password", "Not kept."),
        ])
        .children(&[
            Element::part("rules", "What a certificate must look like; all must hold.").items(&MAPPING_RULES)
        ]))
    .without_remove();

const ONE_TO_ONE: Collection = Collection::add(
    "One mapping of one certificate.",
    &[
        flag("enabled", "true", "Whether it counts."),
        text("userName", "The account that the certificate stands for."),
        text("password", "Not kept."),
        name("certificate", "The certificate in Base64."),
    ],
    &["certificate"],
)
.case_counts()
.without_remove();

const PROVIDERS: Collection =
    Collection::add("One provider.", &[name("value", "Negotiate, Negotiate:Kerberos or NTLM.")], &["value"]);

const SPNS: Collection = Collection {
    remove: Some("removeSpn"),
    clear: Some("clearSpns"),
    ..Collection::add("", &[], &["name"])
        .of(Element::part("spn", "One service name.").attributes(&[name("name", "The name.")]))
};

const AUTHENTICATION: Element = Element::group("authentication", "How users sign in.").children(&[
    Element::section("anonymousAuthentication", "Requests without a user.").attributes(&[
        flag("enabled", "true", "Whether they are allowed."),
        text("userName", "The account that files are read with; without meaning here."),
        text("password", "Not kept."),
        LOGON_METHOD,
    ]),
    Element::section("windowsAuthentication", "Users of the domain.")
        .attributes(&[
            flag("enabled", "false", "Whether they are asked for."),
            flag("authPersistSingleRequest", "false", "Whether each request is authenticated anew."),
            flag("authPersistNonNTLM", "false", "Whether a connection keeps its Kerberos user."),
            flag("useKernelMode", "true", "Without meaning here."),
            flag("useAppPoolCredentials", "false", "Whether the pool's account decrypts tickets."),
        ])
        .children(&[
            Element::part("providers", "What is offered, in order; Negotiate and NTLM when none is named.")
                .items(&PROVIDERS),
            Element::part("extendedProtection", "Binding of the sign-in to its TLS connection.")
                .attributes(&[
                    choice("tokenChecking", &["None", "Allow", "Require"], "None", "Whether it is checked."),
                    Attribute::new(
                        "flags",
                        Kind::Flags(&[
                            "None",
                            "Proxy",
                            "NoServiceNameCheck",
                            "AllowDotlessSpn",
                            "ProxyCohosting",
                        ]),
                        Some("None"),
                        "How it is checked.",
                    ),
                ])
                .items(&SPNS),
        ]),
    Element::section("basicAuthentication", "User name and password.").attributes(&[
        flag("enabled", "false", "Whether they are asked for."),
        text("realm", "What the browser shows."),
        text("defaultLogonDomain", "The domain of names without one."),
        LOGON_METHOD,
    ]),
    Element::section("digestAuthentication", "User name and hashed password.")
        .support(Support::Read("Digest is not offered: use windowsAuthentication or the app's own sign-in."))
        .attributes(&[
            flag("enabled", "false", "Whether it is asked for."),
            text("realm", "What the browser shows."),
        ]),
    Element::section("clientCertificateMappingAuthentication", "Certificates that the domain knows.")
        .support(Support::Read(
            "Certificates are not mapped to users of the domain: use AddCertificate authentication in the app.",
        ))
        .attributes(&[flag("enabled", "false", "Whether they are mapped.")]),
    Element::section("iisClientCertificateMappingAuthentication", "Certificates that are listed here.")
        .attributes(&[
            flag("enabled", "false", "Whether they are mapped."),
            flag("oneToOneCertificateMappingsEnabled", "true", "Whether oneToOneMappings counts."),
            flag("manyToOneCertificateMappingsEnabled", "true", "Whether manyToOneMappings counts."),
            text("defaultLogonDomain", "The domain of names without one."),
            LOGON_METHOD,
        ])
        .children(&[
            Element::part("manyToOneMappings", "Many certificates, one user.").items(&MANY_TO_ONE),
            Element::part("oneToOneMappings", "One certificate, one user.").items(&ONE_TO_ONE),
        ]),
]);

const RULES: Collection = Collection::add(
    "One rule. One that denies counts before all that allow.",
    &[
        choice("accessType", &["Allow", "Deny"], "", "What it does.").required(),
        text("users", "Names with commas; * is everybody, ? is nobody signed in."),
        text("roles", "Names with commas."),
        text("verbs", "Methods with commas; empty is all."),
    ],
    &["users", "roles", "verbs"],
);

const ADDRESSES: Collection = Collection::add(
    "One address or network.",
    &[
        text("ipAddress", "An address of either family."),
        Attribute::new("subnetMask", Kind::Text, Some("255.255.255.255"), "A mask, or a number of bits."),
        text("domainName", "A name instead of an address."),
        flag("allowed", "false", "Whether it is allowed."),
    ],
    &["ipAddress", "subnetMask", "domainName"],
);

pub(super) const SECURITY: Element = Element::group("security", "Who may do what.").children(&[
    Element::section("access", "Whether TLS and client certificates are required.")
        .attributes(&[Attribute::new("sslFlags", Kind::Flags(NAMES), Some("None"), "What is required.")]),
    Element::section("applicationDependencies", "Groups of ISAPI programs.")
        .support(Support::Silent)
        .opaque(),
    AUTHENTICATION,
    Element::section("authorization", "Which users may send requests.")
        .attributes(&[flag("bypassLoginPages", "true", "Without meaning here.")])
        .items(&RULES),
    Element::ignored(
        "dynamicIpSecurity",
        "Limits per client address.",
        "Use the app's rate limiting middleware (AddRateLimiter).",
    ),
    Element::section("ipSecurity", "Which client addresses are served.")
        .attributes(&[
            flag("enableReverseDns", "false", "Whether domainName entries count."),
            flag("allowUnlisted", "true", "Whether other addresses are served."),
            flag("enableProxyMode", "false", "Whether X-Forwarded-For is looked at."),
            choice(
                "denyAction",
                &["AbortRequest", "Unauthorized", "Forbidden", "NotFound"],
                "Forbidden",
                "What others get.",
            ),
        ])
        .items(&ADDRESSES),
    Element::silent("isapiCgiRestriction", "Which ISAPI and CGI programs may run."),
    REQUEST_FILTERING,
]);
