//! Requests that never reach the app: 400 to 431.

use crate::status::{Status, StatusCode};

const ACCESS: &[&str] = &["The log names the request and the rule.", "`mews check` reads the same section."];
const FILTERED: &[&str] = &[
    "The page names the rule; the log also names the request, at most once a second for each rule.",
    "`mews check` shows how the section is read, with every problem in it.",
];

pub(super) const ROWS: &[Status] = &[
    Status {
        code: StatusCode::BAD_REQUEST,
        title: "Bad request",
        cause: "The request is not valid HTTP.",
        cure: "Look at the client or the proxy that sent it.",
        when: &[
            "A request line or header breaks the grammar, `Host` is missing or there twice, or the target holds a NUL.",
            "`Content-Length` and `Transfer-Encoding` come together, or two lengths differ: the mark of request \
             smuggling. The connection is closed.",
            "Something else than HTTP is spoken, for instance TLS on a port for http.",
        ],
        more: &["The body of the answer names the broken rule.", "`MEWS_LOG=debug` logs each refusal."],
        see: &["413", "414", "431"],
        never: None,
    },
    Status {
        code: StatusCode::NOT_AUTHORIZED,
        title: "Not authorized",
        cause: "The signed-in user may not send this request.",
        cure: "Sign in as somebody else, or change the rules under system.webServer/security/authorization.",
        when: &[
            "A rule of `security/authorization` denies the signed-in user, or no rule allows them. As on IIS, the answer asks \
             for other credentials.",
        ],
        more: ACCESS,
        see: &["403", "system.webServer/security/authorization"],
        never: None,
    },
    Status {
        code: StatusCode::LOGON_FAILED,
        title: "Sign-in failed",
        cause: "The credentials that came with the request were not accepted.",
        cure: "Check user name and password, or get a new Kerberos ticket. The log of the host says what was wrong.",
        when: &[
            "A Kerberos ticket has expired, is for another service, was used before, or the clocks differ by more than five \
             minutes.",
            "User name and password of Basic authentication are wrong.",
            "A handshake of several steps took too long, or changed its connection.",
        ],
        more: &[
            "The log says why, at most once a second for each cause.",
            "`klist` on the client shows its tickets, `klist -k FILE` the keys of a keytab.",
        ],
        see: &["401.2", "system.webServer/security/authentication", "--keytab"],
        never: None,
    },
    Status {
        code: StatusCode::SIGN_IN_REQUIRED,
        title: "Sign-in required",
        cause: "The address may only be used by signed-in users.",
        cure: "Sign in when the browser asks, or let the browser sign in by itself by adding the site to its list of \
               trusted servers.",
        when: &[
            "web.config disables `anonymousAuthentication` and the request has no credentials of an enabled scheme.",
            "A rule of `security/authorization` denies anonymous users.",
        ],
        more: &["The `WWW-Authenticate` fields of the answer list the schemes."],
        see: &[
            "401.1",
            "system.webServer/security/authentication",
            "system.webServer/security/authorization",
        ],
        never: None,
    },
    Status {
        code: StatusCode::FORBIDDEN,
        title: "Not allowed",
        cause: "This client may not send this request.",
        cure: "Change the rules under system.webServer/security/authorization, or enable a scheme to sign in with.",
        when: &[
            "A rule of `security/authorization` denies the client, or no rule allows them, and there is no scheme to sign in \
             with as somebody else.",
        ],
        more: ACCESS,
        see: &["401", "system.webServer/security/authorization"],
        never: None,
    },
    Status {
        code: StatusCode::SSL_REQUIRED,
        title: "HTTPS is required",
        cause: "The address may only be used over HTTPS.",
        cure: "Use https:// in the address.",
        when: &["web.config sets `sslFlags=\"Ssl\"` under `security/access` and the request came over http."],
        more: ACCESS,
        see: &["system.webServer/security/access sslFlags", "403.7"],
        never: None,
    },
    Status {
        code: StatusCode::ADDRESS_REJECTED,
        title: "The client's address is refused",
        cause: "Requests from this IP address are not allowed.",
        cure: "Ask for the address to be allowed under system.webServer/security/ipSecurity.",
        when: &[
            "An `add` of `ipSecurity` denies the client's address, or `allowUnlisted` is false and none allows it.",
        ],
        more: ACCESS,
        see: &["system.webServer/security/ipSecurity"],
        never: None,
    },
    Status {
        code: StatusCode::CLIENT_CERTIFICATE_REQUIRED,
        title: "A client certificate is required",
        cause: "The address may only be used with a client certificate, and none was sent.",
        cure: "Install the certificate in the client, or select it when the client asks.",
        when: &[
            "web.config sets `sslFlags` to `SslRequireCert` and the TLS connection has no client certificate.",
        ],
        more: ACCESS,
        see: &["system.webServer/security/access sslFlags", "403.4"],
        never: None,
    },
    Status {
        code: StatusCode::new(403, 14),
        title: "Directory listing denied",
        cause: "The address is a folder, and its contents are not shown.",
        cure: "Publish the app with its web.config, and name that folder.",
        when: &[
            "In IIS: web.config with the handler mapping is missing, so the folder is taken for static files.",
        ],
        more: &["`mews check` says what would be started from a folder."],
        see: &["500.19"],
        never: Some(
            "Mews serves no files by itself: a folder without an app is refused when it is started, and everything \
             else goes to the app.",
        ),
    },
    Status {
        code: StatusCode::URL_SEQUENCE_DENIED,
        title: "URL sequence denied",
        cause: "The path holds a text that request filtering denies.",
        cure: "Use another address, or remove the entry of denyUrlSequences in web.config.",
        when: &[
            "The decoded path contains an entry of `denyUrlSequences`, such as `..`; case does not count.",
        ],
        more: FILTERED,
        see: &[
            "security/requestFiltering/denyUrlSequences",
            "security/requestFiltering/alwaysAllowedUrls",
            "404.18",
        ],
        never: None,
    },
    Status {
        code: StatusCode::VERB_DENIED,
        title: "Verb denied",
        cause: "Request filtering denies the request's method.",
        cure: "Use another method, or allow this one under requestFiltering/verbs in web.config.",
        when: &[
            "`verbs` lists the method with `allowed=\"false\"`.",
            "`verbs` has `allowUnlisted=\"false\"` and does not list the method.",
        ],
        more: FILTERED,
        see: &["security/requestFiltering/verbs"],
        never: None,
    },
    Status {
        code: StatusCode::FILE_EXTENSION_DENIED,
        title: "File extension denied",
        cause: "Request filtering denies the extension in the path.",
        cure: "Use another address, or allow the extension under requestFiltering/fileExtensions in web.config.",
        when: &[
            "`fileExtensions` lists the extension with `allowed=\"false\"`, or does not list it and `allowUnlisted` is \
             false.",
            "The path names a file of the app itself, such as `web.config`, `Shop.deps.json` or `Shop.pdb`, which is in the \
             app's folder.",
        ],
        more: FILTERED,
        see: &["security/requestFiltering/fileExtensions", "404.8"],
        never: None,
    },
    Status {
        code: StatusCode::HIDDEN_SEGMENT,
        title: "Hidden namespace",
        cause: "A part of the path is hidden by request filtering.",
        cure: "Use another address, or remove the entry of hiddenSegments in web.config.",
        when: &[
            "A segment of the path is an entry of `hiddenSegments`; case does not count.",
            "A segment is one of IIS's own entries (`web.config`, `bin`, `App_Data` …) and the app's folder holds it.",
        ],
        more: FILTERED,
        see: &["security/requestFiltering/hiddenSegments", "404.7"],
        never: None,
    },
    Status {
        code: StatusCode::HEADER_TOO_LONG,
        title: "Request header too long",
        cause: "A request header is longer than request filtering allows.",
        cure: "Send less in the header, or raise its sizeLimit under requestLimits/headerLimits in web.config.",
        when: &[
            "`headerLimits` has an entry for the header, and its value is longer than `sizeLimit` bytes.",
        ],
        more: FILTERED,
        see: &["security/requestFiltering/requestLimits/headerLimits", "431"],
        never: None,
    },
    Status {
        code: StatusCode::DOUBLE_ESCAPED,
        title: "Request contains a double escape sequence",
        cause: "The path changes when it is percent-decoded a second time.",
        cure: "Encode the address once, or set allowDoubleEscaping of requestFiltering in web.config.",
        when: &[
            "The path holds `%25` before two hexadecimal digits, or a `+`, and web.config has a `requestFiltering` element \
             without `allowDoubleEscaping=\"true\"`.",
        ],
        more: FILTERED,
        see: &["security/requestFiltering allowDoubleEscaping"],
        never: None,
    },
    Status {
        code: StatusCode::HIGH_BIT_CHARACTERS,
        title: "Request contains high-bit characters",
        cause: "The path holds characters outside ASCII, which request filtering denies.",
        cure: "Use another address, or set allowHighBitCharacters of requestFiltering in web.config.",
        when: &["`allowHighBitCharacters` is false and the decoded path is not plain ASCII."],
        more: FILTERED,
        see: &["security/requestFiltering allowHighBitCharacters"],
        never: None,
    },
    Status {
        code: StatusCode::CONTENT_LENGTH_TOO_LARGE,
        title: "Content length too large",
        cause: "The request body is longer than request filtering allows.",
        cure: "Send less, or raise maxAllowedContentLength in web.config under \
               system.webServer/security/requestFiltering/requestLimits.",
        when: &[
            "`Content-Length` announces more than `maxAllowedContentLength` bytes (30,000,000 unless set).",
        ],
        more: FILTERED,
        see: &["security/requestFiltering/requestLimits maxAllowedContentLength", "413"],
        never: None,
    },
    Status {
        code: StatusCode::URL_TOO_LONG,
        title: "URL too long",
        cause: "The path is longer than request filtering allows.",
        cure: "Use a shorter address, or raise maxUrl under requestFiltering/requestLimits in web.config.",
        when: &[
            "The path has more than `maxUrl` bytes: 4096 when web.config has a `requestFiltering` element.",
        ],
        more: FILTERED,
        see: &["security/requestFiltering/requestLimits maxUrl", "404.15", "414"],
        never: None,
    },
    Status {
        code: StatusCode::QUERY_STRING_TOO_LONG,
        title: "Query string too long",
        cause: "The query is longer than request filtering allows.",
        cure: "Send less in the query, or raise maxQueryString under requestFiltering/requestLimits in web.config.",
        when: &[
            "The query has more than `maxQueryString` bytes: 2048 when web.config has a `requestFiltering` element.",
        ],
        more: FILTERED,
        see: &["security/requestFiltering/requestLimits maxQueryString", "404.14", "414"],
        never: None,
    },
    Status {
        code: StatusCode::QUERY_STRING_SEQUENCE_DENIED,
        title: "Query string sequence denied",
        cause: "The query holds a text that request filtering denies.",
        cure: "Use another address, or remove the entry of denyQueryStringSequences in web.config.",
        when: &["The query, as sent or decoded, contains an entry of `denyQueryStringSequences`."],
        more: FILTERED,
        see: &["security/requestFiltering/denyQueryStringSequences", "404.5"],
        never: None,
    },
    Status {
        code: StatusCode::REQUEST_TIMEOUT,
        title: "Request timeout",
        cause: "The request was not complete in time.",
        cure: "Try again; if it happens often, look at the network or at the client.",
        when: &["A client begins a request and does not finish its head in time. The connection is closed."],
        more: &["`MEWS_LOG=debug` logs each refusal."],
        see: &["400"],
        never: None,
    },
    Status {
        code: StatusCode::PAYLOAD_TOO_LARGE,
        title: "Request body too large",
        cause: "The request body is larger than the limit.",
        cure: "Send less, or raise maxAllowedContentLength in web.config and MaxRequestBodySize in the app.",
        when: &[
            "The body is larger than `maxAllowedContentLength` of web.config (30,000,000 bytes unless set).",
            "The body is larger than the app's `IISServerOptions.MaxRequestBodySize` (30,000,000 bytes unless set).",
        ],
        more: &["The app's log names the limit when it was the app's own."],
        see: &["security/requestFiltering/requestLimits maxAllowedContentLength", "404.13"],
        never: None,
    },
    Status {
        code: StatusCode::URI_TOO_LONG,
        title: "URI too long",
        cause: "The request line is longer than the host's limit.",
        cure: "Use a shorter address; send long data in the body.",
        when: &[
            "The method, the target and the version together exceed the limit of the HTTP server, before web.config \
                 is asked.",
        ],
        more: &["`MEWS_LOG=debug` logs each refusal."],
        see: &["404.14", "431"],
        never: None,
    },
    Status {
        code: StatusCode::HEADERS_TOO_LARGE,
        title: "Request headers too large",
        cause: "The request head is larger than the host's limit, or has too many fields.",
        cure: "Send less in the headers. The usual reason is cookies: delete those of the site.",
        when: &[
            "The head exceeds the limit of the HTTP server in bytes or in fields, before web.config is asked.",
        ],
        more: &["`MEWS_LOG=debug` logs each refusal."],
        see: &["404.10", "414"],
        never: None,
    },
];
