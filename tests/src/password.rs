//! Hashes of passwords, made as the guide says.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// What a password file holds for a password.
///
/// # Panics
/// The program `argon2` cannot be run.
pub fn password_hash(password: &str) -> String {
    let mut argon2 = Command::new("argon2");
    argon2.args(["salt of a test", "-id", "-e", "-t", "1"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut argon2 = argon2.spawn().expect("argon2 can be run; `cargo xtask test` installs it");
    let mut stdin = argon2.stdin.take().expect("stdin is a pipe");
    stdin.write_all(password.as_bytes()).expect("argon2 reads");
    drop(stdin);
    let output = argon2.wait_with_output().expect("argon2 ends");
    assert!(output.status.success(), "argon2: {}", output.status);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
