//! The rules of the documentation's examples, and what must not be possible.

use super::*;

struct Folder;

impl FileSystem for Folder {
    fn root(&self) -> &str {
        "/srv/shop"
    }

    fn kind(&self, path: &str) -> Option<FileKind> {
        match path {
            "/logo.png" | "/a b.txt" => Some(FileKind::File),
            "/images" => Some(FileKind::Directory),
            _ => None,
        }
    }
}

fn with(rules: Vec<Rule>) -> Compiled {
    let maps = vec![RewriteMap {
        name: "Old".to_owned(),
        default_value: String::new(),
        entries: vec![MapEntry { key: "/old".to_owned(), value: "/new?x=1".to_owned() }],
        ..RewriteMap::default()
    }];
    compile(&RewriteConfig { rules, maps }).unwrap()
}

fn ask(compiled: &Compiled, https: bool, base: &str, host: &str, target: &str) -> Outcome {
    let header = |name: &str| name.eq_ignore_ascii_case("host").then(|| host.to_owned());
    let connection = Connection {
        https,
        remote: Some(([192, 0, 2, 7], 5000).into()),
        local: Some(([192, 0, 2, 1], 80).into()),
    };
    let protocol = "HTTP/1.1";
    let request =
        Request { method: "GET", target, base, protocol, header: &header, connection, files: &Folder };
    let mut outcome = compiled.apply(&request).outcome;
    if let Outcome::Continue { target: Some(_), headers } = &mut outcome {
        let position = headers.iter().position(|(name, _)| name == "X-ORIGINAL-URL").unwrap();
        assert_eq!(headers.remove(position).1, target);
    }
    outcome
}

fn get(compiled: &Compiled, target: &str) -> Outcome {
    ask(compiled, false, "", "shop.example", target)
}

fn rule(pattern: &str, action: Action) -> Rule {
    Rule {
        name: "r".to_owned(),
        match_url: MatchUrl { pattern: pattern.to_owned(), ..MatchUrl::default() },
        action,
        ..Rule::default()
    }
}

fn when(mut rule: Rule, input: &str, pattern: &str, negate: bool) -> Rule {
    rule.conditions.items.push(Condition {
        input: input.to_owned(),
        pattern: pattern.to_owned(),
        negate,
        ..Condition::default()
    });
    rule
}

fn rewrite(url: &str) -> Action {
    Action::Rewrite { url: url.to_owned(), append_query_string: true }
}

fn redirect(url: &str) -> Action {
    Action::Redirect {
        url: url.to_owned(),
        append_query_string: true,
        redirect_type: RedirectType::Permanent,
    }
}

fn goes_on(target: Option<&str>) -> Outcome {
    Outcome::Continue { target: target.map(str::to_owned), headers: Vec::new() }
}

fn moved(location: &str) -> Outcome {
    Outcome::Redirect { status: 301, location: location.to_owned() }
}

#[test]
fn friendly_urls_are_rewritten() {
    let rules =
        with(vec![rule("^article/([0-9]+)/([_0-9a-z-]+)", rewrite("article.aspx?id={R:1}&title={R:2}"))]);
    assert_eq!(
        get(&rules, "/article/234/some-title"),
        goes_on(Some("/article.aspx?id=234&title=some-title"))
    );
    assert_eq!(get(&rules, "/Article/2/t?page=3"), goes_on(Some("/article.aspx?id=2&title=t&page=3")));
    assert_eq!(get(&rules, "/about"), goes_on(None));
    // Below a base, a relative result stays below it.
    assert_eq!(
        ask(&rules, false, "/shop", "h", "/Shop/article/1/x"),
        goes_on(Some("/shop/article.aspx?id=1&title=x"))
    );
}

