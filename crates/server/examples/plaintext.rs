//! The smallest useful server: answers every request with "Hello, World!". For measurements.
//!
//! `cargo run --release -p mews-server --example plaintext -- 127.0.0.1:8080 [io-threads]`

use std::net::TcpListener;
use std::sync::Arc;

use mews_server::headers::known;
use mews_server::{
    Exchange, Handler, HeaderBlock, HeaderBlockRef, Http2, Listener, RequestHead, ResponseHead, Server,
    ServerConfig,
};

struct Plaintext {
    headers: HeaderBlock,
}

impl Handler for Plaintext {
    fn prepare(&self, _: &RequestHead<'_>, _: &Arc<Exchange>) {}

    fn run(&self, exchange: &Arc<Exchange>) {
        let head = ResponseHead {
            status: 200,
            reason: b"",
            headers: self.headers.as_ref(),
            content_length: None,
            close: false,
        };
        let _ = exchange.finish(Some(&head), b"Hello, World!", HeaderBlockRef::EMPTY);
    }
}

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let mut config = ServerConfig { http2: Http2::Always, ..ServerConfig::default() };
    if let Some(threads) = args.next().and_then(|text| text.parse().ok()) {
        config.io_threads = threads;
    }
    let mut headers = HeaderBlock::new();
    headers.push_known(known::CONTENT_TYPE, b"text/plain");
    let socket = TcpListener::bind(address)?;
    announce(&socket)?;
    let server = Server::start(
        config,
        vec![Listener { socket, tls: None, number: 0 }],
        Arc::new(Plaintext { headers }),
    )?;
    server.accept();
    // Standard input's end stops the server, so that a harness needs no signals.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    report(&server);
    server.shutdown();
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]
fn announce(socket: &TcpListener) -> std::io::Result<()> {
    println!("http://{}/", socket.local_addr()?);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]
fn report(server: &Server) {
    println!("{:?}", server.stats());
}
