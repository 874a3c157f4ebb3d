//! The rows of `system.applicationHost/applicationPools`.

use super::super::{Attribute, Collection, Element, Kind, choice, flag, name, number, text};

const ALWAYS_LOGGED: &str = "Why a worker was replaced is always logged.";

const fn time_span(name: &'static str, most: u64, default: &'static str, doc: &'static str) -> Attribute {
    Attribute::new(name, Kind::TimeSpan { most }, Some(default), doc)
}

/// The longest time span of IIS's schema, in seconds.
const LONGEST: u64 = 43_200 * 60;

const ATTRIBUTES: [Attribute; 12] = [
    name("name", "The pool's name."),
    flag("autoStart", "true", "Whether it may start before it is started by hand."),
    choice("startMode", &["OnDemand", "AlwaysRunning"], "OnDemand", "When its worker is started."),
    number("queueLength", 10, 65_535, "1000", "Requests that may wait.")
        .instead("Connections wait in the kernel's queue (net.core.somaxconn)."),
    flag("enable32BitAppOnWin64", "false", "Whether it runs 32-bit programs.")
        .instead("Publish the app for this machine, or framework-dependent."),
    text("managedRuntimeVersion", "The .NET Framework that is loaded; without meaning here."),
    text("managedRuntimeLoader", "What loads it; without meaning here."),
    choice("managedPipelineMode", &["Integrated", "Classic"], "Integrated", "Without meaning here."),
    text("CLRConfigFile", "Settings of the .NET Framework; without meaning here."),
    flag("enableConfigurationOverride", "true", "Whether web.config counts.")
        .instead("The web.config of an application always counts."),
    flag("passAnonymousToken", "true", "Without meaning here."),
    flag("enableEmulationOnWinArm64", "true", "Without meaning here."),
];

/// The same without the name, for the defaults.
const DEFAULTS: [Attribute; 11] = {
    let mut rows = [ATTRIBUTES[1]; 11];
    let mut at = 0;
    while at < rows.len() {
        rows[at] = ATTRIBUTES[at + 1];
        at += 1;
    }
    rows
};

const PROCESS_MODEL: Element = Element::part("processModel", "The pool's worker process.").attributes(&[
    choice(
        "identityType",
        &["LocalSystem", "LocalService", "NetworkService", "SpecificUser", "ApplicationPoolIdentity"],
        "ApplicationPoolIdentity",
        "As whom it runs: only SpecificUser has a meaning here.",
    ),
    text("userName", "The user, for SpecificUser."),
    text("password", "The password of the user.")
        .instead("Remove it: users of this machine are named without one."),
    flag("loadUserProfile", "true", "Without meaning here."),
    flag("setProfileEnvironment", "true", "Without meaning here."),
    choice("logonType", &["LogonBatch", "LogonService"], "LogonBatch", "Without meaning here."),
    flag("manualGroupMembership", "false", "Without meaning here."),
    time_span("idleTimeout", 30 * 86_400, "00:20:00", "How long it may be without a request; 0 is for ever."),
    choice("idleTimeoutAction", &["Terminate", "Suspend"], "Terminate", "What happens then.")
        .instead("An idle worker is stopped."),
    number("maxProcesses", 0, 2_147_483_647, "1", "Worker processes of the pool.")
        .instead("Use processesPerApplication of aspNetCore in web.config (out-of-process)."),
    time_span("shutdownTimeLimit", LONGEST, "00:01:30", "How long a worker may take to end."),
    time_span("startupTimeLimit", LONGEST, "00:01:30", "How long a start may take."),
    flag("pingingEnabled", "true", "Whether hung workers are looked for."),
    time_span("pingInterval", LONGEST, "00:00:30", "From one question to the next."),
    time_span("pingResponseTime", LONGEST, "00:01:30", "How long an answer may take."),
    Attribute::new(
        "logEventOnProcessModel",
        Kind::Flags(&["IdleTimeout"]),
        Some("IdleTimeout"),
        ALWAYS_LOGGED,
    ),
    text("requestQueueDelegatorIdentity", "Without meaning here."),
]);

const SCHEDULE: Collection = Collection::add(
    "A time of day.",
    &[Attribute::new("value", Kind::TimeSpan { most: 86_399 }, None, "hh:mm:00, local time.").required()],
    &["value"],
);

