//! The rows of `system.webServer/aspNetCore`.

use super::{Attribute, Collection, Element, Kind, Need, choice, flag, name, number, text};

const fn non_empty(name: &'static str, default: &'static str, doc: &'static str) -> Attribute {
    Attribute::new(name, Kind::NonEmpty, Some(default), doc)
}

/// The attributes of the `aspNetCore` element.
pub const ASP_NET_CORE: &[Attribute] = &[
    Attribute {
        need: Need::Module,
        ..Attribute::new(
            "processPath",
            Kind::NonEmpty,
            None,
            "What to start: dotnet, or the app's executable.",
        )
    },
    text("arguments", "Arguments for processPath, in the syntax of a Windows command line."),
    Attribute::new(
        "hostingModel",
        Kind::HostingModel,
        None,
        "InProcess or OutOfProcess; absent is OutOfProcess.",
    ),
    number("startupTimeLimit", 0, 3600, "120", "Seconds that the app may take to start."),
    number("shutdownTimeLimit", 0, 600, "10", "Seconds that the app may take to stop."),
    number(
        "rapidFailsPerMinute",
        0,
        100,
        "10",
        "Crashes in a minute after which an out-of-process app is not started again.",
    ),
    Attribute::new(
        "requestTimeout",
        Kind::TimeSpan { most: 1_296_000 },
        Some("00:02:00"),
        "How long an out-of-process app may be silent during a request.",
    ),
    flag("stdoutLogEnabled", "false", "Whether the app's output goes to stdoutLogFile."),
    non_empty(
        "stdoutLogFile",
        ".\\aspnetcore-stdout",
        "Where the app's output goes; time and process id are added to the name.",
    ),
    number("processesPerApplication", 1, 100, "1", "How many processes an out-of-process app runs in."),
    flag("forwardWindowsAuthToken", "true", "Whether an out-of-process app is told the Windows user."),
    flag("disableStartUpErrorPage", "false", "Whether start failures are answered without a page."),
];

const ENVIRONMENT_VARIABLES: Collection = Collection::add("", &[], &["name"])
    .of(Element::part(
        "environmentVariable",
        "One variable; of equal names, in any case, the last one counts.",
    )
    .attributes(&[
        name("name", "The variable's name."),
        Attribute { default: None, ..text("value", "Its value; may be empty.").required() },
    ]))
    .last_wins()
    .without_remove();

const HANDLER_SETTING: Collection = Collection::add("", &[], &[])
    .of(Element::part("handlerSetting", "One switch; of equal names, in any case, the first one counts.")
        .attributes(&[
            name("name", "The switch's name, in any case."),
            text("value", "Its value.").required(),
        ]))
    .without_remove();

const FILES: Collection = Collection::add("", &[], &[])
    .of(Element::part("file", "One file.").attributes(&[name("path", "Its path.")]))
    .without_remove();

/// The section.
pub(super) const SECTION: Element =
    Element::section("aspNetCore", "The app: what to start, and how it is hosted.")
        .attributes(ASP_NET_CORE)
        .children(&[
            Element::part("environmentVariables", "Variables of the app's environment, in order.")
                .items(&ENVIRONMENT_VARIABLES),
            Element::part("handlerSettings", "Further switches; the names are listed below.")
                .items(&HANDLER_SETTING),
            Element::part("recycleOnFileChange", "Known to the schema, and read by nobody.")
                .support(super::Support::Silent)
                .items(&FILES),
        ]);

const LOG: &str = "Set MEWS_LOG=debug, or trace, in the environment of mews.";
const WINDOWS_ONLY: &str = "Leave it out: it has no meaning on Linux.";

/// What `handlerSettings` may hold: name, kind and default of each value.
pub const HANDLER_SETTINGS: &[Attribute] = &[
    text("handlerVersion", "Which version of the module's out-of-process handler to use.")
        .instead(WINDOWS_ONLY),
    text("debugFile", "Where the module's debug log goes; relative to the app's folder.").instead(LOG),
    text(
        "debugLevel",
        "Words of the debug log, with commas: error, warning, info, trace; console, file, eventlog.",
    )
    .instead(LOG),
    flag("setCurrentDirectory", "true", "Whether the app's folder is its current directory (in-process).")
        .instead("The app's folder is always its current directory."),
    flag(
        "callStartupHook",
        "true",
        "Whether an exception during the start is shown with its stack (in-process).",
    )
    .instead("Exceptions during the start are always caught; detailed errors decide who sees them."),
    Attribute::new(
        "stackSize",
        Kind::Text,
        Some("1048576"),
        "Bytes of stack of the app's threads, 65536 to 1073741824; hexadecimal after 0x (in-process).",
    ),
    flag("suppressRecycleOnStartupTimeout", "false", "Whether a worker whose app starts too slowly is kept.")
        .instead("Raise startupTimeLimit."),
    flag(
        "enableShadowCopy",
        "false",
        "Whether the app is loaded from a copy of its folder, made by each start (in-process).",
    ),
    flag("experimentalEnableShadowCopy", "false", "The name of enableShadowCopy in .NET 6."),
    Attribute::new(
        "shadowCopyDirectory",
        Kind::Text,
        Some("ShadowCopyDirectory"),
        "Where the copies lie, for this app alone; relative to its folder.",
    ),
    flag("cleanShadowCopyDirectory", "false", "Whether a copy's folder is emptied before it is used.")
        .instead("Each copy is made in a folder of its own, which is empty at first."),
    flag("disallowRotationOnConfigChange", "false", "Whether a change of web.config leaves the app running.")
        .instead("A change of web.config leaves a running app alone in this version."),
    number(
        "shutdownDelay",
        0,
        2_147_483_647,
        "1000",
        "Milliseconds between the end of new requests and the start of the app's shutdown.",
    ),
    flag(
        "enableOutOfProcessConsoleRedirection",
        "true",
        "Whether the output of an out-of-process app is captured.",
    ),
    flag(
        "forwardResponseConnectionHeader",
        "false",
        "Whether the Connection header of an out-of-process app's responses is passed on.",
    ),
    number(
        "stdoutLogMaxBytes",
        0,
        1 << 50,
        "10485760",
        "Bytes after which a stdout log is continued in another file; 0 is no limit.",
    ),
    number("stdoutLogMaxFiles", 1, 10_000, "5", "How many stdout logs of one app are kept."),
];

/// Words of `debugLevel`.
pub(in crate::web_config) const DEBUG_LEVEL: Attribute = choice(
    "debugLevel",
    &["error", "warning", "info", "trace", "console", "file", "eventlog"],
    "",
    "One word of the debug level.",
);
