//! The rows of `system.webServer/rewrite`.

use super::{Attribute, Collection, Element, Kind, Support, choice, flag, name, number, text};

const CONDITIONS: Collection = Collection::add(
    "One condition.",
    &[
        text("input", "What is looked at: text with {…} in it."),
        choice(
            "matchType",
            &["Pattern", "IsFile", "IsDirectory"],
            "Pattern",
            "Whether the text is compared, or must be a file's or folder's path.",
        ),
        text("pattern", "What it must look like."),
        flag("ignoreCase", "true", "Whether case does not count."),
        flag("negate", "false", "Whether it must not hold."),
    ],
    &[],
);

const SET: Collection = Collection::add("", &[], &["name"])
    .of(Element::part("set", "One variable.").attributes(&[
        name("name", "Its name; HTTP_X is the request header X."),
        text("value", "Its value: text with {…} in it."),
        flag("replace", "true", "Whether a value that is there is replaced."),
    ]))
    .without_remove();

const RULE: Element = Element::part("rule", "One rule.")
    .attributes(&[
        text("name", "Its name.").required(),
        flag("enabled", "true", "Whether it counts."),
        choice(
            "patternSyntax",
            &["ECMAScript", "Wildcard", "ExactMatch"],
            "ECMAScript",
            "How its patterns are read.",
        ),
        flag("stopProcessing", "false", "Whether later rules are left out when it applied."),
    ])
    .children(&[
        Element::part("match", "Which paths it is about.").attributes(&[
            Attribute::new(
                "url",
                Kind::NonEmpty,
                None,
                "Pattern for the path, without its leading slash and without the query.",
            ),
            flag("ignoreCase", "true", "Whether case does not count."),
            flag("negate", "false", "Whether it is about all other paths."),
        ]),
        Element::part("conditions", "What else must hold.")
            .attributes(&[
                choice("logicalGrouping", &["MatchAll", "MatchAny"], "MatchAll", "Whether one is enough."),
                flag("trackAllCaptures", "false", "Whether {C:n} counts through all conditions."),
            ])
            .items(&CONDITIONS),
        Element::part("serverVariables", "Variables and request headers to set.").items(&SET),
        Element::part("action", "What is done.").attributes(&[
            choice(
                "type",
                &["None", "Rewrite", "Redirect", "CustomResponse", "AbortRequest"],
                "None",
                "What is done.",
            ),
            text("url", "Where to: text with {…} in it."),
            flag("appendQueryString", "true", "Whether the query is kept."),
            flag("logRewrittenUrl", "false", "Without meaning here."),
            choice(
                "redirectType",
                &["Permanent", "Found", "SeeOther", "Temporary", "PermRedirect"],
                "Permanent",
                "301, 302, 303, 307 or 308; the numbers are accepted as well.",
            ),
            Attribute::new("statusCode", Kind::Status, None, "The status of a CustomResponse."),
            number("subStatusCode", 0, 999, "0", "Its sub-status."),
            text("statusReason", "Its reason phrase."),
            text("statusDescription", "Its body."),
            choice(
                "responseCacheDirective",
                &["Auto", "Never", "Always", "NotIfRuleMatched"],
                "Auto",
                "Without meaning here: there is no kernel cache.",
            ),
        ]),
    ]);

const RULES: Collection = Collection::add("", &[], &["name"]).of(RULE);

const ENTRIES: Collection = Collection::add(
    "One entry.",
    &[text("key", "What is looked up.").required(), text("value", "What it becomes.")],
    &["key"],
)
.case_counts();

const MAPS: Collection =
    Collection::add("", &[], &["name"]).of(Element::part("rewriteMap", "One map, used as {name:key}.")
        .attributes(&[
            name("name", "Its name."),
            text("defaultValue", "The value of keys that are not listed."),
            flag("ignoreCase", "true", "Whether the keys' case does not count."),
        ])
        .items(&ENTRIES));

const VARIABLES: Collection = Collection::add("One variable.", &[name("name", "Its name.")], &["name"]);

/// The group.
pub(super) const REWRITE: Element = Element::group(
    "rewrite",
    "URL rewriting: redirects and rewrites before the app sees a request.",
)
.children(&[
    Element::section("rules", "The rules, in order.")
        .attributes(&[flag("useOriginalURLEncoding", "true", "Whether {UNENCODED_URL} is as it was sent.")
            .instead("Leave it out: it is always as it was sent.")])
        .items(&RULES),
    Element::refused(
        "globalRules",
        "Rules of the whole server.",
        "Move them into rules: a web.config holds rules of its own app only.",
    ),
    Element::section("rewriteMaps", "Tables that rules look values up in.").items(&MAPS),
    Element::section("allowedServerVariables", "Which variables rules may set; here all are allowed.")
        .support(Support::Silent)
        .items(&VARIABLES),
    Element::ignored(
        "outboundRules",
        "Rules about responses.",
        "Change responses in middleware of the app; fixed headers go into httpProtocol/customHeaders.",
    ),
    Element::ignored(
        "providers",
        "Providers of values for rules.",
        "Use a rewriteMap, or the rewriting middleware of the app.",
    ),
]);
