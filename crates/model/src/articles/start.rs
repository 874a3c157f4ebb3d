//! Apps that cannot be started: 500.0 to 500.38.

use crate::status::{Status, StatusCode};

const CHECK: &str = "`mews check DIR` names the place, without starting anything.";
const DETAILS: &str = "With `--environment Development` or `ASPNETCORE_DETAILEDERRORS=true` the page shows the exception and \
                       the last lines of output.";

pub(super) const ROWS: &[Status] = &[
    Status {
        code: StatusCode::CANNOT_RESOLVE,
        title: "The app cannot be launched",
        cause: "What to launch, or the .NET to launch it with, could not be found.",
        cure: "Check processPath and arguments in web.config, and that the app was published completely.",
        when: &[
            "`processPath` names no file, a path of Windows, or something that is no .NET app.",
            "`processPath` is `dotnet` and `arguments` names no .dll, or one that is not there.",
            "web.config still holds the placeholder `%LAUNCHER_PATH%`: the project folder was named, not the published \
             one.",
            "No .NET installation was found.",
            "A setting that IIS leaves to the module has no meaning: an unknown `hostingModel`, an empty `processPath`.",
        ],
        more: &[
            CHECK,
            "The log lists every place where .NET was looked for: `DOTNET_ROOT`, `dotnet` on `PATH`, \
             `/etc/dotnet/install_location`, `/usr/share/dotnet`, `/usr/lib/dotnet`, `~/.dotnet`.",
        ],
        see: &[
            "aspNetCore processPath",
            "aspNetCore arguments",
            "aspNetCore hostingModel",
            "1010",
            "1031",
            "1034",
        ],
        never: None,
    },
    Status {
        code: StatusCode::BAD_CONFIGURATION,
        title: "The configuration is invalid",
        cause: "web.config or the app's runtime configuration cannot be used as it is.",
        cure: "Mend the place that the log names; the app is started again when the file changes.",
        when: &[
            "web.config is not well-formed XML, or is in no encoding that is read.",
            "It has an element or attribute that IIS does not know, often a misspelt one, or a value out of range.",
            "It cannot be read, or has no `aspNetCore` element.",
            "`App.runtimeconfig.json` is not valid JSON.",
        ],
        more: &[CHECK, "Every problem is told at once, with file, line, column and cure."],
        see: &["500.0", "1034"],
        never: None,
    },
    Status {
        code: StatusCode::START_FAILED,
        title: "The app failed to start",
        cause: "The app ended or threw an exception before its server had started.",
        cure: "Read the app's own messages: in the log, and here when ASPNETCORE_ENVIRONMENT is Development.",
        when: &[
            "`Main`, `Startup` or a hosted service threw an exception, for instance because a connection string is \
             missing or a database cannot be reached.",
            "`Main` returned, or called `Environment.Exit`, before the server had started.",
            "The program is no web app: it builds no `WebApplication` and no web host.",
            "The app registers an `IServer` of its own.",
            "The .NET runtime could not be prepared: `App.deps.json` is broken or names a file that is not there.",
        ],
        more: &[
            "The log has the exception with its stack, and the app's own output.",
            DETAILS,
            "Run `dotnet App.dll` in the app's folder: what fails there fails here.",
            "`appsettings.Production.json`, user secrets and launch settings differ between machines: compare the \
             environment variables.",
        ],
        see: &["500.31", "500.37", "1007", "1011", "1018", "1035"],
        never: None,
    },
    Status {
        code: StatusCode::RUNTIME_NOT_FOUND,
        title: "The .NET runtime was not found",
        cause: "The .NET runtime or a framework version that the app asks for is not installed.",
        cure: "Install the ASP.NET Core runtime in the version the app asks for, or point DOTNET_ROOT at it.",
        when: &[
            "`App.runtimeconfig.json` asks for a version of Microsoft.NETCore.App or Microsoft.AspNetCore.App that no \
             installed version may stand in for: by default a higher minor version of the same major version may.",
            "Only the base runtime is installed, and not the ASP.NET Core one.",
            "Another installation comes first, for instance through `DOTNET_ROOT`.",
            "The app's .dll does not exist.",
        ],
        more: &[
            CHECK,
            "`dotnet --list-runtimes` lists what one installation holds.",
            "The log says which installation was taken, and which versions it holds.",
        ],
        see: &[
            "DOTNET_ROOT",
            "DOTNET_ROLL_FORWARD",
            "runtimeconfig.json rollForward",
            "500.32",
            "1010",
            "1027",
        ],
        never: None,
    },
    Status {
        code: StatusCode::HOST_NOT_LOADED,
        title: "The .NET host could not be loaded",
        cause: "libhostfxr.so could not be loaded.",
        cure: "The usual reason is another processor architecture: install .NET, and publish the app, for \
               the architecture of this machine.",
        when: &[
            "The app is self-contained and was published for another processor (`-r linux-arm64` on an x64 machine), or \
             for Windows.",
            "The installation is damaged, or `libhostfxr.so` is too old or another library.",
            "A library that it needs, such as `libstdc++.so.6`, is not installed.",
        ],
        more: &[
            CHECK,
            "`file libhostfxr.so` and `ldd libhostfxr.so` tell the architecture and what is missing.",
        ],
        see: &["500.31", "1010", "1027"],
        never: None,
    },
    Status {
        code: StatusCode::HANDLER_NOT_LOADED,
        title: "The app cannot take requests from this host",
        cause: "The app did not start an ASP.NET Core server that this host can stand in for.",
        cure: "Check that the app refers to Microsoft.AspNetCore.App and builds a web host.",
        when: &[
            "`Mews.Server.dll`, the managed half of the host, is not where Mews was installed.",
            "In IIS: the app does not refer to the shared framework Microsoft.AspNetCore.App.",
        ],
        more: &["The log lists the places looked at.", "`MEWS_SERVER_ASSEMBLY` names another place."],
        see: &["MEWS_SERVER_ASSEMBLY", "500.30", "1010"],
        never: None,
    },
    Status {
        code: StatusCode::MIXED_MODELS,
        title: "Two hosting models in one pool",
        cause: "The application pool already runs an app in the other hosting model.",
        cure: "Give each app an application pool of its own.",
        when: &["Applications of one pool name different hosting models in their web.config."],
        more: &["The log names both applications."],
        see: &["aspNetCore hostingModel", "500.35", "1009"],
        never: Some("`mews run` hosts one application, which has a pool of its own."),
    },
    Status {
        code: StatusCode::SEVERAL_APPS,
        title: "Two in-process apps in one pool",
        cause: "The application pool already runs another app in-process.",
        cure: "Give each in-process app an application pool of its own.",
        when: &["Two applications of one pool are in-process: a process can hold one .NET runtime."],
        more: &["The log names both applications."],
        see: &["aspNetCore hostingModel", "500.34", "1008"],
        never: Some("`mews run` hosts one application, which has a pool of its own."),
    },
    Status {
        code: StatusCode::FORWARDER_NOT_LOADED,
        title: "The out-of-process handler was not found",
        cause: "The part of the module that forwards requests is not beside the module.",
        cure: "Install the hosting bundle again.",
        when: &[
            "In IIS: `aspnetcorev2_outofprocess.dll` is missing, or `handlerVersion` names a version that is.",
        ],
        more: &["See 502.5 for apps that run out-of-process here and do not start."],
        see: &["502.5", "1029"],
        never: Some("Forwarding is a part of the `mews` binary, and cannot be missing."),
    },
    Status {
        code: StatusCode::START_TIMED_OUT,
        title: "The app did not start in time",
        cause: "The app's server had not started when the startup time limit was over.",
        cure: "Find out what the app waits for; if it needs the time, raise startupTimeLimit in web.config.",
        when: &[
            "`Main`, `Startup` or a hosted service's `StartAsync` waits: for a database, another service, a lock.",
            "A migration or a cache is built before the server is started.",
            "The app has a host without a web server, which runs and never serves.",
        ],
        more: &[
            "The app's own output in the log shows how far it came.",
            "`dotnet-stack report --process-id PID` shows where its threads are; the log names the worker's pid.",
        ],
        see: &["aspNetCore startupTimeLimit (seconds, 120 unless set)", "500.30", "1007"],
        never: None,
    },
    Status {
        code: StatusCode::SINGLE_FILE,
        title: "Single-file apps cannot run in-process",
        cause: "The executable has no .dll of the same name beside it: it was published as a single file.",
        cure: "Publish without PublishSingleFile, or use the out-of-process hosting model.",
        when: &[
            "The app was published with `PublishSingleFile` or `PublishAot`, and web.config says `hostingModel=\"inprocess\"`.",
            "The app's main .dll was not copied along with its executable.",
        ],
        more: &[CHECK],
        see: &["aspNetCore hostingModel", "--hosting-model OutOfProcess", "1010", "1031"],
        never: None,
    },
];
