//! A `site` of `sites`.

use std::path::PathBuf;
use std::time::Duration;

use super::super::draft::{ApplicationDraft, BindingDraft, Placed, SiteDraft};
use super::super::{
    AccessLog, AccessLogFormat, CertificateFiles, HostName, Hsts, HttpsRedirect, Period, Surroundings,
};
use super::defaults::Layered;
use super::path;
use crate::url::{ListenUrl, Scheme, parse_url};
use crate::web_config::hints::shorten;
use crate::web_config::report::{Place, Report};
use crate::web_config::tree::{Given, Set};

/// In `sslFlags`.
const DISABLE_HTTP2: u64 = 4;
const DISABLE_TLS13: u64 = 32;

/// What an application without a pool gets, as in IIS.
const DEFAULT_POOL: &str = "DefaultAppPool";

/// Reads sites.
pub(super) struct Reader<'r, 's, 't> {
    /// The section, with its defaults.
    pub(super) sites: &'t Set,
    pub(super) surroundings: Surroundings<'t>,
    /// What has been complained about, so that its lack is not told once more.
    pub(super) told: &'r mut Vec<&'static str>,
    pub(super) report: &'r mut Report<'s>,
    /// The last folder of logs that has been warned about.
    pub(super) logs_told: Option<Place>,
}

impl<'t> Reader<'_, '_, 't> {
    pub(super) fn site(&mut self, set: &'t Set) -> SiteDraft {
        let defaults = self.sites.find(&["siteDefaults"]);
        let all = Layered::new(set, [defaults]);
        let mut draft = SiteDraft::new(set.at);
        draft.site.auto_start = all.is("serverAutoStart");
        draft.name = Placed { value: set.owned("name"), at: set.place("name") };
        draft.site.access_log = self.access_log(&all.part(&["logFile"]), set.number("id"));
        let hsts = all.part(&["hsts"]);
        draft.site.hsts = hsts.is("enabled").then(|| Hsts {
            max_age: Duration::from_secs(hsts.number("max-age")),
            include_subdomains: hsts.is("includeSubDomains"),
            preload: hsts.is("preload"),
            localhost: false,
        });
        draft.site.https_redirect = hsts.is("redirectHttpToHttps").then_some(HttpsRedirect::Temporary);
        draft.id = set.given("id").map(|given| Placed { value: set.number_u32("id"), at: given.at });
        // A site's own bindings take the place of the default ones.
        let bindings = all.part(&["bindings"]);
        for item in bindings.sets().next().map_or(&[][..], |bindings| bindings.items.as_slice()) {
            self.binding(item, &mut draft);
        }
        let applications = [set.find(&["applicationDefaults"]), self.sites.find(&["applicationDefaults"])];
        for item in &set.items {
            let all = Layered::new(item, applications);
            draft.applications.extend(self.application(item, &all, set));
        }
        if set.items.len() != draft.applications.len() {
            self.told.push("application");
        }
        draft
    }

    /// IIS always writes one; here only where the folder is named, since there is no usual one.
    fn access_log(&mut self, log: &Layered<'_>, id: u64) -> Option<AccessLog> {
        let directory = log.given("directory").filter(|given| log.is("enabled") && !given.text.is_empty())?;
        let folder = match path::resolve(&directory.text, self.surroundings) {
            Ok(folder) => folder,
            Err(problem) => {
                // The default of all sites is told about once.
                if self.logs_told.replace(directory.at) != Some(directory.at) {
                    self.report.warning(
                        directory.at,
                        format!("requests are not logged: {problem}"),
                        |problem| problem.help("write directory=\"/var/log/mews\", or enabled=\"false\""),
                    );
                }
                return None;
            }
        };
        let is = |name: &str, value: &str| log.text(name).eq_ignore_ascii_case(value);
        let period = match log.text("period").to_ascii_lowercase().as_str() {
            "hourly" => Period::Hourly,
            "weekly" => Period::Weekly,
            "monthly" => Period::Monthly,
            "maxsize" => Period::Never,
            _ => Period::Daily,
        };
        Some(AccessLog {
            file: folder.join(format!("W3SVC{id}.log")),
            format: if is("logFormat", "NCSA") { AccessLogFormat::Combined } else { AccessLogFormat::W3c },
            period,
            max_bytes: is("period", "MaxSize").then(|| log.number("truncateSize")),
            keep: None,
        })
    }

