//! One connection that speaks the DevTools protocol: calls with an answer each, and events in between.

use crate::PATIENCE;
use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, TcpStream};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

/// The longest message: a screenshot of a long page.
const LONGEST: usize = 64 << 20;

/// The connection. It waits for each answer at most [`PATIENCE`] from message to message.
pub(super) struct DevTools {
    socket: WebSocket<TcpStream>,
    last: u64,
}

impl DevTools {
    /// Connects to one of Chromium's end points.
    ///
    /// # Panics
    /// It does not take the connection.
    pub(super) fn connect(port: u16, path: &str) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("Chromium takes connections");
        stream.set_nodelay(true).expect("TCP_NODELAY can be set");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit can be set");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time limit can be set");
        let config = WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
        let url = format!("ws://127.0.0.1:{port}{path}");
        match tungstenite::client::client_with_config(&url, stream, Some(config)) {
            Ok((socket, _)) => Self { socket, last: 0 },
            Err(error) => panic!("{url}: {error}"),
        }
    }

    /// Calls a method and answers its result. Events that come before the answer go to `on_event`, whole.
    ///
    /// # Errors
    /// Chromium refuses the call, does not answer, or has gone.
    pub(super) fn call(
        &mut self,
        method: &str,
        parameters: &Value,
        mut on_event: impl FnMut(&Value),
    ) -> Result<Value> {
        self.last += 1;
        let message = json!({"id": self.last, "method": method, "params": parameters});
        self.socket.send(Message::text(message.to_string())).context("sending")?;
        loop {
            let text = match self.socket.read().context("receiving")? {
                Message::Text(text) => text,
                Message::Close(_) => bail!("Chromium has closed the connection"),
                _ => continue,
            };
            let mut message: Value = serde_json::from_str(&text).context("no JSON")?;
            if message["id"] == self.last {
                return match message.get("error") {
                    Some(error) => Err(anyhow!("{error}")),
                    None => Ok(message["result"].take()),
                };
            }
            if message.get("method").is_some() {
                on_event(&message);
            }
        }
    }
}
