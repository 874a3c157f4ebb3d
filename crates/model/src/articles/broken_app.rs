//! Ways to break an app, and what is said about each: promises that tests hold the host to.
//!
//! Every way begins with an app that works: `Shop.dll` with its `Shop.runtimeconfig.json`, `Shop.deps.json` and a
//! `web.config` that says `processPath="dotnet" arguments=".\Shop.dll" hostingModel="inprocess"`.

/// Who can see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// `mews check`, from the files alone.
    Before,
    /// Only a start: it depends on what the app does.
    Running,
}

/// One way.
#[derive(Debug)]
pub struct BrokenApp {
    /// A short name, for tests.
    pub id: &'static str,
    /// What to do to the working app.
    pub how: &'static str,
    /// The status that requests get, as in `500.31`.
    pub status: &'static str,
    /// The cause as it is shown, or its beginning. `{folder}` stands for the app's folder, `{machine}` for the
    /// processor (`x64`, `arm64`) and `{other}` for another one.
    pub cause: &'static str,
    /// Who can see it.
    pub seen: Seen,
}

const fn before(id: &'static str, how: &'static str, status: &'static str, cause: &'static str) -> BrokenApp {
    BrokenApp { id, how, status, cause, seen: Seen::Before }
}

const fn running(
    id: &'static str,
    how: &'static str,
    status: &'static str,
    cause: &'static str,
) -> BrokenApp {
    BrokenApp { id, how, status, cause, seen: Seen::Running }
}

