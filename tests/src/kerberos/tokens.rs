//! Tokens of a client, one by one: for clients that do what no client would do.

use super::Realm;
use crate::paths::PYTHON;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Speaks a line for each line: `new KEY MECHANISM SERVICE BINDING`, `step KEY TOKEN`.
const PROGRAM: &str = r#"
import base64, os, sys, gssapi
from gssapi.raw import ChannelBindings, acquire_cred_with_password
mechanisms = {
    "spnego": gssapi.OID.from_int_seq("1.3.6.1.5.5.2"),
    "krb5": gssapi.OID.from_int_seq("1.2.840.113554.1.2.2"),
    "ntlm": gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10"),
}
def ntlm():
    name = gssapi.Name("NTLM\\alice", gssapi.NameType.user)
    return acquire_cred_with_password(name, b"alicepw", mechs=[mechanisms["ntlm"]], usage="initiate").creds
contexts = {}
for line in sys.stdin:
    words = line.split()
    try:
        if words[0] == "new":
            _, key, mechanism, service, binding = words
            kind = gssapi.NameType.hostbased_service
            if mechanism == "ntlm":
                # It compares the name with what the server calls itself.
                service = "HTTP@" + os.uname().nodename
            credentials = ntlm() if mechanism == "ntlm" else None
            contexts[key] = gssapi.SecurityContext(
                name=gssapi.Name(service, kind), mech=mechanisms[mechanism], usage="initiate", creds=credentials,
                flags=[] if credentials else gssapi.RequirementFlag.mutual_authentication,
                channel_bindings=None if binding == "-" else ChannelBindings(application_data=base64.b64decode(binding)))
            print("ok", flush=True)
        else:
            _, key, token = words
            token = contexts[key].step(None if token == "-" else base64.b64decode(token))
            print("token", base64.b64encode(token or b"").decode() or "-", contexts[key].complete, flush=True)
    except Exception as error:
        print("error", repr(error), flush=True)
"#;

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Kerberos inside SPNEGO, as browsers do.
    Spnego,
    /// Kerberos alone.
    Kerberos,
    /// NTLM as `NTLM\\alice`, which takes two steps.
    Ntlm,
}

/// A client's side of many handshakes.
pub struct Tokens {
    program: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Tokens {
    /// Those of a user with a ticket; `cache` is what [`Realm::sign_in`] gave.
    ///
    /// # Panics
    /// The program cannot be run.
    pub fn of(realm: &Realm, cache: &str) -> Self {
        let mut command = Command::new(PYTHON);
        command.args(["-c", PROGRAM]).envs(realm.environment()).env("KRB5CCNAME", cache);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program =
            command.spawn().expect("python3 can be run; `cargo xtask test` installs what is needed");
        let input = program.stdin.take().expect("stdin is a pipe");
        let output = BufReader::new(program.stdout.take().expect("stdout is a pipe"));
        Self { program, input, output }
    }

    /// Begins a handshake under a name; `binding` is Base64.
    ///
    /// # Panics
    /// It cannot be begun.
    pub fn begin(&mut self, key: &str, mechanism: Mechanism, service: &str, binding: Option<&str>) {
        let mechanism = match mechanism {
            Mechanism::Spnego => "spnego",
            Mechanism::Kerberos => "krb5",
            Mechanism::Ntlm => "ntlm",
        };
        let answer = self.ask(&format!("new {key} {mechanism} {service} {}", binding.unwrap_or("-")));
        assert_eq!(answer, "ok", "{key}");
    }

    /// The next token, in Base64; `answer` is the server's last one. `-` when there is none.
    ///
    /// # Panics
    /// There is none, because of an error.
    pub fn step(&mut self, key: &str, answer: Option<&str>) -> String {
        let said = self.ask(&format!("step {key} {}", answer.unwrap_or("-")));
        let token = said.strip_prefix("token ").unwrap_or_else(|| panic!("{key}: {said}"));
        token.split(' ').next().unwrap_or_default().to_owned()
    }

    /// The first token of a new handshake with `HTTP@localhost`.
    pub fn first(&mut self, mechanism: Mechanism) -> String {
        self.first_for(mechanism, "HTTP@localhost", None)
    }

    /// The first token of a new handshake.
    pub fn first_for(&mut self, mechanism: Mechanism, service: &str, binding: Option<&str>) -> String {
        self.begin("one", mechanism, service, binding);
        self.step("one", None)
    }

    fn ask(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").expect("the program reads");
        self.input.flush().expect("the program reads");
        let mut answer = String::new();
        self.output.read_line(&mut answer).expect("the program answers");
        answer.trim().to_owned()
    }
}

impl Drop for Tokens {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