#[test]
fn http_becomes_https() {
    let rules =
        with(vec![when(rule("(.*)", redirect("https://{HTTP_HOST}/{R:1}")), "{HTTPS}", "^OFF$", false)]);
    assert_eq!(get(&rules, "/a%20b?c=d"), moved("https://shop.example/a%20b?c=d"));
    assert_eq!(ask(&rules, true, "", "shop.example", "/a"), goes_on(None));
    let by_uri = with(vec![when(
        rule(
            "(.*)",
            Action::Redirect {
                url: "https://{HTTP_HOST}{REQUEST_URI}".to_owned(),
                append_query_string: false,
                redirect_type: RedirectType::PermRedirect,
            },
        ),
        "{HTTPS}",
        "off",
        false,
    )]);
    assert_eq!(
        get(&by_uri, "/a%2Fb?c=d"),
        Outcome::Redirect { status: 308, location: "https://shop.example/a%2Fb?c=d".to_owned() }
    );
}

#[test]
fn canonical_hosts() {
    let rules = with(vec![when(
        rule("(.*)", redirect("http://www.shop.example/{R:1}")),
        "{HTTP_HOST}",
        "^www\\.shop\\.example$",
        true,
    )]);
    assert_eq!(get(&rules, "/x"), moved("http://www.shop.example/x"));
    assert_eq!(ask(&rules, false, "", "WWW.shop.example", "/x"), goes_on(None));
    let captured =
        with(vec![when(rule("(.*)", redirect("http://{C:1}/{R:0}")), "{HTTP_HOST}", "^www\\.(.+)$", false)]);
    assert_eq!(ask(&captured, false, "", "www.a.example:81", "/x"), moved("http://a.example:81/x"));
}

#[test]
fn trailing_slashes_and_capital_letters() {
    let mut slash = rule("(.*[^/])$", redirect("{R:1}/"));
    for match_type in [MatchType::IsDirectory, MatchType::IsFile] {
        slash.conditions.items.push(Condition {
            input: "{REQUEST_FILENAME}".to_owned(),
            match_type,
            negate: true,
            ..Condition::default()
        });
    }
    let rules = with(vec![slash]);
    assert_eq!(get(&rules, "/about"), moved("/about/"));
    assert_eq!(get(&rules, "/logo.png"), goes_on(None));
    assert_eq!(get(&rules, "/a%20b.txt"), goes_on(None));
    assert_eq!(get(&rules, "/images"), goes_on(None));
    let mut lower = rule("[A-Z]", redirect("{ToLower:{URL}}"));
    lower.match_url.ignore_case = false;
    let rules = with(vec![lower]);
    assert_eq!(get(&rules, "/Shop/About%20Us"), moved("/shop/about%20us"));
    assert_eq!(get(&rules, "/shop"), goes_on(None));
}

#[test]
fn single_page_apps_fall_back() {
    let mut spa = rule(".*", rewrite("/"));
    spa.stop_processing = true;
    spa.conditions.items.push(Condition {
        input: "{REQUEST_FILENAME}".to_owned(),
        match_type: MatchType::IsFile,
        negate: true,
        ..Condition::default()
    });
    let spa = when(spa, "{REQUEST_URI}", "^/api", true);
    let rules = with(vec![spa]);
    assert_eq!(get(&rules, "/any/where?a=b"), goes_on(Some("/?a=b")));
    assert_eq!(get(&rules, "/logo.png"), goes_on(None));
    assert_eq!(get(&rules, "/api/x"), goes_on(None));
}

#[test]
fn maps_are_looked_up() {
    let rule = when(rule(".*", redirect("{C:1}")), "{Old:{PATH_INFO}}", "(.+)", false);
    let rules = with(vec![rule]);
    assert_eq!(get(&rules, "/OLD"), moved("/new?x=1"));
    assert_eq!(get(&rules, "/old?y=2"), moved("/new?x=1&y=2"));
    assert_eq!(get(&rules, "/other"), goes_on(None));
}

