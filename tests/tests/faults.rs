//! What happens to requests when a part of `mews serve` dies, or its surroundings fail: processes that are killed under load,
//! a disk that takes no more, a machine without descriptors, a configuration that is broken while it is read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use e2e::{Client, Model, Outcome, PATIENCE, Request, TestHost, proc, site, under_constant_load, wait};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};
use std::fs;

use Model::{InProcess, OutOfProcess};

/// Connections that are kept under load, and as many that are new for each request.
const CONNECTIONS: usize = 2;

/// A site with applications in pools of their own. When there are several, a gateway accepts for them.
fn shared(applications: &[(&str, &str, Model)]) -> String {
    let mut text = "[[site]]\nname = 'shop'\nbindings = ['http://127.0.0.1:0']\n".to_owned();
    for (path, pool, model) in applications {
        let model = model.name();
        text += &format!(
            "[[site.application]]\npath = '{path}'\nphysical_path = '{pool}'\npool = '{pool}'\nhosting_model = '{model}'\n"
        );
    }
    text + &applications
        .iter()
        .map(|(_, pool, _)| format!("[pool.{pool}]\nstart = 'always'\n"))
        .collect::<String>()
}

fn serve_shared(root: Model, api: Model) -> TestHost {
    let host = TestHost::configured(&shared(&[("/", "root", root), ("/api", "api", api)]))
        .with_app("root", "Minimal")
        .with_app("api", "Minimal")
        .any_log()
        .serve();
    for pool in ["root", "api"] {
        host.wait_state(pool, "running");
    }
    host.wait_log(0, "sharing out connections");
    host
}

fn pid(host: &TestHost, pool: &str) -> u32 {
    let pid = host.status(pool)["pid"].as_u64().expect("a process runs");
    u32::try_from(pid).unwrap()
}

/// No more connections were cut than a process takes with it: for each client one that was under way, and one that it had not
/// come to. Nobody was told anything wrong, and nobody was refused.
fn assert_cut_at_most(load: &Outcome, clients: usize, host: &TestHost) {
    let answered = |what: &String| what.starts_with(|first: char| first.is_ascii_digit());
    let refused = |what: &String| what.contains("refused");
    assert!(
        load.lost.len() <= 2 * clients && !load.lost.iter().any(|lost| answered(lost) || refused(lost)),
        "beside {} answered: {:?}\n{}",
        load.took.len(),
        load.lost,
        host.story()
    );
}

