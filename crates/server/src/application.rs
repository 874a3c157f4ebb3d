//! An application as the server sees it, and the choice of one for each request.

use std::fmt;
use std::sync::Arc;

use crate::access::Accounting;
use crate::handler::{Client, ConnectionInfo, Handler, RequestHead};
use crate::https::{HttpsPorts, HttpsRedirect};
use crate::output::ExtraHeaders;
use crate::server::Shared;
use crate::tls::Gate;

/// Who answers the requests for one application, and what counts for them. Clones are the same application.
#[derive(Clone)]
pub struct Application {
    handler: Arc<dyn Handler>,
    max_request_body: Option<u64>,
    extra: ExtraHeaders,
    /// In its place for connections with TLS, and whether also where the client asked for no public name.
    secure: Option<(ExtraHeaders, bool)>,
    /// Answers in place of the handler where there is no TLS.
    redirect: Option<Arc<HttpsRedirect>>,
    /// It does, on this connection.
    redirects: bool,
    accounting: Arc<Accounting>,
    tells_traces: bool,
}

impl Application {
    /// An application without a limit of request bodies and without header fields of its own.
    pub fn new(handler: Arc<dyn Handler>) -> Self {
        Self {
            handler,
            max_request_body: None,
            extra: ExtraHeaders::default(),
            secure: None,
            redirect: None,
            redirects: false,
            accounting: Arc::default(),
            tells_traces: false,
        }
    }

    /// With the largest request body in bytes; what exceeds it is `BodyError::TooLarge` for its reader.
    #[must_use]
    pub fn with_max_request_body(mut self, most: Option<u64>) -> Self {
        self.max_request_body = most;
        self
    }

    /// With names and values of header fields that every response gets which has none of the same name. Not 101.
    #[must_use]
    pub fn with_response_headers(mut self, headers: &[(String, String)]) -> Self {
        self.extra = ExtraHeaders::new(headers);
        self
    }

    /// With these in their place over TLS. Unless `anywhere`, only where the client asked for a name that is not
    /// localhost: what else it would keep about an address or this machine is of no use to anybody.
    #[must_use]
    pub fn with_secure_headers(mut self, headers: &[(String, String)], anywhere: bool) -> Self {
        self.secure = Some((ExtraHeaders::new(headers), anywhere));
        self
    }

    /// With requests that come without TLS sent to https, with this status: 307 or 308. The port is that of the first entry that
    /// takes the request's host name; 443 when none does.
    #[must_use]
    pub fn with_https_redirect(mut self, status: u16, ports: HttpsPorts) -> Self {
        self.redirect = Some(Arc::new(HttpsRedirect::new(status, ports)));
        self
    }

    /// With the names that its requests are accounted for under, and their log.
    #[must_use]
    pub fn with_accounting(mut self, accounting: Arc<Accounting>) -> Self {
        self.accounting = accounting;
        self
    }

    /// With a handler that says which trace it begins for a request ([`Exchange::set_trace`](crate::Exchange::set_trace)), rather
    /// than being told of one.
    #[must_use]
    pub fn telling_traces(mut self) -> Self {
        self.tells_traces = true;
        self
    }

    /// The same with somebody else who answers.
    #[must_use]
    pub fn with_handler(&self, handler: Arc<dyn Handler>) -> Self {
        Self { handler, ..self.clone() }
    }

    pub(crate) fn handler(&self) -> &dyn Handler {
        match &self.redirect {
            Some(redirect) if self.redirects => &**redirect,
            _ => &*self.handler,
        }
    }

    pub(crate) fn max_request_body(&self) -> Option<u64> {
        self.max_request_body
    }

    pub(crate) fn extra(&self) -> &ExtraHeaders {
        &self.extra
    }

    pub(crate) fn accounting(&self) -> &Arc<Accounting> {
        &self.accounting
    }

    pub(crate) fn tells_traces(&self) -> bool {
        self.tells_traces
    }

    /// As it answers on this connection.
    fn on(&self, connection: &ConnectionInfo) -> Self {
        let mut here = self.clone();
        here.redirects = connection.tls.is_none();
        if let (Some((extra, anywhere)), Some(tls)) = (&self.secure, &connection.tls) {
            let name = &*tls.server_name;
            let is_public = !name.is_empty() && name != "localhost" && !name.ends_with(".localhost");
            if *anywhere || is_public {
                here.extra = extra.clone();
            }
        }
        here
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.handler, &other.handler)
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("max_request_body", &self.max_request_body)
            .finish_non_exhaustive()
    }
}

/// Chooses the application for each request. Two applications have two handlers.
pub trait Router: Send + Sync + 'static {
    /// Called for every request on an I/O thread; must not block.
    fn route(&self, head: &RequestHead<'_>, connection: &ConnectionInfo) -> &Application;

    /// Whether HTTP/2 is spoken on a connection of which no request has come. `server_name`: what a TLS client asks for, empty
    /// if nothing; `None` before it is known, and then the answer is `None` if it depends on it. The same thread, the same
    /// haste.
    fn http2(&self, client: &Client, server_name: Option<&str>) -> Option<bool>;
}

/// What a server's requests go to.
#[derive(Clone)]
pub(crate) enum Serve {
    One(Application),
    Each(Arc<dyn Router>),
}

/// What one connection knows of that. Its requests share an application's counter with no other connection.
#[derive(Default)]
pub(crate) struct Served {
    version: u64,
    serve: Option<Serve>,
    /// Of the last request.
    application: Option<Arc<Application>>,
}

impl Served {
    /// The application for a request. `gate` answers in its place.
    pub(crate) fn application(
        &mut self,
        server: &Shared,
        gate: Option<&Gate>,
        head: &RequestHead<'_>,
        connection: &ConnectionInfo,
    ) -> Arc<Application> {
        if let Some((version, serve)) = server.newer_serve(self.version) {
            *self = Self { version, serve: Some(serve), application: None };
        }
        let found = match &self.serve {
            Some(Serve::One(application)) => application,
            Some(Serve::Each(router)) => router.route(head, connection),
            // Versions start at 1, so the first look always finds one.
            None => return Arc::new(Application::new(Arc::new(crate::pages::PageHandler::unavailable()))),
        };
        if let Some(gate) = gate {
            return Arc::new(found.on(connection).with_handler(gate.clone()));
        }
        match &self.application {
            Some(last) if last.is(found) => last.clone(),
            _ => self.application.insert(Arc::new(found.on(connection))).clone(),
        }
    }
}