const RECYCLING: Element = Element::part("recycling", "When the worker is replaced by a new one.")
    .attributes(&[
        flag(
            "disallowOverlappingRotation",
            "false",
            "Whether the old worker stops before the new one starts.",
        ),
        flag(
            "disallowRotationOnConfigChange",
            "false",
            "Whether a change of the configuration leaves it running.",
        ),
        Attribute::new(
            "logEventOnRecycle",
            Kind::Flags(&[
                "Time",
                "Requests",
                "Schedule",
                "Memory",
                "IsapiUnhealthy",
                "OnDemand",
                "ConfigChange",
                "PrivateMemory",
            ]),
            Some("Time, Memory, PrivateMemory"),
            ALWAYS_LOGGED,
        ),
    ])
    .children(&[Element::part("periodicRestart", "When it is replaced without being asked to.")
        .attributes(&[
            number("memory", 0, super::super::UINT, "0", "KiB of address space; 0 is off.")
                .instead("Address space is not watched: set privateMemory."),
            number("privateMemory", 0, super::super::UINT, "0", "KiB of its own memory; 0 is off."),
            number("requests", 0, super::super::UINT, "0", "Requests; 0 is off."),
            time_span("time", LONGEST, "1.05:00:00", "Its age; 0 is off."),
        ])
        .children(&[Element::part("schedule", "Times of day.").items(&SCHEDULE)])]);

const FAILURE: Element = Element::part("failure", "When the pool is given up.").attributes(&[
    choice(
        "loadBalancerCapabilities",
        &["HttpLevel", "TcpLevel"],
        "HttpLevel",
        "How a pool that is off answers.",
    )
    .instead("A pool that was given up answers 503."),
    flag("orphanWorkerProcess", "false", "Whether a hung worker is kept for a debugger.")
        .instead("Hung workers are killed; set DOTNET_DbgEnableMiniDump for dumps."),
    text("orphanActionExe", "What is started then.").instead("Nothing is started: watch the log."),
    text("orphanActionParams", "Its arguments."),
    flag("rapidFailProtection", "true", "Whether the pool is given up at all."),
    time_span("rapidFailProtectionInterval", LONGEST, "00:05:00", "Within which failures are counted."),
    number("rapidFailProtectionMaxCrashes", 1, 2_147_483_647, "5", "After so many failures."),
    text("autoShutdownExe", "What is started then.").instead("Nothing is started: watch the log."),
    text("autoShutdownParams", "Its arguments."),
]);

const AFFINITY: &str = "Set CPUAffinity in the unit of mews; limit gives a pool its share.";

const CPU: Element = Element::part("cpu", "Processors.").attributes(&[
    number("limit", 0, 100_000, "0", "Thousandths of a percent of all processors; 0 is no limit."),
    choice(
        "action",
        &["NoAction", "KillW3wp", "Throttle", "ThrottleUnderLoad"],
        "NoAction",
        "What happens above the limit. Here the pool is held at it, whatever is asked for but NoAction.",
    ),
    time_span("resetInterval", 1440 * 60, "00:05:00", "How often it is measured; without meaning here."),
    flag("smpAffinitized", "false", "Whether it is bound to processors.").instead(AFFINITY),
    number("smpProcessorAffinityMask", 0, super::super::UINT, "4294967295", "To which.").instead(AFFINITY),
    number("smpProcessorAffinityMask2", 0, super::super::UINT, "4294967295", "To which.").instead(AFFINITY),
    number("processorGroup", 0, 2_147_483_647, "0", "Of which group.").instead(AFFINITY),
    choice(
        "numaNodeAssignment",
        &["MostAvailableMemory", "WindowsScheduling"],
        "MostAvailableMemory",
        "Without meaning here.",
    ),
    choice("numaNodeAffinityMode", &["Soft", "Hard"], "Soft", "Without meaning here."),
]);

const ENVIRONMENT_VARIABLES: Collection = Collection::add(
    "One variable; of equal names, in any case, the last one counts.",
    &[name("name", "The variable's name."), text("value", "Its value; may be empty.").required()],
    &["name"],
)
.last_wins();

const PARTS: &[Element] = &[
    PROCESS_MODEL,
    RECYCLING,
    FAILURE,
    CPU,
    Element::part("environmentVariables", "Variables of its workers.").items(&ENVIRONMENT_VARIABLES),
];

const POOLS: Collection = Collection::add("", &[], &[])
    .of(Element::part("add", "An application pool.").attributes(&ATTRIBUTES).children(PARTS))
    .without_remove();

/// The section.
pub(super) const APPLICATION_POOLS: Element = Element::section("applicationPools", "The application pools.")
    .children(&[Element::part("applicationPoolDefaults", "What counts for all pools that say nothing else.")
        .attributes(&DEFAULTS)
        .children(PARTS)])
    .items(&POOLS);
