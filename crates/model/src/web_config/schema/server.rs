//! The rows of sections in `system.webServer` that count: headers, error pages, WebSockets, handlers,
//! modules, redirection, warm-up and compression.

use super::{Attribute, Collection, Element, Kind, Support, UINT, choice, flag, name, number, text};

pub(super) const WEB_SOCKET: Element = Element::section("webSocket", "WebSockets.").attributes(&[
    flag("enabled", "true", "Whether requests may become WebSockets."),
    number("receiveBufferLimit", 4096, 2_147_483_647, "4194304", "Bytes that IIS buffers per WebSocket.")
        .instead("Set the app's own limit: here data flows through without being collected."),
    Attribute::new(
        "pingInterval",
        Kind::TimeSpan { most: 86_400 },
        Some("00:00:00"),
        "How often IIS sends a ping.",
    )
    .instead("Set WebSocketOptions.KeepAliveInterval in the app."),
]);

const HEADERS: Collection =
    Collection::add("One header.", &[name("name", "Its name."), text("value", "Its value.")], &["name"]);

pub(super) const HTTP_PROTOCOL: Element = Element::section("httpProtocol", "Response headers.")
    .attributes(&[flag("allowKeepAlive", "true", "Whether connections are kept for further requests.")
        .instead("Leave it out: connections are always kept while both sides want it.")])
    .children(&[
        Element::part("customHeaders", "Headers of every response; removing X-Powered-By is harmless.")
            .items(&HEADERS),
        Element::part("redirectHeaders", "Headers of IIS's own redirects.")
            .support(Support::Silent)
            .items(&HEADERS),
    ]);

const RESPONSE_MODES: &[&str] = &["File", "ExecuteURL", "Redirect"];

const ERRORS: Collection = Collection::add("", &[], &["statusCode", "subStatusCode"]).of(Element::part(
    "error",
    "The page for one status.",
)
.attributes(&[
    number("statusCode", 400, 999, "", "The status.").required(),
    Attribute::new(
        "subStatusCode",
        Kind::NumberOrAny { most: 999 },
        Some("-1"),
        "The sub-status; -1 is any.",
    ),
    text("prefixLanguageFilePath", "A folder with one folder per language, before path."),
    name("path", "A file below the app's folder, or a URL, as responseMode says."),
    choice(
        "responseMode",
        RESPONSE_MODES,
        "File",
        "Whether path is a file, a path of the app or a redirect.",
    ),
]));

pub(super) const HTTP_ERRORS: Element =
    Element::section("httpErrors", "Pages for failures of the host itself.")
        .attributes(&[
            choice(
                "errorMode",
                &["DetailedLocalOnly", "Custom", "Detailed"],
                "DetailedLocalOnly",
                "Who sees details: clients on this machine, nobody, everybody.",
            ),
            choice(
                "existingResponse",
                &["Auto", "Replace", "PassThrough"],
                "Auto",
                "Whether a body that the app made is replaced.",
            ),
            text("defaultPath", "The page for statuses without one of their own."),
            choice("defaultResponseMode", RESPONSE_MODES, "File", "What defaultPath is."),
            text("detailedMoreInformationLink", "A link on IIS's detailed pages."),
            flag("allowAbsolutePathsWhenDelegated", "false", "Whether path may be absolute."),
        ])
        .items(&ERRORS);

const HANDLERS: Collection = Collection::add(
    "One mapping.",
    &[
        name("name", "Its name."),
        name("path", "Which URL paths it takes."),
        text("verb", "Which methods it takes.").required(),
        text("type", "A class of the .NET Framework."),
        Attribute::new("modules", Kind::Text, Some("ManagedPipelineHandler"), "Who handles the request."),
        text("scriptProcessor", "A program or library."),
        choice(
            "resourceType",
            &["File", "Directory", "Either", "Unspecified"],
            "Unspecified",
            "What must exist at the path.",
        ),
        choice(
            "requireAccess",
            &["None", "Read", "Write", "Script", "Execute"],
            "Script",
            "The access that it needs.",
        ),
        flag("allowPathInfo", "false", "Whether the path may go on behind the file."),
        text("preCondition", "When it applies."),
        number("responseBufferLimit", 0, UINT, "4194304", "Bytes that IIS buffers."),
    ],
    &["name"],
)
.case_counts();

pub(super) const HANDLERS_SECTION: Element =
    Element::section("handlers", "Who handles which requests; here the app handles them all.")
        .attributes(&[Attribute::new(
            "accessPolicy",
            Kind::Flags(&[
                "None",
                "Read",
                "Write",
                "Execute",
                "Source",
                "Script",
                "NoRemoteWrite",
                "NoRemoteRead",
                "NoRemoteExecute",
                "NoRemoteScript",
            ]),
            Some("Read"),
            "What handlers may need.",
        )])
        .items(&HANDLERS);

const MODULES: Collection = Collection::add(
    "One module.",
    &[
        name("name", "Its name."),
        text("type", "A class of the .NET Framework."),
        text("preCondition", "When it runs."),
    ],
    &["name"],
)
.case_counts();

pub(super) const MODULES_SECTION: Element =
    Element::section("modules", "Modules of IIS; here there are none, so removing one is always right.")
        .attributes(&[
            flag("runAllManagedModulesForAllRequests", "false", "Without meaning here."),
            flag("runManagedModulesForWebDavRequests", "false", "Without meaning here."),
        ])
        .items(&MODULES);

const REDIRECTS: Collection = Collection::add(
    "A redirect for some paths.",
    &[name("wildcard", "Which paths; * is any text."), name("destination", "Where to.")],
    &["wildcard"],
);

pub(super) const HTTP_REDIRECT: Element =
    Element::section("httpRedirect", "A redirect of the whole app; it counts as the last rewrite rule.")
        .attributes(&[
            flag("enabled", "false", "Whether requests are redirected."),
            text("destination", "Where to."),
            flag("exactDestination", "false", "Whether destination stays as it is, without the path."),
            flag("childOnly", "false", "Whether only requests directly in the app's root are redirected."),
            choice(
                "httpResponseStatus",
                &["Permanent", "Found", "Temporary", "PermRedirect"],
                "Found",
                "301, 302, 307 or 308.",
            ),
        ])
        .items(&REDIRECTS);

const PAGES: Collection = Collection::add(
    "One page.",
    &[
        Attribute { default: None, ..text("initializationPage", "Its path in the app.") }.required(),
        text("hostName", "The host name to ask for it with."),
    ],
    &["initializationPage"],
);

pub(super) const APPLICATION_INITIALIZATION: Element =
    Element::section("applicationInitialization", "Warm-up of the app.")
        .support(Support::Read(
            "The pages are not requested in this version; warm the app up in an IHostedService.",
        ))
        .attributes(&[
            text("remapManagedRequestsTo", "What to answer with while the app starts.")
                .instead("Leave it out: requests wait until the app has started."),
            flag("skipManagedModules", "false", "Without meaning here."),
            flag("doAppInitAfterRestart", "false", "Whether the app is started before its first request."),
        ])
        .items(&PAGES);

pub(super) const URL_COMPRESSION: Element = Element::section(
    "urlCompression",
    "Whether responses are compressed: with what the site's compression in mews.toml says, or the defaults listed there.",
)
.attributes(&[
    flag(
        "doDynamicCompression",
        "true",
        "Whether the app's responses are, files that it sends among them; where it is not written, the site's setting counts.",
    ),
    flag("doStaticCompression", "true", "Whether files are that IIS itself sends; here the app sends all."),
    flag("dynamicCompressionBeforeCache", "false", "Without meaning here: there is no cache."),
]);
