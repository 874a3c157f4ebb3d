//! Rules as they stand in web.config files, from the text of the file to what becomes of a request: the examples of
//! the URL Rewrite Module's documentation, and those that every collection of recipes has.
#![allow(clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

use std::time::{Duration, Instant};

use mews_model::rewrite::{Compiled, Connection, FileKind, FileSystem, Outcome, Request, compile};
use mews_model::web_config::read;

struct Folder;

impl FileSystem for Folder {
    fn root(&self) -> &str {
        "/srv/app"
    }

    fn kind(&self, path: &str) -> Option<FileKind> {
        match path {
            "/robots.txt" | "/cache/home.html" => Some(FileKind::File),
            "/blog" | "/blog/" => Some(FileKind::Directory),
            _ => None,
        }
    }
}

fn rules(inner: &str) -> Compiled {
    let text = format!(
        "<configuration><system.webServer><rewrite>{inner}</rewrite></system.webServer></configuration>"
    );
    match read("web.config", text.as_bytes()) {
        Ok((config, _)) => compile(&config.rewrite).unwrap(),
        Err(problems) => panic!("{}", problems.render()),
    }
}

/// One rule with everything inside it.
fn rule(inner: &str) -> Compiled {
    rules(&format!("<rules><rule name='r' stopProcessing='true'>{inner}</rule></rules>"))
}

struct Client<'a> {
    https: bool,
    method: &'a str,
    fields: &'a [(&'a str, &'a str)],
}

const PLAIN: Client<'_> = Client { https: false, method: "GET", fields: &[("Host", "www.contoso.com")] };

fn ask(rules: &Compiled, client: &Client<'_>, target: &str) -> Outcome {
    let header = |name: &str| {
        let dashed = name.replace('_', "-");
        let found = client.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(&dashed));
        found.map(|(_, value)| (*value).to_owned())
    };
    let connection = Connection {
        https: client.https,
        remote: Some(([203, 0, 113, 9], 40_000).into()),
        local: Some(([192, 0, 2, 1], if client.https { 443 } else { 80 }).into()),
    };
    let (method, protocol) = (client.method, "HTTP/1.1");
    let request = Request { method, target, base: "", protocol, header: &header, connection, files: &Folder };
    rules.apply(&request).outcome
}

/// `-> target`, `302 location`, `403.0 reason`, `reset`, or `-` for a request that goes on as it came.
fn get(rules: &Compiled, target: &str) -> String {
    shown(ask(rules, &PLAIN, target))
}

fn from(rules: &Compiled, fields: &[(&str, &str)], target: &str) -> String {
    shown(ask(rules, &Client { fields, ..PLAIN }, target))
}

fn shown(outcome: Outcome) -> String {
    match outcome {
        Outcome::Continue { target: None, .. } => "-".to_owned(),
        Outcome::Continue { target: Some(target), .. } => format!("-> {target}"),
        Outcome::Redirect { status, location } => format!("{status} {location}"),
        Outcome::Respond { status, sub_status, reason, .. } => format!("{status}.{sub_status} {reason}"),
        Outcome::Abort => "reset".to_owned(),
        Outcome::Broken { rule, problem } => format!("{rule} is broken: {problem}"),
    }
}

#[test]
fn subdomains_are_rewritten_to_folders() {
    let rules = rule(
        r#"<match url="^(.+)" />
           <conditions><add input="{HTTP_HOST}" pattern="^([^.]+)\.mysite\.com$" /></conditions>
           <action type="Rewrite" url="{C:1}/{R:1}" />"#,
    );
    let host = [("Host", "blue.mysite.com")];
    assert_eq!(from(&rules, &host, "/page.html?a=1"), "-> /blue/page.html?a=1");
    assert_eq!(from(&rules, &[("Host", "a.b.mysite.com")], "/x"), "-");
}

#[test]
fn maps_of_static_rewrites() {
    let rules = rules(
        r#"<rewriteMaps><rewriteMap name="StaticRewrites" defaultValue="">
             <add key="/diagnostic" value="/default.aspx?tabid=2&amp;subtabid=29" />
             <add key="/webcasts" value="/default.aspx?tabid=2&amp;subtabid=24" />
             <add key="/php" value="/default.aspx?tabid=7116" />
           </rewriteMap></rewriteMaps>
           <rules><rule name="Rewrite Rule">
             <match url=".*" />
             <conditions><add input="{StaticRewrites:{REQUEST_URI}}" pattern="(.+)" /></conditions>
             <action type="Rewrite" url="{C:1}" />
           </rule></rules>"#,
    );
    assert_eq!(get(&rules, "/diagnostic"), "-> /default.aspx?tabid=2&subtabid=29");
    assert_eq!(get(&rules, "/WebCasts"), "-> /default.aspx?tabid=2&subtabid=24");
    assert_eq!(get(&rules, "/php"), "-> /default.aspx?tabid=7116");
    assert_eq!(get(&rules, "/default.aspx"), "-");
}