#[test]
fn answers_and_resets() {
    let blocked = when(
        rule(
            ".*",
            Action::CustomResponse {
                status: 403,
                sub_status: 0,
                reason: "No".to_owned(),
                description: "Go away".to_owned(),
            },
        ),
        "{REMOTE_ADDR}",
        "^192\\.0\\.2\\.7$",
        false,
    );
    let respond = get(&with(vec![blocked]), "/");
    assert!(matches!(respond, Outcome::Respond { status: 403, .. }), "{respond:?}");
    assert_eq!(get(&with(vec![rule("\\.php$", Action::AbortRequest)]), "/wp/x.PHP"), Outcome::Abort);
}

#[test]
fn rules_see_what_those_before_made() {
    let mut first = rule("^a$", rewrite("b"));
    let second = rule("^b$", rewrite("c?from={URL}"));
    assert_eq!(get(&with(vec![first.clone(), second.clone()]), "/a"), goes_on(Some("/c?from=/b")));
    first.stop_processing = true;
    assert_eq!(get(&with(vec![first.clone(), second.clone()]), "/a"), goes_on(Some("/b")));
    first.enabled = false;
    assert_eq!(get(&with(vec![first, second]), "/a"), goes_on(None));
}

#[test]
fn variables_become_headers() {
    let mut one = rule(".*", Action::None);
    let variable = |name: &str, value: &str, replace| ServerVariable {
        name: name.to_owned(),
        value: value.to_owned(),
        replace,
    };
    one.server_variables = vec![
        variable("HTTP_X_ORIGINAL_HOST", "{HTTP_HOST}\r\nEvil: {R:0}", true),
        variable("HTTP_HOST", "other", false),
        variable("MY_OWN", "kept", true),
    ];
    let two = when(rule(".*", rewrite("{MY_OWN}")), "{HTTP_X_ORIGINAL_HOST}", "shop", false);
    assert_eq!(
        get(&with(vec![one, two]), "/p"),
        Outcome::Continue {
            target: Some("/kept".to_owned()),
            headers: vec![("X-ORIGINAL-HOST".to_owned(), "shop.exampleEvil: p".to_owned())],
        }
    );
}

#[test]
fn groupings_and_captures() {
    let mut any = when(
        when(rule(".*", redirect("/{C:1}")), "{HTTP_HOST}", "^(no)", false),
        "{QUERY_STRING}",
        "id=([0-9]+)",
        false,
    );
    any.conditions.logical_grouping = LogicalGrouping::MatchAny;
    assert_eq!(get(&with(vec![any.clone()]), "/?id=7"), moved("/7?id=7"));
    assert_eq!(get(&with(vec![any]), "/"), goes_on(None));
    let mut all = when(
        when(rule(".*", rewrite("/{C:1}/{C:2}")), "{HTTP_HOST}", "^(\\w+)", false),
        "{QUERY_STRING}",
        "(\\w+)$",
        false,
    );
    all.conditions.track_all_captures = true;
    assert_eq!(get(&with(vec![all]), "/?q"), goes_on(Some("/shop/q?q")));
    let mut wild = rule("*/old/*", rewrite("{R:1}/new/{R:2}"));
    wild.pattern_syntax = PatternSyntax::Wildcard;
    assert_eq!(get(&with(vec![wild]), "/a/old/b"), goes_on(Some("/a/new/b")));
}

#[test]
fn nobody_is_led_astray() {
    // What a client sends cannot name another server, or break out of the head.
    let rules = with(vec![rule("^go([\\s\\S]*)", redirect("/{R:1}"))]);
    assert_eq!(get(&rules, "/go//evil.example"), moved("/evil.example"));
    assert_eq!(get(&rules, "/go/%5Cevil.example"), moved("/evil.example"));
    assert_eq!(get(&rules, "/gox%0D%0ASet-Cookie:%20a"), moved("/x%0D%0ASet-Cookie:%20a"));
    let on_purpose = with(vec![rule("^cdn$", redirect("//cdn.example/x"))]);
    assert_eq!(get(&on_purpose, "/cdn"), moved("//cdn.example/x"));
    let proxy = with(vec![rule("^(.*)$", rewrite("{R:1}"))]);
    assert_eq!(get(&proxy, "/http://evil.example/"), goes_on(Some("/http://evil.example/")));
    let slashless = with(vec![rule("^(.*)/$", redirect("{R:1}"))]);
    assert_eq!(get(&slashless, "/https://evil.example/"), moved("/https://evil.example"));
    assert_eq!(get(&slashless, "//evil.example/"), moved("/evil.example"));
    let by_condition = when(rule(".*", redirect("{ToLower:{C:1}}")), "{REQUEST_URI}", "^/(.*)/$", false);
    assert_eq!(get(&with(vec![by_condition]), "/HTTPS://evil.example/"), moved("/https://evil.example"));
    let elsewhere = rule(".*", rewrite("{C:1}"));
    let elsewhere = when(elsewhere, "{QUERY_STRING}", "^to=(.*)$", false);
    assert!(matches!(get(&with(vec![elsewhere]), "/?to=http://evil.example"), Outcome::Broken { .. }));
}