/// Beside `test`, every request for the address is answered.
fn nothing_is_lost(host: &TestHost, index: usize, test: impl FnOnce(&e2e::Going<'_>)) {
    let load = under_constant_load(host.addresses()[index], "/json", CONNECTIONS, test);
    assert!(load.lost.is_empty(), "beside {} answered: {:?}\n{}", load.took.len(), load.lost, host.story());
}

fn a_worker_dies(model: Model) {
    let config = site("shop", 1, model)
        + &site("blog", 2, OutOfProcess)
        + "[pool.shop]\nstart = 'always'\n[pool.blog]\nstart = 'always'\n";
    let host = TestHost::configured(&config)
        .with_app("shop", "Minimal")
        .with_app("blog", "Minimal")
        .any_log()
        .serve();
    for pool in ["shop", "blog"] {
        host.wait_state(pool, "running");
    }
    let (before, other) = (pid(&host, "shop"), pid(&host, "blog"));
    nothing_is_lost(&host, 1, |others| {
        let load = under_constant_load(host.addresses()[0], "/json", CONNECTIONS, |going| {
            going.wait_for(100);
            e2e::kill(before, Signal::KILL);
            wait::until_true("another worker", PATIENCE, || {
                let status = host.status("shop");
                status["state"] == "running" && status["pid"] != before
            });
            going.wait_for(100);
            others.wait_for(20);
        });
        assert_cut_at_most(&load, 2 * CONNECTIONS, &host);
    });
    assert_eq!(pid(&host, "blog"), other);
    assert_eq!(host.status("shop")["restarts"], 1);
    host.wait_collected();
    assert!(!proc::is_alive(before));
    host.stop();
}

#[test]
fn a_killed_worker_takes_its_own_requests_with_it_and_no_others() {
    a_worker_dies(InProcess);
}

#[test]
fn a_killed_out_of_process_worker_does_not_either() {
    a_worker_dies(OutOfProcess);
}

#[test]
fn a_killed_gateway_takes_no_request_with_it_and_the_next_one_goes_on() {
    let host = serve_shared(InProcess, OutOfProcess);
    let before = (pid(&host, "root"), pid(&host, "api"));
    let under_way: Vec<Client> = ["/slow?ms=3000", "/api/slow?ms=3000"]
        .iter()
        .map(|target| {
            let mut client = host.client();
            assert_eq!(client.get("/json").unwrap().status, 200);
            client.send(&Request::get(target).bytes()).unwrap();
            client
        })
        .collect();
    let load = under_constant_load(host.addresses()[0], "/json", CONNECTIONS, |going| {
        going.wait_for(100);
        let (gateway, lines) = (host.gateway(), host.stderr().len());
        e2e::kill(gateway, Signal::KILL);
        host.wait_log(lines, "sharing out connections");
        assert_ne!(host.gateway(), gateway);
        going.wait_for(100);
    });
    // What it was just looking at is cut: a connection for each client that makes new ones.
    assert_cut_at_most(&load, CONNECTIONS, &host);
    for mut client in under_way {
        assert_eq!(client.response("GET").unwrap().text(), "waited 3000");
    }
    assert_eq!((pid(&host, "root"), pid(&host, "api")), before);
    host.stop();
}

#[test]
fn everything_ends_with_the_supervisor() {
    let host = serve_shared(InProcess, OutOfProcess);
    // A gateway, two workers and a program, at work.
    let all = host.servers();
    assert_eq!(all.len(), 4, "{all:?}");
    let busy: Vec<Client> = ["/slow?ms=60000", "/api/slow?ms=60000"]
        .iter()
        .map(|target| {
            let mut client = host.client();
            assert_eq!(client.get(&target.replace("slow?ms=60000", "json")).unwrap().status, 200);
            client.send(&Request::get(target).bytes()).unwrap();
            client
        })
        .collect();
    host.signal(Signal::KILL);
    wait::until_true("the end of all", PATIENCE, || !all.iter().any(|pid| proc::is_alive(*pid)));
    drop(busy);
}

#[test]
fn a_configuration_that_is_broken_while_requests_come_changes_nothing() {
    let good = site("shop", 1, InProcess) + "[pool.shop]\nstart = 'always'\n";
    let host = TestHost::configured(&good).with_app("shop", "Minimal").any_log().start();
    let before = pid(&host, "shop");
    nothing_is_lost(&host, 0, |going| {
        for length in (0..good.len()).step_by(good.len() / 8) {
            // As far as a writer had come when it ran out of space.
            host.put("mews.toml", &format!("{}\n[[site", &good[..length]));
            let refused = host.admin(&["reload"]);
            assert_eq!(refused.code, Some(1), "{refused:?}");
            assert!(refused.stderr.contains("nothing was changed"), "{refused:?}");
            going.wait_for(10);
        }
        fs::remove_file(host.folder().join("mews.toml")).unwrap();
        assert_eq!(host.admin(&["reload"]).code, Some(1));
        host.put("mews.toml", &good);
        let reloaded = host.admin(&["reload"]);
        assert_eq!((reloaded.code, reloaded.stdout.as_str()), (Some(0), "shop: unchanged\n"));
        going.wait_for(10);
    });
    assert_eq!(pid(&host, "shop"), before);
    host.stop();
}

fn process(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).unwrap())
}