#[test]
fn maps_of_static_redirects() {
    let rules = rules(
        r#"<rewriteMaps><rewriteMap name="StaticRedirects">
             <add key="/default.aspx?tabid=2&amp;subtabid=29" value="/diagnostics" />
             <add key="/default.aspx?tabid=7116" value="/php" />
           </rewriteMap></rewriteMaps>
           <rules><rule name="Redirect rule">
             <match url=".*" />
             <conditions><add input="{StaticRedirects:{REQUEST_URI}}" pattern="(.+)" /></conditions>
             <action type="Redirect" url="http://www.contoso.com{C:1}" appendQueryString="False" redirectType="Found" />
           </rule></rules>"#,
    );
    assert_eq!(get(&rules, "/default.aspx?tabid=2&subtabid=29"), "302 http://www.contoso.com/diagnostics");
    assert_eq!(get(&rules, "/default.aspx?tabid=7116"), "302 http://www.contoso.com/php");
    assert_eq!(get(&rules, "/default.aspx"), "-");
}

#[test]
fn captures_of_several_conditions() {
    let conditions = |track: &str| {
        rule(&format!(
            r#"<match url="^article" />
               <conditions trackAllCaptures="{track}">
                 <add input="{{REQUEST_URI}}" pattern="^/([a-zA-Z]+)/([0-9]+)/$" />
                 <add input="{{QUERY_STRING}}" pattern="p2=([a-z]+)" />
               </conditions>
               <action type="Rewrite" url="/{{C:0}}|{{C:1}}" appendQueryString="false" />"#
        ))
    };
    // With a query, REQUEST_URI does not end in the slash.
    assert_eq!(get(&conditions("true"), "/article/23/?p1=123&p2=abc"), "-");
    let rules = rule(
        r#"<match url="^article" />
           <conditions trackAllCaptures="true">
             <add input="{URL}" pattern="^/([a-zA-Z]+)/([0-9]+)/$" />
             <add input="{QUERY_STRING}" pattern="p2=([a-z]+)" />
           </conditions>
           <action type="Rewrite" url="/{C:1}-{C:2}-{C:3}" appendQueryString="false" />"#,
    );
    assert_eq!(get(&rules, "/article/23/?p1=123&p2=abc"), "-> /article-23-abc");
    let last = rule(
        r#"<match url=".*" />
           <conditions>
             <add input="{QUERY_STRING}" pattern="p1=([0-9]+)" />
             <add input="{QUERY_STRING}" pattern="p2=([a-z]+)" />
           </conditions>
           <action type="Rewrite" url="/x?only={C:1}" appendQueryString="false" />"#,
    );
    assert_eq!(get(&last, "/?p1=123&p2=abc"), "-> /x?only=abc");
}

