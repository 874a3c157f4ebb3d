//! The ways to break an app that `docs/reference/failures.md` lists: page, log and `mews check` give the same number and the same cause for each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{HostBuilder, PATIENCE, Request, TestHost, handler_settings, proc};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const REFERENCE: &str = include_str!("../../docs/reference/failures.md");
const MACHINE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
const OTHER: &str = if cfg!(target_arch = "aarch64") { "x64" } else { "arm64" };
/// Stands in files of the app that no page may show.
const SECRET: &str = "Password=correct-horse";

/// One line of the reference's tables.
struct Way {
    status: String,
    cause: String,
    /// Whether `mews check` sees it.
    before: bool,
}

/// The way `id`, told of the app `name` in `folder`.
fn way(id: &str, name: &str, folder: &Path) -> Way {
    let (before, running) =
        REFERENCE.split_once("depend on what the app does").expect("there are two tables");
    let find = |part: &str| {
        let line = part.lines().find(|line| line.starts_with(&format!("| {id} |")))?;
        let mut columns = line.trim_end_matches(" |").rsplitn(3, " | ");
        let cause = columns.next()?.replace("\\|", "|").trim_end().to_owned();
        let status = columns.next()?.to_owned();
        let cause = cause
            .replace("Shop", name)
            .replace("{folder}", folder.to_str()?)
            .replace("{machine}", MACHINE)
            .replace("{other}", OTHER);
        Some((status, cause))
    };
    let (found, seen) = match find(before) {
        Some(found) => (Some(found), true),
        None => (find(running), false),
    };
    let (status, cause) = found.unwrap_or_else(|| panic!("{id} is not in the reference"));
    Way { status, cause, before: seen }
}

/// A page's cause in each form that clients ask for, and the whole of each.
struct Pages {
    causes: Vec<String>,
    whole: String,
    output: String,
}

fn pages(host: &TestHost, code: &str) -> Pages {
    let (number, sub_status) = code.split_once('.').unwrap();
    let ask = |accept: &str| {
        let response = host.send(&Request::get("/orders?id=7").header("Accept", accept));
        assert_eq!(response.status.to_string(), number, "{response:?}\n{}", host.story());
        assert_eq!(response.header("Cache-Control"), Some("no-store"), "{response:?}");
        response
    };
    let html = ask("text/html,*/*;q=0.8").text().to_owned();
    assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"), "{html}");
    assert!(html.contains(&format!("<title>{code} ")) && html.contains("<h2>What to do</h2>"), "{html}");
    let (_, rest) = html.split_once("<h2>Cause</h2>\n<p>").expect("the page has a cause");
    let in_html = plain(rest.split_once("</p>").unwrap().0);

    let text = ask("text/plain").text().to_owned();
    assert!(text.starts_with(&format!("{code} ")), "{text}");
    let in_text = text.lines().find_map(|line| line.strip_prefix("Cause: ")).expect("the text has a cause");
    assert!(text.lines().any(|line| line.starts_with("What to do: ")), "{text}");

    let answer = ask("application/json");
    let json = answer.json();
    assert_eq!(
        (&json["status"], &json["subStatus"]),
        (&number.parse::<u16>().unwrap().into(), &sub_status.parse::<u16>().unwrap().into())
    );
    assert!(!json["cure"].as_str().unwrap().is_empty() && !json["title"].as_str().unwrap().is_empty());
    let problem = ask("application/problem+json");
    assert_eq!(problem.header("Content-Type"), Some("application/problem+json"));
    assert_eq!(problem.json()["detail"], json["cause"]);

    let causes = vec![in_html, in_text.to_owned(), json["cause"].as_str().unwrap().to_owned()];
    let output = json["detail"].as_str().unwrap().to_owned();
    let whole = format!("{html}\n{text}\n{}\n{}", answer.text(), problem.text());
    Pages { causes, whole, output }
}

