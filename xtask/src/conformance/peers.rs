//! Other servers in front of Mews, each with the shortest configuration that forwards everything.

use super::host::{Hosts, free_port, stop};
use anyhow::{Context as _, Result, bail};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_LIMIT: Duration = Duration::from_secs(20);

/// Who is in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nginx,
    HaProxy,
    Caddy,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Nginx, Self::HaProxy, Self::Caddy];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::HaProxy => "HAProxy",
            Self::Caddy => "Caddy",
        }
    }

    fn configuration(self, port: u16, to: u16, folder: &str) -> String {
        match self {
            Self::Nginx => format!(
                "daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;\nevents {{}}\nhttp {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};\nupstream app {{ server 127.0.0.1:{to}; keepalive 8; }}\nserver {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_request_buffering off; }} }} }}\n"
            ),
            Self::HaProxy => format!(
                "defaults\n mode http\n timeout connect 5s\n timeout client 10s\n timeout server 10s\n http-reuse always\nfrontend in\n bind 127.0.0.1:{port}\n default_backend app\nbackend app\n server mews 127.0.0.1:{to}\n"
            ),
            Self::Caddy => format!(
                "{{\n admin off\n auto_https off\n storage file_system {folder}\n}}\nhttp://127.0.0.1:{port}, http://localhost:{port} {{\n reverse_proxy 127.0.0.1:{to}\n}}\n:{port} {{\n reverse_proxy 127.0.0.1:{to}\n}}\n"
            ),
        }
    }
}

/// A running peer; stopped when dropped.
pub(super) struct Peer {
    child: Child,
    pub(super) port: u16,
}

impl Peer {
    pub(super) fn start(kind: Kind, to: u16, hosts: &Hosts) -> Result<Self> {
        let port = free_port()?;
        let folder = hosts.scratch.display().to_string();
        let file = hosts.scratch.join(format!("{}-{port}.conf", kind.name()));
        std::fs::write(&file, kind.configuration(port, to, &folder))?;
        let output = std::fs::File::create(hosts.scratch.join(format!("{}-{port}.log", kind.name())))?;
        let mut command = match kind {
            Kind::Nginx => Command::new("nginx"),
            Kind::HaProxy => Command::new("haproxy"),
            Kind::Caddy => Command::new("caddy"),
        };
        match kind {
            Kind::Nginx => command.arg("-c").arg(&file),
            Kind::HaProxy => command.arg("-db").arg("-f").arg(&file),
            Kind::Caddy => command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file),
        };
        command.env("HOME", &folder).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("cannot start {}", kind.name()))?;
        let mut peer = Self { child, port };
        let until = Instant::now() + START_LIMIT;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if Instant::now() > until || peer.child.try_wait()?.is_some() {
                bail!("{} does not listen; see {folder}/{}-{port}.log", kind.name(), kind.name());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(peer)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}