    fn application(&mut self, set: &'t Set, all: &Layered<'t>, site: &'t Set) -> Option<ApplicationDraft> {
        let directories = [
            set.find(&["virtualDirectoryDefaults"]),
            site.find(&["virtualDirectoryDefaults"]),
            self.sites.find(&["virtualDirectoryDefaults"]),
        ];
        // That it is missing has been said.
        let path = set.given("path")?;
        let mut draft = ApplicationDraft::new(set.at);
        draft.path = Placed { value: path.text.clone(), at: path.at };
        let pool = all.given("applicationPool").filter(|given| !given.text.is_empty());
        draft.pool = Some(match pool {
            Some(given) => Placed { value: given.text.clone(), at: given.at },
            None => Placed { value: DEFAULT_POOL.to_owned(), at: set.at },
        });
        let mut own: Option<(&Set, Option<PathBuf>)> = None;
        for item in &set.items {
            let directory = Layered::new(item, directories);
            if item.text("path") != "/" {
                self.virtual_directory(item, &draft.path.value);
            } else if own.is_some() {
                self.report.violation(item.at, "the application has two folders", |problem| {
                    problem.help("keep one virtualDirectory with path=\"/\"")
                });
            } else {
                let given = directory.given("physicalPath");
                let path = given.and_then(|given| {
                    path::read("physicalPath", "/srv/shop", given, self.surroundings, self.report)
                });
                own = Some((item, path));
            }
        }
        match own {
            Some((item, path)) => {
                let at = item.place("physicalPath");
                draft.physical_path = path.map(|value| Placed { value, at });
            }
            None => {
                let message = format!("the application '{}' has no folder", shorten(&draft.path.value));
                self.report.violation(set.at, message, |problem| {
                    problem.help("write <virtualDirectory path=\"/\" physicalPath=\"/srv/shop\" /> inside")
                });
            }
        }
        Some(draft)
    }

    fn virtual_directory(&mut self, set: &Set, application: &str) {
        let path = format!("{}{}", application.trim_end_matches('/'), set.text("path"));
        let message = format!("the virtual directory '{}' is not served", shorten(&path));
        self.report.warning(set.place("path"), message, |problem| {
            problem.help(
                "serve the folder from the app (UseStaticFiles with a PhysicalFileProvider), or make an application of it",
            )
        });
    }

    fn binding(&mut self, set: &Set, draft: &mut SiteDraft) {
        let protocol = set.text("protocol");
        let scheme = if protocol.eq_ignore_ascii_case("http") {
            Scheme::Http
        } else if protocol.eq_ignore_ascii_case("https") {
            Scheme::Https
        } else {
            let message = format!("the protocol '{}' is not listened for", shorten(protocol));
            self.report.warning(set.place("protocol"), message, |problem| {
                problem.help("only http and https are: remove it")
            });
            return;
        };
        let Some(given) = set.given("bindingInformation") else {
            self.told.push("bindings");
            return;
        };
        match information(&given.text, scheme) {
            Ok((listen, host)) => {
                let http2 = self.flags(set, scheme);
                draft.bindings.push(BindingDraft { at: given.at, listen: Some(listen), host, http2 });
            }
            Err(problem) => {
                self.told.push("bindings");
                let message = format!("'{}' is no binding: {problem}", shorten(&given.text));
                self.report.violation(given.at, message, |problem| {
                    problem.expected("expected address:port:host, as in *:80:shop.example or *:80:")
                });
            }
        }
        if scheme == Scheme::Https {
            self.certificate(set, given, draft);
        }
    }