fn plain(html: &str) -> String {
    let text = html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    text.replace("&amp;", "&")
}

/// How an app comes to be broken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// It was so from the beginning: the host starts and shows the page.
    First,
    /// The host refuses to start from such a folder. It shows the page when a folder that was whole becomes so.
    Later,
}
use When::{First, Later};

/// Compares what is said about a broken app.
fn told(id: &str, name: &str, when: When, builder: HostBuilder) {
    let builder = builder.file("secret.txt", SECRET);
    if when == First {
        let (code, checked) = builder.check_json();
        let host = builder.any_log().launch();
        let way = way(id, name, host.folder());
        compare(id, &way, &host);
        return agrees(id, &way, code, &checked);
    }
    let host = TestHost::app(name).any_log().start();
    assert_eq!(host.get("/").status, 200, "{}", host.story());
    become_like(host.folder(), builder.folder());
    // The worker ends, and the next one finds the folder as it is now.
    let _ = host.client().get("/exit?code=7");
    host.wait_status("/", 500, PATIENCE);
    let way = way(id, name, host.folder());
    let (code, checked) = host.check_json();
    agrees(id, &way, code, &checked);
    compare(id, &way, &host);

    let folder = builder.folder().to_owned();
    let refused = builder.finish();
    let cause = self::way(id, name, &folder).cause;
    assert_eq!(refused.code, Some(78), "{id}: {refused:?}");
    assert!(refused.stderr.contains(&cause), "{id}: due is '{cause}'\n{}", refused.stderr);
    assert!(!refused.stderr.contains("panicked") && refused.stdout.trim().is_empty(), "{refused:?}");
}

/// Makes the files of `folder` those of `model`.
fn become_like(folder: &Path, model: &Path) {
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        entries.filter(|entry| entry.path().is_file()).map(|entry| entry.file_name()).collect::<Vec<_>>()
    };
    let wanted = names(model);
    for name in names(folder).iter().filter(|name| !wanted.contains(name)) {
        fs::remove_file(folder.join(name)).unwrap();
    }
    for name in wanted {
        // Beside it first: the file is mapped into the running app.
        let beside = folder.join("being-copied");
        fs::copy(model.join(&name), &beside).unwrap();
        fs::rename(beside, folder.join(&name)).unwrap();
    }
}

/// Page and log say what is due, and the page no more.
fn compare(id: &str, way: &Way, host: &TestHost) {
    let shown = pages(host, &way.status);
    let mut wrong = String::new();
    for cause in &shown.causes {
        // A problem of a text has its place before the sentence.
        if !cause.contains(&way.cause) || *cause != shown.causes[0] {
            let _ = writeln!(wrong, "page: {cause}");
        }
    }
    assert!(wrong.is_empty(), "{id}: due is '{}'\n{wrong}{}", way.cause, host.story());
    host.wait_log(0, &way.cause);
    host.wait_log(0, &format!("({})", way.status));

    assert!(shown.output.is_empty(), "{id}: what the app said is not for everybody: {}", shown.output);
    for secret in [SECRET, "Exception:", "thrown by", "   at ", "on stderr"] {
        assert!(!shown.whole.contains(secret), "{id}: '{secret}' is on the page\n{}", shown.whole);
    }
    assert!(proc::is_alive(host.supervisor()));
    assert_eq!(host.logged("panicked"), 0, "{}", host.story());
}

