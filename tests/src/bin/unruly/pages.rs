//! What a decent server answers. A body is read before the answer, except where the table says something else.
//!
//! | path | what it answers |
//! | --- | --- |
//! | `/stats` | what is going on in the process: `pid`, `accepted`, `open`, `busy` (this request included), `gone` |
//! | `/environment` | `variables`, `directory` and `arguments` of the process |
//! | `/bytes`, `/chunked`, `/close-delimited`, `/body`, `/trailers` | see [`bodies`] |
//! | `/status?code=&reason=` | that status |
//! | `/early-hints?n=` | so many interim responses first |
//! | `/early-answer` | `early`, without reading the body |
//! | `/refuse-expect` | 417, without reading the body |
//! | `/never-continue` | the request, whose body is read without asking for it |
//! | `/upgrade` | see [`tunnel`] |
//! | `/slow?ms=` | the request, after so many milliseconds |
//! | `/hang?after=` | nothing, or nothing more after its `head` or a part of its `body`, until the client leaves |
//! | `/print?out=` | prints a line on stdout first |
//! | `/exit?code=` | ends the process without an answer |
//! | the name of a [`fault`] | commits it |
//! | any other | the request, as JSON |

use crate::answer::{empty, head, whole};
use crate::connection::Connection;
use crate::fault::Fault;
use crate::request::{Request, latin1};
use crate::server::Server;
use crate::{bodies, tunnel};
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// What becomes of the connection.
pub(crate) enum After {
    Next,
    End,
    Reset,
}

pub(crate) fn answer(server: &Server, request: &Request, connection: &mut Connection) -> Result<After> {
    let query = &request.query;
    match request.path() {
        "/stats" => json_page(request, connection, &stats(server))?,
        "/environment" => json_page(request, connection, &environment()?)?,
        "/bytes" => bodies::bytes(request, connection)?,
        "/chunked" => bodies::chunked(request, connection)?,
        "/close-delimited" => {
            bodies::close_delimited(request, connection)?;
            return Ok(After::End);
        }
        "/body" => bodies::same(request, connection)?,
        "/trailers" => bodies::trailers(request, connection)?,
        "/status" => {
            connection.rest()?;
            empty(request, connection, query.number("code", 200), query.get("reason").unwrap_or_default())?;
        }
        "/early-hints" => {
            for i in 0..query.number("n", 1) {
                let hint = format!("HTTP/1.1 103 Early Hints\r\nLink: </{i}.css>; rel=preload\r\n\r\n");
                connection.send(hint.as_bytes())?;
            }
            echo(request, connection)?;
        }
        "/early-answer" => {
            let fields = [("Content-Length", "5"), ("Connection", "close")];
            connection.send((head(request, 200, "OK", &fields) + "early").as_bytes())?;
            return Ok(After::End);
        }
        "/refuse-expect" => {
            let fields = [("Content-Length", "0"), ("Connection", "close")];
            connection.send(head(request, 417, "Expectation Failed", &fields).as_bytes())?;
            return Ok(After::End);
        }
        "/never-continue" => {
            connection.ask_nobody();
            echo(request, connection)?;
        }
        "/upgrade" if tunnel::is_asked_for(request) => return tunnel::dig(request, connection),
        "/slow" => {
            std::thread::sleep(Duration::from_millis(query.number("ms", 0) as u64));
            echo(request, connection)?;
        }
        "/hang" => {
            hang(server, request, connection)?;
            return Ok(After::End);
        }
        "/print" => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stdout(), "{}", query.get("out").unwrap_or_default());
            echo(request, connection)?;
        }
        "/exit" => std::process::exit(i32::try_from(query.number("code", 0))?),
        path => match path.strip_prefix('/').and_then(Fault::named) {
            Some(fault) => return fault.commit(query.get("kind").unwrap_or_default(), connection),
            None => echo(request, connection)?,
        },
    }
    Ok(After::Next)
}

fn json_page(request: &Request, connection: &mut Connection, value: &Value) -> Result<()> {
    connection.rest()?;
    whole(request, connection, "application/json", &value.to_string())
}

fn stats(server: &Server) -> Value {
    let counts = server.tally.counts();
    json!({
        "pid": std::process::id(),
        "accepted": counts.accepted,
        "open": counts.open,
        "busy": counts.busy,
        "gone": counts.gone,
    })
}

fn environment() -> Result<Value> {
    let variables: BTreeMap<String, String> = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let arguments: Vec<String> = std::env::args().collect();
    Ok(json!({ "variables": variables, "directory": std::env::current_dir()?, "arguments": arguments }))
}

fn echo(request: &Request, connection: &mut Connection) -> Result<()> {
    let body = connection.rest()?;
    let seen = json!({
        "pid": std::process::id(),
        "method": request.method,
        "target": request.target,
        "version": request.version,
        "headers": request.headers,
        "body": latin1(&body),
        "bodyLength": body.len(),
        "trailers": connection.trailers,
    });
    whole(request, connection, "application/json", &seen.to_string())
}

fn hang(server: &Server, request: &Request, connection: &mut Connection) -> Result<()> {
    let head = || head(request, 200, "OK", &[("Transfer-Encoding", "chunked")]);
    match request.query.get("after") {
        Some("head") => connection.send(head().as_bytes())?,
        Some("body") => connection.send((head() + "11\r\npieces of a body,\r\n").as_bytes())?,
        _ => {}
    }
    connection.wait_gone()?;
    server.tally.client_gone();
    crate::say(format_args!("client gone {}", request.target));
    Ok(())
}