/// The limit of a process, while this lives another one.
struct Limited {
    pid: Option<Pid>,
    resource: Resource,
    before: Rlimit,
}

impl Limited {
    fn new(pid: u32, resource: Resource, current: u64) -> Self {
        let pid = process(pid);
        // Who starts a process has its limits, and nobody here changes them.
        let before = getrlimit(resource);
        let limit = Rlimit { current: Some(current), maximum: before.maximum };
        prlimit(pid, resource, limit).unwrap();
        Self { pid, resource, before: Rlimit { current: before.maximum.or(before.current), ..before } }
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        // Fails when the process has gone, and then it does not matter.
        let _ = prlimit(self.pid, self.resource, self.before);
    }
}

/// The least number that a new descriptor of the process would not get, with `spare` that it would.
fn descriptor_limit(pid: u32, spare: usize) -> u64 {
    let number = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().to_str().unwrap().parse();
    let open: Vec<u64> =
        fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(|entry| number(entry).unwrap()).collect();
    (0..).filter(|number| !open.contains(number)).nth(spare).unwrap()
}

#[test]
fn a_worker_without_descriptors_lets_clients_wait_and_loses_none() {
    let config = site("shop", 1, InProcess) + "[pool.shop]\nstart = 'always'\n";
    let host = TestHost::configured(&config).with_app("shop", "Minimal").any_log().start();
    assert_eq!(host.get_at(0, "/json").status, 200);
    let worker = pid(&host, "shop");
    let scarce = Limited::new(worker, Resource::Nofile, descriptor_limit(worker, 4));
    let mut clients: Vec<Client> = (0..20).map(|_| host.client_at(0)).collect();
    for client in &mut clients {
        client.send(&Request::get("/json").bytes()).unwrap();
    }
    // There is room for these at least, and for the others once these have gone.
    assert_eq!(clients.remove(0).response("GET").unwrap().status, 200);
    assert_eq!(pid(&host, "shop"), worker);
    drop(scarce);
    for mut client in clients {
        assert_eq!(client.response("GET").unwrap().status, 200);
    }
    assert_eq!(pid(&host, "shop"), worker);
    host.stop();
}

#[test]
fn a_gateway_with_few_descriptors_answers_everybody() {
    let host = serve_shared(InProcess, InProcess);
    // It may be another user's, whose limits nobody but its parent chooses: it has them from its start, and takes all.
    let few = Some(descriptor_limit(host.supervisor(), 30));
    prlimit(process(host.supervisor()), Resource::Nofile, Rlimit { current: few, maximum: few }).unwrap();
    let lines = host.stderr().len();
    e2e::kill(host.gateway(), Signal::KILL);
    host.wait_log(lines, "sharing out connections");
    let limits = fs::read_to_string(format!("/proc/{}/limits", host.gateway())).unwrap();
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let limit: usize = limit.split_ascii_whitespace().next().unwrap().parse().unwrap();
    assert!(limit < 150, "{limit}");
    let mut clients: Vec<Client> = (0..2 * limit).map(|_| host.client()).collect();
    for client in &mut clients {
        client.send(&Request::get("/json").bytes()).unwrap();
    }
    // More on the way to one pool than it can keep open are told so; nobody is cut off, and nobody is refused.
    let answers: Vec<u16> = clients.iter_mut().map(|client| client.response("GET").unwrap().status).collect();
    assert!(answers.iter().all(|status| matches!(status, 200 | 503)), "{answers:?}");
    assert!(answers.iter().filter(|status| **status == 200).count() >= limit / 12, "{answers:?}");
    // What was on the way has arrived a little later than its answers.
    host.wait_status("/json", 200, PATIENCE);
    for _ in 0..limit {
        assert_eq!(host.get("/json").status, 200);
    }
    host.stop();
}