/// `mews check` says the same, where it can.
fn agrees(id: &str, way: &Way, code: Option<i32>, checked: &Value) {
    let problems = checked["problems"].as_array().unwrap();
    let message = |problem: &Value| {
        let place =
            |name: &str| problem[name].as_u64().map(|number| format!(":{number}")).unwrap_or_default();
        let file = problem["file"].as_str().unwrap_or_default();
        let placed = format!("{file}{}{}", place("line"), place("column"));
        format!("{placed}: {}", problem["message"].as_str().unwrap())
    };
    let same = |problem: &&Value| message(problem).contains(way.cause.trim_end_matches('.'));
    let found = problems.iter().find(same);
    if !way.before {
        assert!(found.is_none(), "{id}: {checked:#}");
        return;
    }
    assert_eq!(code, Some(1), "{id}: {checked:#}");
    assert_eq!(checked["status"], way.status.as_str(), "{id}: {checked:#}");
    assert_eq!(checked["wouldStart"], false, "{id}: {checked:#}");
    assert!(
        found.is_some_and(|problem| problem["severity"] == "error"),
        "{id}: due is '{}': {checked:#}",
        way.cause
    );
}

/// Replaces text of a file that must be there.
fn replaced(builder: HostBuilder, file: &str, from: &str, to: &str) -> HostBuilder {
    builder.edit(file, |text| text.replace(from, to))
}

