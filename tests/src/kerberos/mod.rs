//! A Kerberos realm of a test's own: a real key server on loopback, with users, services and tickets.

mod directory;
mod tickets;
mod tokens;

pub use tokens::{Mechanism, Tokens};

use crate::{HostBuilder, PATIENCE, wait};
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// It ends with the thread that runs the test, whatever becomes of that.
const PDEATHSIG: [&str; 2] = ["--pdeathsig", "KILL"];

/// How often another port is tried, when somebody else has taken the one that was free.
const TRIES: usize = 5;

/// A realm named `MEWS.TEST` unless said otherwise. Dropping it ends the key server.
pub struct Realm {
    name: String,
    folder: tempfile::TempDir,
    server: Child,
}

impl Realm {
    /// Starts the realm `MEWS.TEST` with the users `alice`, `bob` and `games` (whose passwords are `NAMEpw`) and the service
    /// `HTTP/localhost`, whose key is in [`Realm::keytab`].
    pub fn start() -> Self {
        let realm = Self::named("MEWS.TEST");
        for user in ["alice", "bob", "games"] {
            realm.add_user(user);
        }
        realm.add_service("HTTP/localhost", &realm.keytab());
        realm
    }

    /// Starts an empty realm of that name.
    ///
    /// # Panics
    /// The key server does not start.
    pub fn named(name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("mews-realm-").tempdir().expect("a folder can be made");
        let mut problem = String::new();
        for _ in 0..TRIES {
            let port = free_port();
            configure(name, folder.path(), port);
            if !folder.path().join("principal").exists() {
                let mut create = tool_in(folder.path(), "kdb5_util");
                run(create.args(["create", "-s", "-P", "master", "-r", name]));
            }
            let log = folder.path().join("kdc.log");
            match serve(tool_in(folder.path(), "setpriv").args(PDEATHSIG).args(["krb5kdc", "-n"]), port, &log)
            {
                Ok(server) => return Self { name: name.to_owned(), folder, server },
                Err(error) => problem = error,
            }
        }
        panic!("the key server does not start: {problem}");
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The file with the key of `HTTP/localhost`.
    pub fn keytab(&self) -> PathBuf {
        self.path("keytab")
    }

    /// The passwords for NTLM, of `NTLM\alice` and `NTLM\bob`.
    pub fn ntlm_users(&self) -> PathBuf {
        let path = self.path("ntlm");
        if !path.exists() {
            fs::write(&path, "NTLM:alice:alicepw\nNTLM:bob:bobpw\n").expect("the folder is writable");
        }
        path
    }

    /// Adds a user whose password is the name and `pw`.
    pub fn add_user(&self, name: &str) {
        self.administer(&format!("addprinc -pw {name}pw {name}"));
    }

    /// Adds a service, and its key to a file.
    pub fn add_service(&self, principal: &str, keytab: &Path) {
        self.administer(&format!("addprinc -randkey {principal}"));
        self.administer(&format!("ktadd -k {} {principal}", keytab.display()));
    }

    /// Gives a principal another key, which no file has.
    pub fn change_key(&self, principal: &str) {
        self.administer(&format!("cpw -randkey {principal}"));
    }

    /// Runs a command of `kadmin.local`.
    pub fn administer(&self, command: &str) {
        let mut tool = tool_in(self.folder.path(), "kadmin.local");
        run(tool.args(["-r", &self.name, "-q", command]));
    }

    /// Gets a ticket for a user; the answer is the value of `KRB5CCNAME`.
    ///
    /// # Panics
    /// There is none.
    pub fn sign_in(&self, user: &str, options: &[&str]) -> String {
        let cache = format!("FILE:{}", self.path(&format!("ticket-{user}-{}", options.join(""))).display());
        let mut kinit = tool_in(self.folder.path(), "kinit");
        kinit.args(options).arg(user).env("KRB5CCNAME", &cache).stdin(Stdio::piped());
        let mut kinit =
            kinit.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kinit can be run");
        let mut stdin = kinit.stdin.take().expect("stdin is a pipe");
        std::io::Write::write_all(&mut stdin, format!("{user}pw\n").as_bytes()).expect("kinit reads");
        drop(stdin);
        succeed(&kinit.wait_with_output().expect("kinit ends"));
        cache
    }

    /// Gets a ticket for a user and for `HTTP/localhost` that is good for these seconds, though the client takes it for longer.
    ///
    /// # Panics
    /// There is none.
    pub fn sign_in_for(&self, user: &str, seconds: u32) -> String {
        let cache = self.sign_in(user, &["-l", &format!("{seconds}s")]);
        let mut tool = tool_in(self.folder.path(), "kvno");
        run(tool.arg("HTTP/localhost").env("KRB5CCNAME", &cache));
        tickets::seem_to_last(&cache);
        cache
    }

    /// Has a client believe that its clock is so many seconds behind.
    pub fn set_back_clock(&self, cache: &str, seconds: u32) {
        tickets::set_back_clock(cache, seconds);
    }

    /// A configuration for a host that tolerates a difference of its clock of one second only.
    pub fn strict(&self) -> PathBuf {
        let path = self.path("strict.conf");
        let text = fs::read_to_string(self.path("krb5.conf")).expect("the file is there");
        let text = text.replace("[libdefaults]\n", "[libdefaults]\n clockskew = 1\n");
        fs::write(&path, text).expect("the folder is writable");
        path
    }

    /// What programs need to know of the realm.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.path(name).display().to_string();
        vec![
            ("KRB5_CONFIG", path("krb5.conf")),
            ("KRB5_KDC_PROFILE", path("kdc.conf")),
            // Not in /var/tmp, where it would stay.
            ("KRB5RCACHENAME", format!("dfl:{}", path("replays"))),
            ("NTLM_USER_FILE", self.ntlm_users().display().to_string()),
        ]
    }