/// A limit on the length of files is to a process what a full disk is: nothing more can be written.
#[test]
fn a_disk_that_takes_no_more_costs_lines_of_logs_and_no_request() {
    let config = site("shop", 1, InProcess)
        .replace("name = 'shop'\n", "name = 'shop'\naccess_log = { file = 'access.log' }\n")
        + "[pool.shop]\nstart = 'always'\n";
    let host = TestHost::configured(&config).with_app("shop", "Minimal").any_log().start();
    let log = host.folder().join("access.log");
    let logged = |target: &str| fs::read_to_string(&log).is_ok_and(|text| text.contains(target));
    assert_eq!(host.get_at(0, "/request/before").status, 200);
    wait::until_true("a line of the log", PATIENCE, || logged("/request/before"));
    let full = Limited::new(pid(&host, "shop"), Resource::Fsize, fs::metadata(&log).unwrap().len());
    nothing_is_lost(&host, 0, |going| {
        assert_eq!(host.get_at(0, "/request/meanwhile").status, 200);
        host.wait_log(0, "lines of the access log");
        going.wait_for(100);
    });
    drop(full);
    assert_eq!(host.get_at(0, "/request/after").status, 200);
    wait::until_true("the log to go on", PATIENCE, || logged("/request/after"));
    assert!(!logged("/request/meanwhile"));
    // Said once, and not for each line.
    assert_eq!(host.logged("lines of the access log"), 1, "{}", host.story());
    host.stop();
}

#[test]
fn an_address_that_is_shared_and_not_shared_any_more_loses_no_request() {
    let (root, api) = (("/", "root", InProcess), ("/api", "api", OutOfProcess));
    let (alone, both) = (shared(&[root]), shared(&[root, api]));
    let more = both.replace("'http://127.0.0.1:0'", "'http://127.0.0.1:0', 'http://127.0.0.2:0'");
    let host = serve_shared(InProcess, OutOfProcess);
    nothing_is_lost(&host, 0, |going| {
        for (text, processes) in [(&alone, 1), (&more, 4), (&both, 4), (&alone, 1), (&both, 4)] {
            host.put("mews.toml", text);
            let reloaded = host.admin(&["reload"]);
            assert_eq!(reloaded.code, Some(0), "{reloaded:?}\n{}", host.story());
            wait::until_true("the pool to have been replaced", PATIENCE, || {
                host.state("root") == "running" && host.servers().len() == processes
            });
            going.wait_for(50);
        }
    });
    assert_eq!(host.get("/api/json").status, 200);
    host.stop();
}

#[test]
fn clocks_that_are_set_end_nothing_and_replace_nothing() {
    let pool = "start = 'always'\nidle_timeout = '1h'\nping = { interval = '1s', response_limit = '5s' }\n\
                recycle = { age = '2h' }\nrapid_fail = { failures = 1, window = '1m' }\n";
    let config = site("shop", 1, InProcess) + "[pool.shop]\n" + pool;
    let host = TestHost::configured(&config).with_app("shop", "Minimal").false_clock("+0").start();
    // As the host's log has it.
    let day = || {
        let lines = host.stderr().len();
        assert_eq!(host.admin(&["reload"]).code, Some(0));
        host.wait_log(lines, "read anew")[.."2026-11-28".len()].to_owned()
    };
    let (before, today) = (pid(&host, "shop"), day());
    nothing_is_lost(&host, 0, |going| {
        for offset in ["+3d", "-3d", "+3h", "-400d", "+0"] {
            host.put("clock", offset);
            let others = |day: &str| (day == today) == (offset == "+0");
            wait::until_true("the other time", PATIENCE, || others(&day()) || offset == "+3h");
            going.wait_for(200);
            // It answers when it is asked, and was by itself meanwhile.
            assert_eq!(pid(&host, "shop"), before);
        }
    });
    let shop = host.status("shop");
    assert_eq!((&shop["restarts"], &shop["recycles"]), (&0.into(), &0.into()), "{shop}");
    host.stop();
}