/// A file that can be executed.
fn executable(builder: HostBuilder, name: &str, bytes: &[u8]) -> HostBuilder {
    let path = builder.folder().join(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    builder
}

fn out_of_process(builder: HostBuilder) -> HostBuilder {
    replaced(builder, "web.config", "\"inprocess\"", "\"outofprocess\"")
}

/// The beginning of an executable for `machine`.
fn elf(machine: &str) -> Vec<u8> {
    let number: u16 = if machine == "arm64" { 183 } else { 62 };
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(64, 0);
    bytes[18..20].copy_from_slice(&number.to_le_bytes());
    bytes
}

fn self_contained(builder: HostBuilder) -> HostBuilder {
    replaced(builder, "Minimal.runtimeconfig.json", "\"frameworks\"", "\"includedFrameworks\"")
}

fn runtime_config(builder: HostBuilder, from: &str, to: &str) -> HostBuilder {
    replaced(builder, "Minimal.runtimeconfig.json", from, to)
}

/// Declares a test for each of them, and the list of their ids.
macro_rules! ways {
    ($($test:ident: $id:literal, $name:literal, $when:ident, $damage:expr;)*) => {
        $(#[test]
        fn $test() {
            let damage: fn(HostBuilder) -> HostBuilder = $damage;
            told($id, $name, $when, damage(TestHost::app($name)));
        })*

        #[test]
        fn every_way_is_played() {
            let mut listed: Vec<&str> = REFERENCE.lines().skip_while(|line| !line.starts_with("| id | how |"))
                .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
                .filter(|id| !matches!(*id, "id" | "---"))
                .collect();
            let mut played = vec![$($id),*];
            listed.sort_unstable();
            played.sort_unstable();
            assert_eq!(listed, played);
        }
    };
}

ways! {
    the_dll_is_missing: "dll-missing", "Minimal", Later, |app| app.without("Minimal.dll");
    the_dll_is_garbage: "dll-garbage", "Minimal", First, |app| app.file("Minimal.dll", "garbage");
    the_runtime_configuration_is_missing: "runtimeconfig-missing", "Minimal", Later, |app| app.without("Minimal.runtimeconfig.json");
    the_runtime_configuration_is_no_json: "runtimeconfig-malformed", "Minimal", Later,
        |app| runtime_config(app, "\"runtimeOptions\":", "\"runtimeOptions\"");
    the_framework_version_is_not_installed: "framework-version", "Minimal", First, |app| runtime_config(app, "9.0.0", "2.9.9");
    the_framework_is_one_of_windows: "framework-unknown", "Minimal", First,
        |app| runtime_config(app, "Microsoft.AspNetCore.App", "Microsoft.WindowsDesktop.App");
    the_manifest_is_no_json: "deps-malformed", "Minimal", First, |app| app.file("Minimal.deps.json", "{\n  \"targets\":\n");
    a_single_file: "single-file", "Minimal", First,
        |app| executable(app.without("Minimal.dll"), "Minimal", &elf(MACHINE)).process(r".\Minimal.exe", "");
    self_contained_for_another_processor: "self-contained-foreign", "Minimal", First,
        |app| executable(self_contained(app), "libhostfxr.so", &elf(OTHER));
    self_contained_without_its_host: "self-contained-incomplete", "Minimal", First, self_contained;
    an_unknown_program: "process-path-unknown", "Minimal", First, |app| app.process("bogus", "");
    a_path_of_windows: "process-path-windows", "Minimal", First,
        |app| replaced(app, "web.config", "=\"dotnet\"", r#"="C:\Program Files\dotnet\dotnet.exe""#);
    a_shell_script: "process-path-script", "Minimal", First, |app| app.script("start.sh", "exit 0").process(r".\start.sh", "");
    no_arguments: "arguments-empty", "Minimal", First, |app| app.process("dotnet", "");
    arguments_for_the_sdk: "arguments-sdk", "Minimal", First, |app| app.process("dotnet", "run --project Minimal.csproj");
    the_projects_own_file: "placeholder", "Minimal", Later, |app| app.process("%LAUNCHER_PATH%", "%LAUNCHER_ARGS%");
    malformed_xml: "xml-malformed", "Minimal", Later, |app| replaced(app, "web.config", "</system.webServer>", "</system.webSrver>");
    a_misspelt_attribute: "attribute-unknown", "Minimal", Later, |app| replaced(app, "web.config", "processPath", "proccessPath");
    a_value_out_of_range: "value-out-of-range", "Minimal", Later, |app| app.asp_net_core("startupTimeLimit=\"4000\"", "");
    an_unknown_hosting_model: "hosting-model-unknown", "Minimal", Later, |app| replaced(app, "web.config", "\"inprocess\"", "\"inproc\"");
    a_stack_size_with_a_unit: "stack-size", "Minimal", Later, |app| app.asp_net_core("", &handler_settings(&[("stackSize", "2 MB")]));
    no_element: "element-missing", "Minimal", Later, |app| app.web_config("<configuration><system.webServer /></configuration>");
    a_program_for_windows: "program-for-windows", "Minimal", First,
        |app| out_of_process(executable(app.without("Minimal.dll"), "Minimal.exe", b"MZ\x90\0").process(r".\Minimal.exe", ""));
    a_program_for_another_processor: "program-foreign", "Minimal", First,
        |app| out_of_process(executable(app.without("Minimal.dll"), "Minimal", &elf(OTHER)).process(r".\Minimal", ""));
    a_program_without_its_permission: "program-not-executable", "Minimal", First, |app| {
        let app = executable(app.without("Minimal.dll"), "Minimal", &elf(MACHINE));
        fs::set_permissions(app.folder().join("Minimal"), Permissions::from_mode(0o644)).unwrap();
        out_of_process(app.process(r".\Minimal", ""))
    };
    main_throws: "throws-in-main", "Broken", First, |app| app.args(["ThrowsInMain"]);
    startup_throws: "throws-in-startup", "Broken", First, |app| app.args(["ThrowsInStartup"]);
    an_assembly_is_missing: "assembly-missing", "Broken", First, |app| app.args(["MissingAssembly"]);
    the_settings_are_no_json: "appsettings-malformed", "Minimal", First, |app| app.file("appsettings.json", "{\n  \"Logging\": {\n");
    main_returns: "returns-from-main", "Broken", First, |app| app.args(["ExitsInMain"]);
    a_console_program: "not-a-web-app", "Broken", First, |app| app.args(["NotWeb"]);
    main_fails_fast: "fails-fast", "Broken", First, |app| app.args(["FailFastInMain"]);
    main_hangs: "hangs", "Broken", First, |app| app.args(["BlocksInMain"]).asp_net_core("startupTimeLimit=\"2\"", "");
    no_web_server: "no-server", "Broken", First, |app| app.args(["NoServer"]).asp_net_core("startupTimeLimit=\"2\"", "");
    another_server: "other-server", "Broken", First, |app| app.args(["OtherServer"]);
}