    /// What `sslFlags` say about HTTP/2, if anything.
    fn flags(&mut self, set: &Set, scheme: Scheme) -> Option<bool> {
        let flags = if scheme == Scheme::Https { set.number("sslFlags") } else { 0 };
        if flags & DISABLE_TLS13 != 0 {
            self.report.warning(set.place("sslFlags"), "TLS 1.3 is spoken there all the same", |problem| {
                problem.help("Mews always speaks TLS 1.2 and 1.3: leave the 32 out of sslFlags")
            });
        }
        (flags & DISABLE_HTTP2 != 0).then_some(false)
    }

    /// IIS finds certificates in the store of Windows, by a number that tells nothing here.
    fn certificate(&mut self, set: &Set, binding: &Given, draft: &mut SiteDraft) {
        let mut file = |name: &str, example: &str| -> Option<PathBuf> {
            let given = set.given(name).filter(|given| !given.text.is_empty())?;
            path::read(name, example, given, self.surroundings, self.report)
        };
        let cert = file("certificateFile", "/etc/mews/shop.pem");
        let key = file("keyFile", "/etc/mews/shop.key");
        let password_file = file("passwordFile", "/etc/mews/shop.password");
        match cert {
            Some(cert) => {
                let files = CertificateFiles { cert, key, password_file, ocsp: None };
                if !draft.site.certificates.contains(&files) {
                    draft.site.certificates.push(files);
                }
            }
            None => {
                self.told.push("certificate");
                if set.text("certificateFile").is_empty() {
                    self.report.violation(binding.at, "the https binding names no certificate", |problem| {
                        problem.help(
                            "IIS keeps certificates in the store of Windows: export it, and add \
                             certificateFile=\"/etc/mews/shop.pfx\" passwordFile=\"/etc/mews/shop.password\", or \
                             certificateFile=\"/etc/mews/shop.pem\" keyFile=\"/etc/mews/shop.key\", to the binding",
                        )
                    });
                }
            }
        }
    }
}

/// `*:80:shop.example`, `10.0.0.1:80:`, `[::1]:80:`, `:80:`
fn information(text: &str, scheme: Scheme) -> Result<(ListenUrl, HostName), String> {
    let (rest, host) = text.rsplit_once(':').ok_or("it has no ':'")?;
    let (address, port) = rest.rsplit_once(':').ok_or("it has only one ':'")?;
    if address.contains(':') && !address.starts_with('[') {
        return Err("it has more than two ':'; an IPv6 address needs brackets, as in [::1]:80:".to_owned());
    }
    let address = if address.is_empty() { "*" } else { address };
    let url = parse_url(&format!("{}://{address}:{port}", scheme.as_str())).map_err(|error| error.problem)?;
    let host = if host.is_empty() { HostName::Any } else { HostName::parse(host)? };
    Ok((url, host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server_config::Binding;

    #[test]
    fn what_bindings_say() {
        let shown = |text: &str| match information(text, Scheme::Http) {
            Ok((listen, host)) => Binding { listen, host, http2: false }.to_string(),
            Err(problem) => problem,
        };
        for (text, expected) in [
            ("*:80:", "http://*:80"),
            (":80:", "http://*:80"),
            ("*:80:Shop.example", "http://shop.example:80"),
            ("*:80:*.shop.example", "http://*.shop.example:80"),
            ("10.0.0.1:8080:", "http://10.0.0.1:8080"),
            ("[::1]:8080:a.b", "http://[::1]:8080 (a.b)"),
            ("127.0.0.1:80:localhost", "http://127.0.0.1:80 (localhost)"),
            ("*:5000:localhost", "http://localhost:5000"),
            ("80", "it has no ':'"),
            ("*:80", "it has only one ':'"),
            ("*:x:", "'x' is not a port; write a number from 0 (any free port) to 65535"),
            ("::1:80:", "it has more than two ':'; an IPv6 address needs brackets, as in [::1]:80:"),
            ("*:80:a b", "expected a name such as shop.example or *.shop.example"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
