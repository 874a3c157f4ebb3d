//! Mews as a service: what it tells the service manager, and sockets that the manager has opened.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use e2e::{Model, TestHost, site, under_constant_load};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// A service manager's ear.
struct Manager {
    socket: UnixDatagram,
    _scratch: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(scratch.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, _scratch: scratch }
    }

    fn path(&self) -> String {
        self._scratch.path().join("notify").to_str().unwrap().to_owned()
    }

    fn next(&self) -> String {
        let mut bytes = [0; 1024];
        let length = self.socket.recv(&mut bytes).expect("the service says something");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// The next message that begins so.
    fn wait(&self, beginning: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut others = Vec::new();
        while Instant::now() < end {
            let message = self.next();
            if message.starts_with(beginning) {
                return message;
            }
            others.push(message);
        }
        panic!("no {beginning:?} among {others:?}");
    }
}

fn always(name: &str) -> String {
    format!("[pool.{name}]\nstart = 'always'\n")
}

#[test]
fn the_service_manager_hears_of_the_service() {
    let manager = Manager::new();
    let toml = site("shop", 1, Model::InProcess) + &site("blog", 2, Model::OutOfProcess) + &always("shop");
    let host = TestHost::configured(&(toml + "[pool.blog]\n"))
        .with_app("shop", "Minimal")
        .with_app("blog", "Minimal")
        .env("NOTIFY_SOCKET", &manager.path())
        .env("WATCHDOG_USEC", "400000")
        .serve();
    let ready = manager.wait("READY=1");
    // Its pool that starts always is up by then, and nobody had to ask for it.
    assert!(ready.contains("2 application pools: 1 running, 1 waiting for a request, 0 starting"), "{ready}");
    assert_eq!(host.workers().len(), 1);
    for _ in 0..3 {
        manager.wait("WATCHDOG=1");
    }
    // What it says is said by it alone.
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC"] {
        assert_eq!(host.get_at(0, &format!("/env?name={name}")).status, 404, "{name}");
    }
    assert_eq!(host.get_at(1, "/").status, 200);
    manager.wait("STATUS=2 application pools: 2 running");
    host.stop();
    manager.wait("STOPPING=1");
}

#[test]
fn a_service_whose_app_fails_is_ready_to_say_so() {
    let manager = Manager::new();
    let toml = site("shop", 1, Model::InProcess) + &always("shop");
    let host = TestHost::configured(&toml).env("NOTIFY_SOCKET", &manager.path()).any_log().serve();
    let ready = manager.wait("READY=1");
    assert!(ready.contains("0 running") && ready.contains("1 not available"), "{ready}");
    assert_eq!(host.get_at(0, "/").status, 500);
    host.stop();
}

/// Sends a request that nobody may be there to take yet.
fn ask(socket: &TcpListener) -> TcpStream {
    let mut stream = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn connections_wait_in_the_managers_sockets_while_the_service_is_replaced() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let toml = site("shop", 1, Model::InProcess)
        .replace("127.0.0.1:0", &socket.local_addr().unwrap().to_string())
        + &always("shop");
    for _ in 0..2 {
        let early = ask(&socket);
        let host = TestHost::configured(&toml).with_app("shop", "Minimal").pass(&socket).serve();
        let answer = answer(early);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Hello World!"), "{answer}");
        for name in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"] {
            assert_eq!(host.get_at(0, &format!("/env?name={name}")).status, 404, "{name}");
        }
        host.stop();
    }
    // The socket is the manager's still: who connects now is not refused.
    drop(ask(&socket));
}

#[test]
fn a_restart_behind_the_managers_sockets_loses_no_request() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let toml = site("shop", 1, Model::InProcess)
        .replace("127.0.0.1:0", &socket.local_addr().unwrap().to_string())
        + &always("shop");
    let start = || {
        let host = TestHost::configured(&toml).with_app("shop", "Minimal").pass(&socket).serve();
        host.wait_state("shop", "running");
        host
    };
    let mut host = Some(start());
    let load = under_constant_load(socket.local_addr().unwrap(), "/json", 2, |going| {
        for _ in 0..2 {
            going.wait_for(50);
            // What a restart does, and an upgrade: the old one ends before the new one starts.
            host.take().unwrap().stop();
            host = Some(start());
        }
        going.wait_for(50);
    });
    let host = host.unwrap();
    assert!(load.lost.is_empty(), "beside {} answered: {:?}\n{}", load.took.len(), load.lost, host.story());
    host.stop();
}

#[test]
fn a_passed_socket_that_no_binding_has_is_an_error() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let finished = TestHost::configured(&site("shop", 1, Model::InProcess)).pass(&socket).finish();
    assert_eq!(finished.code, Some(78), "{finished:?}");
    let address = socket.local_addr().unwrap();
    let text = format!("passes the socket {address} (mews.socket), which is the address of no binding");
    assert!(finished.stderr.contains(&text), "{finished:?}");
}

#[test]
fn mews_run_takes_passed_sockets_too() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let early = ask(&socket);
    let url = format!("http://{}", socket.local_addr().unwrap());
    let host = TestHost::app("Minimal").urls(&url).pass(&socket).start();
    assert!(answer(early).contains("Hello World!"));
    host.stop();
}

#[test]
fn the_unit_files_are_what_systemd_wants() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/systemd");
    let service = std::fs::read_to_string(packaging.join("mews.service")).unwrap();
    let command = service.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/mews ")).unwrap();
    let words: Vec<&str> = command.split(' ').collect();
    let [serve, option, file] = words[..] else { panic!("{command}") };
    assert_eq!((serve, option, file), ("serve", "--config", "/etc/mews/mews.toml"));

    let scratch = tempfile::tempdir().unwrap();
    let copy = |name: &str| {
        let text = std::fs::read_to_string(packaging.join(name)).unwrap();
        // The program is looked for by systemd-analyze; any one will do.
        let path = scratch.path().join(name);
        std::fs::write(&path, text.replace("/usr/bin/mews", "/bin/true")).unwrap();
        path
    };
    let files = [copy("mews.service"), copy("mews.socket")];
    let verify =
        std::process::Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&files).output();
    let output = match verify {
        Err(error) => {
            eprintln!("the unit files were not verified: systemd-analyze cannot be run ({error})");
            return;
        }
        Ok(output) => output,
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("mews.")).collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
}
