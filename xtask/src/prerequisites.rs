//! Programs that tasks need beside Rust and .NET. Installed by package name where that is possible, asked for where it is not.

use crate::command::{Step, on_path};
use anyhow::{Result, bail};

/// A program, or one of several that do the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tool {
    /// Any one of these on `PATH`, or at this place, will do.
    programs: &'static [&'static str],
    /// The package of Debian and Ubuntu that has it.
    package: &'static str,
    purpose: &'static str,
}

/// Comes with `nghttp`.
pub(crate) const H2LOAD: Tool =
    Tool { programs: &["h2load"], package: "nghttp2-client", purpose: "HTTP/2 clients nobody here wrote" };

pub(crate) const OPENSSL: Tool = Tool {
    programs: &["openssl"],
    package: "openssl",
    purpose: "certificates, and TLS clients nobody here wrote",
};

/// What the end-to-end tests drive.
pub(crate) const FOR_TESTS: [Tool; 15] = [
    Tool { programs: &["curl"], package: "curl", purpose: "an HTTP client nobody here wrote" },
    OPENSSL,
    H2LOAD,
    Tool {
        programs: &["chromium", "chromium-browser", "google-chrome"],
        package: "chromium",
        purpose: "the browser test",
    },
    Tool { programs: &["krb5kdc"], package: "krb5-kdc", purpose: "a Kerberos realm" },
    Tool {
        programs: &["kadmin.local"],
        package: "krb5-admin-server",
        purpose: "users and keys of that realm",
    },
    Tool { programs: &["kinit"], package: "krb5-user", purpose: "tickets" },
    Tool {
        programs: &["/usr/lib/python3/dist-packages/gssapi/__init__.py"],
        package: "python3-gssapi",
        purpose: "tokens, one by one",
    },
    Tool {
        programs: &["/etc/gss/mech.d/mech.ntlmssp.conf"],
        package: "gss-ntlmssp",
        purpose: "handshakes of several steps",
    },
    Tool { programs: &["faketime"], package: "faketime", purpose: "clocks that are set while a host runs" },
    Tool { programs: &["/usr/sbin/samba"], package: "samba-ad-dc", purpose: "a domain of Active Directory" },
    Tool {
        programs: &["/usr/share/samba/setup/provision.ldif"],
        package: "samba-ad-provision",
        purpose: "what such a domain begins with",
    },
    Tool {
        programs: &["/usr/lib/python3/dist-packages/grpc/__init__.py"],
        package: "python3-grpcio",
        purpose: "a gRPC client nobody here wrote",
    },
    Tool {
        programs: &["/usr/lib/python3/dist-packages/h2/__init__.py"],
        package: "python3-h2",
        purpose: "an HTTP/2 client that minds the rules",
    },
    Tool { programs: &["argon2"], package: "argon2", purpose: "hashes of passwords" },
];

/// The load generator of the benchmarks.
pub(crate) const WRK: Tool =
    Tool { programs: &["wrk"], package: "wrk", purpose: "the load generator of the benchmarks" };

/// Proxies that are measured beside Mews.
pub(crate) const NGINX: Tool =
    Tool { programs: &["nginx"], package: "nginx", purpose: "a proxy to compare with" };
pub(crate) const HAPROXY: Tool =
    Tool { programs: &["haproxy"], package: "haproxy", purpose: "a proxy to compare with" };
pub(crate) const CADDY: Tool =
    Tool { programs: &["caddy"], package: "caddy", purpose: "a proxy to compare with" };

/// What `cargo xtask conformance` drives.
pub(crate) const FOR_CONFORMANCE: [Tool; 8] = [
    OPENSSL,
    Tool { programs: &["testssl"], package: "testssl.sh", purpose: "checks of TLS" },
    Tool { programs: &["slowhttptest"], package: "slowhttptest", purpose: "slow clients" },
    H2LOAD,
    Tool { programs: &["nginx"], package: "nginx", purpose: "a server in front" },
    Tool { programs: &["haproxy"], package: "haproxy", purpose: "a server in front" },
    Tool { programs: &["caddy"], package: "caddy", purpose: "a server in front" },
    Tool { programs: &["python3"], package: "python3-venv", purpose: "the cases of the Autobahn test suite" },
];

/// Makes sure that all `tools` are there.
///
/// # Errors
/// One is missing and cannot be installed from here; the text says what to install.
pub(crate) fn ensure(tools: &[Tool]) -> Result<()> {
    let missing = missing(tools, is_there);
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    let list: Vec<String> =
        missing.iter().map(|tool| format!("{} ({})", tool.package, tool.purpose)).collect();
    let list = list.join(", ");
    let command = format!("apt-get install --yes --no-install-recommends {}", packages.join(" "));
    if !rustix::process::geteuid().is_root() || on_path("apt-get").is_none() {
        bail!(
            "missing: {list}\n  -> install with your distribution's packages, for example `sudo {command}`"
        );
    }
    eprintln!("xtask: installing {list}");
    let apt = || Step::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive");
    apt().args(["update", "--quiet"]).cure("are the package sources of this machine reachable?").capture()?;
    apt().args(command.split(' ').skip(1)).cure("install these packages by hand").capture()?;
    match self::missing(tools, is_there).first() {
        None => Ok(()),
        Some(tool) => bail!("{} was installed, but none of {:?} is on PATH", tool.package, tool.programs),
    }
}

/// Whether a program is on `PATH`, or a file at its place.
fn is_there(program: &str) -> bool {
    let path = std::path::Path::new(program);
    if path.is_absolute() { path.is_file() } else { on_path(program).is_some() }
}

fn missing(tools: &[Tool], is_there: impl Fn(&str) -> bool) -> Vec<&Tool> {
    tools.iter().filter(|tool| !tool.programs.iter().any(|program| is_there(program))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_several_programs_will_do() {
        let there = |program: &str| matches!(program, "curl" | "google-chrome");
        let names: Vec<&str> = missing(&FOR_TESTS[..4], there).iter().map(|tool| tool.package).collect();
        assert_eq!(names, ["openssl", "nghttp2-client"]);
    }
}
