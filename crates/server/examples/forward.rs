//! Forwards every request to one upstream. For measurements of the hop.
//!
//! `cargo run --release -p mews-server --example forward -- 127.0.0.1:5000 [127.0.0.1:8080] [io-threads]`

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use mews_server::{Backend, ForwardHandler, ForwardOptions, Held, Listener, Server, ServerConfig, Upstream};

struct One(Arc<Upstream>);

impl Backend for One {
    fn route(&self, request: Held) {
        request.forward(&self.0);
    }
}

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let upstream: SocketAddr = args.next().and_then(|text| text.parse().ok()).ok_or_else(|| {
        std::io::Error::new(std::io::ErrorKind::InvalidInput, "the first argument is the upstream's address")
    })?;
    let address = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let mut config = ServerConfig::default();
    if let Some(threads) = args.next().and_then(|text| text.parse().ok()) {
        config.io_threads = threads;
    }
    let upstream = Upstream::new(upstream, "example");
    let handler = ForwardHandler::new(ForwardOptions::default(), Arc::new(One(upstream.clone())));
    let socket = TcpListener::bind(address)?;
    announce(&socket)?;
    let server = Server::start(config, vec![Listener { socket, tls: None, number: 0 }], Arc::new(handler))?;
    server.accept();
    // Standard input's end stops the server, so that a harness needs no signals.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    report(&server, &upstream);
    upstream.close();
    server.shutdown();
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]
fn announce(socket: &TcpListener) -> std::io::Result<()> {
    println!("http://{}/", socket.local_addr()?);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]
fn report(server: &Server, upstream: &Upstream) {
    println!("{:?}\n{:?}", server.stats(), upstream.stats());
}