#[test]
fn functions() {
    let lower =
        rule(r#"<match url="^([A-Za-z_]+)/$" /><action type="Rewrite" url="/x?p={ToLower:{R:1}}" />"#);
    assert_eq!(get(&lower, "/HeLLo/"), "-> /x?p=hello");
    let encode = rule(
        r#"<match url="^go/(.*)$" /><action type="Redirect" url="https://login.example/?back={UrlEncode:{R:1}}" />"#,
    );
    assert_eq!(get(&encode, "/go/a/b%26c"), "301 https://login.example/?back=a%2Fb%26c");
    let decode = rule(
        r#"<match url=".*" />
           <conditions><add input="{UrlDecode:{QUERY_STRING}}" pattern="name=(.+ .+)" /></conditions>
           <action type="CustomResponse" statusCode="410" statusReason="Gone, {C:1}" statusDescription='{"a": 1}' />"#,
    );
    assert_eq!(get(&decode, "/?name=a%20b"), "410.0 Gone, a b");
    assert_eq!(get(&decode, "/?name=ab"), "-");
}

#[test]
fn https_for_everybody() {
    let usual = rule(
        r#"<match url="(.*)" />
           <conditions><add input="{HTTPS}" pattern="off" ignoreCase="true" /></conditions>
           <action type="Redirect" url="https://{HTTP_HOST}/{R:1}" redirectType="Permanent" />"#,
    );
    assert_eq!(get(&usual, "/a/b?c=d"), "301 https://www.contoso.com/a/b?c=d");
    assert_eq!(get(&usual, "/"), "301 https://www.contoso.com/");
    assert_eq!(shown(ask(&usual, &Client { https: true, ..PLAIN }, "/a")), "-");
    let behind_a_balancer = rule(
        r#"<match url="(.*)" ignoreCase="false" />
           <conditions logicalGrouping="MatchAny">
             <add input="{HTTP_X_FORWARDED_PROTO}" pattern="^http$" />
             <add input="{SERVER_PORT_SECURE}{HTTP_X_FORWARDED_PROTO}" pattern="^0$" />
           </conditions>
           <action type="Redirect" redirectType="SeeOther" url="https://{SERVER_NAME}{UNENCODED_URL}" appendQueryString="false" />"#,
    );
    let balanced = [("Host", "h.example:8080"), ("X-Forwarded-Proto", "http")];
    assert_eq!(from(&behind_a_balancer, &balanced, "/a%2Fb?c"), "303 https://h.example/a%2Fb?c");
    assert_eq!(from(&behind_a_balancer, &[("X-Forwarded-Proto", "https")], "/a"), "-");
    assert_eq!(get(&behind_a_balancer, "/a"), "303 https://www.contoso.com/a");
}

#[test]
fn one_name_for_the_site() {
    let rules = rule(
        r#"<match url="(.*)" />
           <conditions logicalGrouping="MatchAll" trackAllCaptures="true">
             <add input="{HTTP_HOST}" pattern="^(?!www)(.*)"/>
             <add input="{CACHE_URL}" pattern="^(.+)://" />
           </conditions>
           <action type="Redirect" url="{C:2}://www.{C:1}/{R:1}" />"#,
    );
    assert_eq!(from(&rules, &[("Host", "contoso.com")], "/x"), "301 http://www.contoso.com/x");
    let client = Client { https: true, fields: &[("Host", "contoso.com")], ..PLAIN };
    assert_eq!(shown(ask(&rules, &client, "/x")), "301 https://www.contoso.com/x");
    assert_eq!(get(&rules, "/x"), "-");
}

#[test]
fn who_is_kept_out() {
    let agents = rule(
        r#"<match url=".*" />
           <conditions logicalGrouping="MatchAny">
             <add input="{HTTP_USER_AGENT}" pattern="(?:semrush|ahrefs)bot|^$" />
             <add input="{HTTP_REFERER}" pattern="^https?://([^/]*\.)?spam\.example(/|$)" />
           </conditions>
           <action type="CustomResponse" statusCode="403" subStatusCode="502" statusReason="Forbidden" statusDescription="No robots" />"#,
    );
    let forbidden = "403.502 Forbidden";
    assert_eq!(from(&agents, &[("User-Agent", "Mozilla AhrefsBot/7")], "/"), forbidden);
    assert_eq!(from(&agents, &[], "/"), forbidden);
    let spam = [("User-Agent", "x"), ("Referer", "http://www.spam.example/a")];
    assert_eq!(from(&agents, &spam, "/"), forbidden);
    assert_eq!(from(&agents, &[("User-Agent", "Mozilla"), ("Referer", "http://ok/")], "/"), "-");
    let addresses = rule(
        r#"<match url="^admin(/|$)" />
           <conditions><add input="{REMOTE_ADDR}" pattern="^10\." negate="true" /></conditions>
           <action type="AbortRequest" />"#,
    );
    for target in ["/admin", "/ADMIN/x", "/%61dmin", "/x/../admin", "/x/%2e%2e/admin/", "\\admin"] {
        assert_eq!(get(&addresses, &target.replacen('\\', "/\\..\\", 1)), "reset", "{target}");
    }
    assert_eq!(get(&addresses, "/administration"), "-");
    let verbs = rule(
        r#"<match url=".*" /><conditions><add input="{REQUEST_METHOD}" pattern="^(TRACE|TRACK)$" /></conditions>
           <action type="CustomResponse" statusCode="405" statusReason="" statusDescription="" />"#,
    );
    assert_eq!(shown(ask(&verbs, &Client { method: "TRACE", ..PLAIN }, "/")), "405.0 ");
}

#[test]
fn files_that_are_there_are_left_alone() {
    let fallback = rule(
        r#"<match url=".*" />
           <conditions logicalGrouping="MatchAll">
             <add input="{REQUEST_FILENAME}" matchType="IsFile" negate="true" />
             <add input="{REQUEST_FILENAME}" matchType="IsDirectory" negate="true" />
             <add input="{REQUEST_URI}" pattern="^/(api|signalr)" negate="true" />
           </conditions>
           <action type="Rewrite" url="/index.html" />"#,
    );
    assert_eq!(get(&fallback, "/deep/link?x=1"), "-> /index.html?x=1");
    for target in ["/robots.txt", "/blog", "/api/values", "/blog/../robots.txt"] {
        assert_eq!(get(&fallback, target), "-", "{target}");
    }
    let cached = rule(
        r#"<match url="^(.*?)/?$" />
           <conditions><add input="{DOCUMENT_ROOT}cache/{R:1}.html" matchType="IsFile" /></conditions>
           <action type="Rewrite" url="cache/{R:1}.html" />"#,
    );
    assert_eq!(get(&cached, "/home/"), "-> /cache/home.html");
    assert_eq!(get(&cached, "/other"), "-");
    assert_eq!(get(&cached, "/../../etc/passwd"), "-");
}

#[test]
fn queries() {
    let moved = rule(
        r#"<match url="^product\.aspx$" />
           <conditions><add input="{QUERY_STRING}" pattern="(?:^|&amp;)id=(\d+)(?:&amp;|$)" /></conditions>
           <action type="Redirect" url="products/{C:1}" appendQueryString="false" />"#,
    );
    assert_eq!(get(&moved, "/product.aspx?a=b&id=42"), "301 /products/42");
    assert_eq!(get(&moved, "/product.aspx?id=x"), "-");
    let appended = rule(r##"<match url="^old$" /><action type="Redirect" url="new?a=1#part" /> "##);
    assert_eq!(get(&appended, "/old"), "301 /new?a=1#part");
    assert_eq!(get(&appended, "/old?b=2"), "301 /new?a=1&b=2#part");
    let dropped =
        rule(r#"<match url="^old$" /><action type="Rewrite" url="new" appendQueryString="false" />"#);
    assert_eq!(get(&dropped, "/old?b=2"), "-> /new");
}

#[test]
fn syntaxes() {
    let wildcard = rules(
        r#"<rules><rule name="w" patternSyntax="Wildcard"><match url="*/page/*" />
             <conditions><add input="{HTTP_HOST}" pattern="*.contoso.com" /></conditions>
             <action type="Rewrite" url="{R:2}?in={R:1}&amp;on={C:1}" /></rule></rules>"#,
    );
    assert_eq!(get(&wildcard, "/en/page/3"), "-> /3?in=en&on=www");
    assert_eq!(get(&wildcard, "/page/3"), "-");
    let exact = rules(
        r#"<rules><rule name="e" patternSyntax="ExactMatch"><match url="a.b" /><action type="Redirect" url="c" redirectType="Temporary" /></rule></rules>"#,
    );
    assert_eq!(get(&exact, "/A.B"), "307 /c");
    assert_eq!(get(&exact, "/axb"), "-");
    let negated = rule(
        r#"<match url="^(api|assets)/" negate="true" /><action type="Redirect" url="https://new.example{URL}" />"#,
    );
    assert_eq!(get(&negated, "/api/x"), "-");
    assert_eq!(get(&negated, "/a%20b?c"), "301 https://new.example/a%20b?c");
}

#[test]
fn the_app_learns_what_was_asked_for() {
    let rules = rules(
        r#"<rules>
             <rule name="one"><match url="^a/(.*)" /><serverVariables><set name="HTTP_X_PART" value="{R:1}" /></serverVariables>
               <action type="Rewrite" url="b/{R:1}" /></rule>
             <rule name="two"><match url="^b/(.*)" /><action type="Rewrite" url="c/{R:1}" /></rule>
           </rules>"#,
    );
    let Outcome::Continue { target, headers } = ask(&rules, &PLAIN, "/a/x%20y?q=1") else { panic!() };
    assert_eq!(target.as_deref(), Some("/c/x%20y?q=1"));
    let header = |name: &str| {
        headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(header("X-PART"), ["x y"]);
    assert_eq!(header("X-ORIGINAL-URL"), ["/a/x%20y?q=1"]);
    assert_eq!(ask(&rules, &PLAIN, "/z"), Outcome::Continue { target: None, headers: Vec::new() });
}

#[test]
fn large_maps_and_hard_patterns_take_their_time_once() {
    let entries: String = (0..20_000).map(|at| format!("<add key='/old/{at}' value='/new/{at}'/>")).collect();
    let map = rules(&format!(
        "<rewriteMaps><rewriteMap name='M'>{entries}</rewriteMap></rewriteMaps><rules><rule name='m'><match url='.*'/>
         <conditions><add input='{{M:{{URL}}}}' pattern='(.+)'/></conditions><action type='Redirect' url='{{C:1}}'/></rule></rules>"
    ));
    let hard = rule(r#"<match url="^(?=((a+)+)$)(?!b)\1x" /><action type="AbortRequest" />"#);
    let long = format!("/{}!", "a".repeat(4000));
    let started = Instant::now();
    for _ in 0..200 {
        assert_eq!(get(&map, "/OLD/19999"), "301 /new/19999");
    }
    for _ in 0..5 {
        assert_eq!(get(&hard, &long), "-");
    }
    // A search through the map, or a pattern without a limit, would take minutes.
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}