#[test]
fn expansions_are_bounded() {
    let long = "{R:0}".repeat(400);
    let rules = with(vec![rule(".*", rewrite(&long))]);
    assert!(matches!(get(&rules, &format!("/{}", "x".repeat(100))), Outcome::Broken { .. }));
}

#[test]
fn targets_without_a_path_go_on() {
    let rules = with(vec![rule(".*", Action::AbortRequest)]);
    assert_eq!(get(&rules, "*"), goes_on(None));
    assert_eq!(get(&rules, "http://h/x"), Outcome::Abort);
}

#[test]
fn everything_that_is_wrong_is_found() {
    let mut negated = rule("(a)", rewrite("{R:1}"));
    negated.match_url.negate = true;
    let config = RewriteConfig {
        rules: vec![
            rule("*", rewrite("{R:9}")),
            rule("(a)", rewrite("{R:2}")),
            negated,
            when(rule("a", rewrite("{C:1}")), "{Nope:x}", "(", false),
            rule("a", rewrite("{C:0}")),
            rule("a", rewrite("http://other/")),
            rule(
                "a",
                Action::CustomResponse {
                    status: 100,
                    sub_status: 0,
                    reason: String::new(),
                    description: String::new(),
                },
            ),
            Rule { enabled: false, ..rule("(", Action::None) },
        ],
        maps: Vec::new(),
    };
    let errors: Vec<_> =
        compile(&config).unwrap_err().into_iter().map(|error| (error.rule, error.place)).collect();
    assert_eq!(
        errors,
        [
            (0, Place::Match),
            (1, Place::Action),
            (2, Place::Action),
            (3, Place::ConditionInput(0)),
            (3, Place::ConditionPattern(0)),
            (4, Place::Action),
            (5, Place::Action),
            (6, Place::Action),
        ]
    );
}

#[test]
fn no_input_can_harm() {
    let mut seed = 7_u64;
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let mut all = vec![
        when(
            rule("^(.*)/([^/]*)$", rewrite("/{R:2}/{UrlDecode:{R:1}}?{UrlEncode:{URL}}")),
            "{QUERY_STRING}",
            "(?!x)(.*)",
            false,
        ),
        rule("(a|b)*c(?=d)", redirect("{ToLower:{REQUEST_URI}}{R:1}")),
    ];
    all[1].match_url.negate = false;
    let rules = with(all);
    let pieces = [
        "/", "..", "%2e", "%00", "%", "?", "#", "a", "c", "d", "é", "\\", "//", "http://", "{R:1}", "%0d%0a",
        "&", "%25",
    ];
    for _ in 0..3000 {
        let target: String =
            std::iter::once("/").chain((0..next() % 12).map(|_| pieces[next() % pieces.len()])).collect();
        match get(&rules, &target) {
            Outcome::Continue { target: Some(made), .. } | Outcome::Redirect { location: made, .. } => {
                assert!(made.bytes().all(|byte| byte.is_ascii_graphic()), "{target} -> {made}");
                assert!(made.starts_with('/') && !made.starts_with("//"), "{target} -> {made}");
            }
            _ => {}
        }
    }
}
