//! The app: a small HTTP server, or something that only looks like one.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it stands for a program"
)]

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::exit;
use std::thread;

/// What the process is to do.
pub(crate) const ROLE: &str = "MEWS_TEST_APP";

/// Not a test of its own: what the processes of the apps run.
#[test]
fn role() {
    let Ok(role) = env::var(ROLE) else { return };
    let port: u16 = env::var("ASPNETCORE_PORT").unwrap().parse().unwrap();
    match role.as_str() {
        "serve" | "stubborn" => serve(TcpListener::bind(("127.0.0.1", port)).unwrap(), &role),
        "ipv6" => serve(TcpListener::bind(("::1", port)).unwrap(), &role),
        "elsewhere" => serve(TcpListener::bind("127.0.0.1:0").unwrap(), &role),
        "exit" => {
            println!("the last line on stdout");
            eprintln!("the last line on stderr");
            exit(3);
        }
        "throw" => {
            eprintln!("Unhandled exception. System.InvalidOperationException: secret\n   at Program.Main()");
            exit(134);
        }
        other => panic!("there is no role {other}"),
    }
}

fn serve(listener: TcpListener, role: &str) -> ! {
    println!("serving on {}", listener.local_addr().unwrap());
    for stream in listener.incoming() {
        let (stream, role) = (stream.unwrap(), role.to_owned());
        thread::spawn(move || converse(&stream, &role));
    }
    exit(1);
}

fn converse(stream: &TcpStream, role: &str) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        while head.last().is_none_or(|line: &String| !line.trim().is_empty()) {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            head.push(line);
        }
        let target = head[0].split(' ').nth(1)?.to_owned();
        let has = |field: &str| head.iter().any(|line| line.trim().eq_ignore_ascii_case(field));
        let token = env::var("ASPNETCORE_TOKEN").unwrap();
        let (status, body) = match target.as_str() {
            "/pid" => (200, std::process::id().to_string()),
            "/head" => (200, head.concat()),
            "/env" => {
                let mut all: Vec<String> =
                    env::vars().map(|(name, value)| format!("{name}={value}\n")).collect();
                all.sort();
                (200, all.concat())
            }
            "/exit" => exit(9),
            "/iisintegration"
                if has("MS-ASPNETCORE-EVENT: shutdown") && has(&format!("MS-ASPNETCORE-TOKEN: {token}")) =>
            {
                println!("told to shut down");
                (202, String::new())
            }
            _ => (404, String::new()),
        };
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        (&*stream).write_all(answer.as_bytes()).ok()?;
        if status == 202 && role != "stubborn" {
            exit(0);
        }
        if has("Connection: close") {
            return None;
        }
    }
}
