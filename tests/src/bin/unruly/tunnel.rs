//! A connection that leaves HTTP: every byte comes back until the client ends its side.
//!
//! The query may ask for more: `greet=` and `say-goodbye=` are sent before and after, `drop` resets the connection at once, `refuse` stays in HTTP.

use crate::answer::head;
use crate::connection::Connection;
use crate::pages::After;
use crate::request::Request;
use anyhow::Result;

pub(crate) fn is_asked_for(request: &Request) -> bool {
    request.names("Connection", "Upgrade")
        && request.header("Upgrade").is_some()
        && !request.query.has("refuse")
}

pub(crate) fn dig(request: &Request, connection: &mut Connection) -> Result<After> {
    let protocol = request.header("Upgrade").unwrap_or_default();
    let fields = [("Connection", "Upgrade"), ("Upgrade", protocol)];
    connection.send(head(request, 101, "Switching Protocols", &fields).as_bytes())?;
    if request.query.has("drop") {
        return Ok(After::Reset);
    }
    let spoken = |name: &str| request.query.get(name).unwrap_or_default().as_bytes();
    connection.send(spoken("greet"))?;
    let mut bytes = connection.buffered();
    loop {
        connection.send(&bytes)?;
        bytes = connection.receive()?;
        if bytes.is_empty() {
            connection.send(spoken("say-goodbye"))?;
            return Ok(After::End);
        }
    }
}
