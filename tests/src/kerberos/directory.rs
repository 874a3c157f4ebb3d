//! A domain of Active Directory, as Samba has it: its key server puts what the directory says of users into their tickets.

use super::{PDEATHSIG, Realm, TRIES, configure_clients, free_port, run, serve, succeed, tool_in};
use std::fs;
use std::path::Path;
use std::process::Command;

const REALM: &str = "AD.MEWS.TEST";

impl Realm {
    /// Starts the realm `AD.MEWS.TEST`, the domain `MEWSAD`, with the user `alice`, whose password is `alicepw`, in the group
    /// `Clerks`, and the service `HTTP/localhost`, whose key is in [`Realm::keytab`].
    ///
    /// # Panics
    /// The key server does not start.
    pub fn directory() -> Self {
        let folder = tempfile::Builder::new().prefix("mews-domain-").tempdir().expect("a folder can be made");
        let base = folder.path();
        let target = base.join("dc").display().to_string();
        let mut provision = tool_in(base, "samba-tool");
        provision.args([
            "domain",
            "provision",
            "--realm",
            REALM,
            "--domain",
            "MEWSAD",
            "--server-role",
            "dc",
        ]);
        provision.args(["--dns-backend", "NONE", "--host-name", "dc", "--host-ip", "127.0.0.1"]);
        provision.args(["--option", "interfaces=lo", "--option", "bind interfaces only=yes"]);
        run(provision.args(["--adminpass", "Passw0rd.of.a.test", "--targetdir", &target]));
        let tool = |words: &[&str]| run(&mut samba_tool(base, words));
        tool(&["domain", "passwordsettings", "set", "--complexity", "off", "--min-pwd-length", "0"]);
        tool(&["user", "create", "alice", "alicepw"]);
        tool(&["group", "add", "Clerks"]);
        tool(&["group", "addmembers", "Clerks", "alice"]);
        tool(&["user", "create", "web", "--random-password"]);
        tool(&["spn", "add", "HTTP/localhost", "web"]);
        let keytab = base.join("keytab").display().to_string();
        tool(&["domain", "exportkeytab", &keytab, "--principal", "HTTP/localhost"]);
        let mut problem = String::new();
        for _ in 0..TRIES {
            let port = free_port();
            configure_clients(REALM, base, port);
            let (log, command) = (base.join("samba.log"), &mut tool_in(base, "setpriv"));
            // Only the key server: the tools above write into the directory themselves.
            command.args(PDEATHSIG).args([
                "samba",
                "--foreground",
                "--no-process-group",
                "--model",
                "single",
            ]);
            command.arg(format!("--configfile={}", settings(base).display()));
            for option in ["server services=kdc", "kpasswd port=0", &format!("krb5 port={port}")] {
                command.arg(format!("--option={option}"));
            }
            command.arg(format!("--option=log file={}", log.display()));
            match serve(command, port, &log) {
                Ok(server) => return Self { name: REALM.to_owned(), folder, server },
                Err(error) => problem = error,
            }
        }
        panic!("the key server of the domain does not start: {problem}");
    }

    /// The security identifier of a `user` or a `group` of the domain.
    ///
    /// # Panics
    /// There is none.
    pub fn sid(&self, kind: &str, name: &str) -> String {
        let output = samba_tool(self.folder.path(), &[kind, "show", name]).output();
        let output = output.expect("samba-tool can be run");
        succeed(&output);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let sid = text.lines().find_map(|line| line.strip_prefix("objectSid: "));
        sid.unwrap_or_else(|| panic!("no objectSid: {text}")).to_owned()
    }
}

fn settings(folder: &Path) -> std::path::PathBuf {
    folder.join("dc/etc/smb.conf")
}

/// A tool that works on the domain's own files.
fn samba_tool(folder: &Path, words: &[&str]) -> Command {
    let own = folder.join("dc/run");
    fs::create_dir_all(&own).expect("the folder is writable");
    let path = settings(folder);
    let text = fs::read_to_string(&path).expect("the domain has settings");
    // What would lie in /run and be another domain's.
    if !text.contains("pid directory") {
        let own = own.display();
        let more =
            format!("[global]\n\tpid directory = {own}\n\tncalrpc dir = {own}\n\tlock directory = {own}\n");
        fs::write(&path, text.replacen("[global]\n", &more, 1)).expect("the settings are writable");
    }
    let mut command = tool_in(folder, "samba-tool");
    command.args(words).arg(format!("--configfile={}", path.display()));
    command
}