/// Twenty-five that `mews check` sees, then those that only show when the app runs.
pub const BROKEN_APPS: &[BrokenApp] = &[
    before(
        "dll-missing",
        "Delete `Shop.dll`.",
        "500.0",
        ".\\Shop.dll, which web.config names in arguments, is not in {folder}.",
    ),
    before(
        "dll-garbage",
        "Replace `Shop.dll` by a text.",
        "500.30",
        "{folder}/Shop.dll is not a .NET assembly.",
    ),
    before(
        "runtimeconfig-missing",
        "Delete `Shop.runtimeconfig.json`.",
        "500.0",
        "{folder}/Shop.runtimeconfig.json is missing beside the app.",
    ),
    before(
        "runtimeconfig-malformed",
        "Leave out the `:` after `\"runtimeOptions\"` in the second line of `Shop.runtimeconfig.json`.",
        "500.19",
        "{folder}/Shop.runtimeconfig.json:2:20: expected `:`.",
    ),
    before(
        "framework-version",
        "Ask for version 2.9.9 of both frameworks in `Shop.runtimeconfig.json`.",
        "500.31",
        "Microsoft.NETCore.App 2.9.9 is not installed; installed is ",
    ),
    before(
        "framework-unknown",
        "Ask for `Microsoft.WindowsDesktop.App` instead of `Microsoft.AspNetCore.App`: an app for Windows.",
        "500.31",
        "Microsoft.WindowsDesktop.App 9.0.0 is not installed, nor is any other version of it.",
    ),
    before(
        "deps-malformed",
        "End `Shop.deps.json` after `\"targets\":` in its second line.",
        "500.30",
        "{folder}/Shop.deps.json:3:1: the file is not valid JSON: Invalid value.",
    ),
    before(
        "single-file",
        "Delete `Shop.dll`, put an executable `Shop` there, and write `processPath=\".\\Shop.exe\" arguments=\"\"`: what `PublishSingleFile` makes.",
        "500.38",
        "{folder}/Shop has no Shop.dll beside it: it was published as a single file, which cannot be hosted in-process.",
    ),
    before(
        "self-contained-foreign",
        "Write `includedFrameworks` instead of `frameworks` in `Shop.runtimeconfig.json`, and put the `libhostfxr.so` of another processor there.",
        "500.32",
        "{folder}/libhostfxr.so was built for {other}, but this process is {machine}.",
    ),
    before(
        "self-contained-incomplete",
        "Write `includedFrameworks` instead of `frameworks` in `Shop.runtimeconfig.json`, without any `libhostfxr.so`.",
        "500.32",
        "{folder}/libhostfxr.so does not exist, although the app says that it is self-contained.",
    ),
    before(
        "process-path-unknown",
        "Write `processPath=\"bogus\" arguments=\"\"`.",
        "500.0",
        "The executable {folder}/bogus was not found.",
    ),
    before(
        "process-path-windows",
        "Write `processPath=\"C:\\Program Files\\dotnet\\dotnet.exe\"`.",
        "500.0",
        "`processPath` is `C:\\Program Files\\dotnet\\dotnet.exe`, a path of Windows.",
    ),
    before(
        "process-path-script",
        "Put an executable shell script `start.sh` there, and write `processPath=\".\\start.sh\" arguments=\"\"`.",
        "500.0",
        "{folder}/start.sh is neither a .NET assembly nor the executable of a .NET app.",
    ),
    before(
        "arguments-empty",
        "Write `arguments=\"\"`.",
        "500.0",
        "`processPath` is dotnet, but `arguments` is empty.",
    ),
    before(
        "arguments-sdk",
        "Write `arguments=\"run --project Shop.csproj\"`.",
        "500.0",
        "`arguments` begins with `run`, which is not a .dll.",
    ),
    before(
        "placeholder",
        "Write `processPath=\"%LAUNCHER_PATH%\" arguments=\"%LAUNCHER_ARGS%\"`: the file of the project, not the published one.",
        "500.0",
        "processPath is still the placeholder '%LAUNCHER_PATH%': this web.config was not published.",
    ),
    before(
        "xml-malformed",
        "Misspell the end tag `</system.webServer>` as `</system.webSrver>`.",
        "500.19",
        "the file is not well-formed XML: '</system.webSrver>' closes another element",
    ),
    before(
        "attribute-unknown",
        "Misspell `processPath` as `proccessPath`.",
        "500.19",
        "unknown attribute 'proccessPath' of 'aspNetCore'",
    ),
    before(
        "value-out-of-range",
        "Write `startupTimeLimit=\"4000\"`.",
        "500.19",
        "'4000' is no value for 'startupTimeLimit'",
    ),
    before(
        "hosting-model-unknown",
        "Write `hostingModel=\"inproc\"`.",
        "500.0",
        "'inproc' is no value for 'hostingModel'",
    ),
    before(
        "stack-size",
        "Add the `handlerSetting` `stackSize` with the value `2 MB`.",
        "500.0",
        "'2 MB' is no value for the handlerSetting 'stackSize'",
    ),
    before(
        "element-missing",
        "Remove the `aspNetCore` element.",
        "500.19",
        "{folder}/web.config has no aspNetCore element, so it does not say what to start.",
    ),
    before(
        "program-for-windows",
        "Write `hostingModel=\"outofprocess\" processPath=\".\\Shop.exe\" arguments=\"\"`, with a Windows program `Shop.exe` and without `Shop.dll`.",
        "502.5",
        "{folder}/Shop.exe is a program for Windows.",
    ),
    before(
        "program-foreign",
        "Write `hostingModel=\"outofprocess\" processPath=\".\\Shop\" arguments=\"\"`, with the executable `Shop` of another processor and without `Shop.dll`.",
        "502.5",
        "{folder}/Shop is a program for {other}, and this machine is {machine}.",
    ),
    before(
        "program-not-executable",
        "Write `hostingModel=\"outofprocess\" processPath=\".\\Shop\" arguments=\"\"`, with an executable `Shop` that has lost its permission to be executed, and without `Shop.dll`.",
        "502.5",
        "{folder}/Shop is not executable for the user that mews runs as.",
    ),
    running(
        "throws-in-main",
        "Let `Main` throw.",
        "500.30",
        "An unhandled exception ended the app before its server had started.",
    ),
    running(
        "throws-in-startup",
        "Let `Startup.Configure` throw.",
        "500.30",
        "An unhandled exception ended the app before its server had started.",
    ),
    running(
        "assembly-missing",
        "Delete the .dll of a package that `Main` uses. `mews check` warns that `Shop.deps.json` names it.",
        "500.30",
        "An unhandled exception ended the app before its server had started.",
    ),
    running(
        "appsettings-malformed",
        "End `appsettings.json` in the middle of an object. `mews check` tells the line.",
        "500.30",
        "An unhandled exception ended the app before its server had started.",
    ),
    running(
        "returns-from-main",
        "Let `Main` return 12.",
        "500.30",
        "Shop.dll ended with exit code 12 before it had started a web server.",
    ),
    running(
        "not-a-web-app",
        "Publish a console program that ends by itself.",
        "500.30",
        "Shop.dll ended with exit code 0 before it had started a web server.",
    ),
    running(
        "fails-fast",
        "Call `Environment.FailFast` in `Main`.",
        "500.30",
        "The app called Environment.FailFast before its server had started.",
    ),
    running(
        "hangs",
        "Block in `Main`, with `startupTimeLimit=\"2\"`.",
        "500.37",
        "The app's server had not started after 2 s (startupTimeLimit).",
    ),
    running(
        "no-server",
        "Start a generic host without a web server, with `startupTimeLimit=\"2\"`.",
        "500.37",
        "The app's server had not started after 2 s (startupTimeLimit).",
    ),
    running(
        "other-server",
        "Register an `IServer` of the app's own.",
        "500.30",
        "The application is running inside a Mews worker process but is not configured to use the Mews server",
    ),
];
