//! Having clients use https, whoever answers them: an app, or a page in its place.

use mews_model::url::parse_url;
use mews_server::Application;

use super::Place;

const STRICT_TRANSPORT_SECURITY: &str = "Strict-Transport-Security";

impl Place {
    /// The application of this number as its site wants it to be reached. `headers`: what all its responses get.
    pub(super) fn over_https(
        &self,
        number: usize,
        application: Application,
        headers: &[(String, String)],
    ) -> Application {
        let Some(rules) = self.https.get(number) else { return application };
        let mut application = application;
        if let Some(redirect) = rules.redirect {
            let ports = rules.ports.iter().map(|(name, port)| match port {
                0 => (name.clone(), self.https_port().unwrap_or(0)),
                known => (name.clone(), *known),
            });
            application = application.with_https_redirect(redirect.status(), ports.collect());
        }
        let own = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(STRICT_TRANSPORT_SECURITY));
        match rules.hsts.as_ref().filter(|_| !own) {
            None => application,
            Some(hsts) => {
                let mut headers = headers.to_vec();
                headers.push((STRICT_TRANSPORT_SECURITY.to_owned(), hsts.value()));
                application.with_secure_headers(&headers, hsts.localhost)
            }
        }
    }

    /// The first port where TLS is spoken.
    fn https_port(&self) -> Option<u16> {
        let secure = self.listeners.iter().filter(|listener| listener.secure);
        secure.filter_map(|listener| Some(parse_url(&listener.url).ok()?.port)).next()
    }
}