    /// Has a host use this realm and the key of `HTTP/localhost`.
    pub fn host(&self, builder: HostBuilder) -> HostBuilder {
        self.host_with(builder, &self.keytab())
    }

    /// Has a host use this realm and the keys of a file.
    pub fn host_with(&self, builder: HostBuilder, keytab: &Path) -> HostBuilder {
        let builder = self.known_to(builder);
        builder.flag("--keytab").flag(&keytab.display().to_string()).flag("--realm").flag(&self.name)
    }

    /// Has a host's environment tell of this realm, and nothing else.
    pub fn known_to(&self, builder: HostBuilder) -> HostBuilder {
        let variables = self.environment().into_iter();
        variables.fold(builder, |builder, (name, value)| builder.env(name, &value))
    }

    /// A `curl` with a user's ticket; `cache` is what [`Realm::sign_in`] gave.
    pub fn curl(&self, cache: &str, arguments: &[&str]) -> String {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "20"]).args(arguments);
        curl.envs(self.environment()).env("KRB5CCNAME", cache);
        let output = curl.output().expect("curl can be run");
        succeed(&output);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("the socket has an address").port()
}

/// What clients and services know of the realm.
fn configure_clients(name: &str, folder: &Path, port: u16) {
    let client = format!(
        "[libdefaults]\n default_realm = {name}\n dns_lookup_realm = false\n dns_lookup_kdc = false\n \
         dns_canonicalize_hostname = false\n rdns = false\n udp_preference_limit = 1\n qualify_shortname = \"\"\n\
         [realms]\n {name} = {{\n  kdc = 127.0.0.1:{port}\n }}\n\
         [domain_realm]\n localhost = {name}\n"
    );
    fs::write(folder.join("krb5.conf"), client).expect("the folder is writable");
}

fn configure(name: &str, folder: &Path, port: u16) {
    configure_clients(name, folder, port);
    let base = folder.display();
    let server = format!(
        "[kdcdefaults]\n kdc_listen = \"\"\n kdc_tcp_listen = 127.0.0.1:{port}\n\
         [realms]\n {name} = {{\n  database_name = {base}/principal\n  key_stash_file = {base}/stash\n  \
         acl_file = {base}/acl\n  max_life = 1h\n }}\n\
         [logging]\n kdc = FILE:{base}/kdc.log\n"
    );
    fs::write(folder.join("kdc.conf"), server).expect("the folder is writable");
}

fn serve(command: &mut Command, port: u16, log: &Path) -> Result<Child, String> {
    let mut server = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let found = wait::poll(PATIENCE, || {
        let ended = server.try_wait().expect("the server can be waited for");
        let said = || fs::read_to_string(log).unwrap_or_default();
        match ended {
            Some(status) => Some(Err(format!("{status}\n{}", said()))),
            None => TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(Ok(())),
        }
    });
    match found {
        Some(Ok(())) => Ok(server),
        Some(Err(problem)) => Err(problem),
        None => {
            let _ = server.kill();
            let _ = server.wait();
            Err("it does not listen".to_owned())
        }
    }
}

/// A program of Kerberos that knows the realm. Distributions keep some of them where only root looks.
fn tool_in(folder: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command.env("KRB5_CONFIG", folder.join("krb5.conf")).env("KRB5_KDC_PROFILE", folder.join("kdc.conf"));
    command
}

fn run(command: &mut Command) {
    match command.output() {
        Ok(output) => succeed(&output),
        Err(error) => panic!("{command:?}: {error}; `cargo xtask test` installs what is needed"),
    }
}

fn succeed(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr));
}
