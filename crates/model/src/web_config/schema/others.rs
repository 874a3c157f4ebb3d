//! The rows of sections in `system.webServer` that IIS knows and Mews does not act on.

use super::{Attribute, Element, Kind, Support, flag};

/// Sections that are passed over, with a warning or without.
pub(super) const OTHERS: &[Element] = &[
    Element::ignored(
        "advancedLogging",
        "IIS Advanced Logging.",
        "Log requests in the app (UseW3CLogging) or read the host's log.",
    ),
    Element::ignored("asp", "Classic ASP.", "Remove it: only the ASP.NET Core app is run."),
    Element::ignored(
        "caching",
        "IIS's response cache.",
        "Use the app's output caching (AddOutputCache) or response caching middleware.",
    ),
    Element::ignored("cgi", "CGI programs.", "Remove it: only the ASP.NET Core app is run."),
    Element::ignored("cors", "The IIS CORS module.", "Use the app's CORS middleware (UseCors)."),
    Element::ignored(
        "defaultDocument",
        "Files that stand for a folder.",
        "Use UseDefaultFiles before UseStaticFiles in the app, or a rewrite rule.",
    ),
    Element::section("directoryBrowse", "Listings of folders.").support(Support::Silent).attributes(&[
        flag("enabled", "false", "Whether there are listings.")
            .instead("Use UseDirectoryBrowser in the app if listings are wanted."),
        Attribute::new("showFlags", Kind::Text, Some(""), "What they show."),
    ]),
    Element::ignored("fastCgi", "FastCGI programs.", "Remove it: only the ASP.NET Core app is run."),
    Element::refused(
        "globalModules",
        "Native modules of the whole server.",
        "Remove it: IIS accepts it in applicationHost.config only.",
    ),
    Element::ignored(
        "heliconApe",
        "The Helicon Ape module.",
        "Translate its rules to rewrite rules or middleware of the app.",
    ),
    Element::ignored(
        "httpCompression",
        "How IIS compresses.",
        "Say what is compressed and how with compression of the site in mews.toml.",
    ),
    Element::silent("httpLogging", "IIS's request log."),
    Element::ignored(
        "httpPlatform",
        "The HttpPlatformHandler module.",
        "Host the app with aspNetCore; programs of other platforms are not run.",
    ),
    Element::silent("httpTracing", "Event tracing of Windows."),
    Element::ignored("iisnode", "The iisnode module.", "Remove it: only the ASP.NET Core app is run."),
    Element::ignored("isapiFilters", "ISAPI filters.", "Use middleware of the app."),
    Element::silent("management", "Remote management of IIS."),
    Element::ignored("odbcLogging", "Logging to a database.", "Log requests in the app."),
    Element::ignored(
        "proxy",
        "Application Request Routing.",
        "Use YARP in the app if it is to forward requests.",
    ),
    Element::ignored(
        "serverRuntime",
        "Buffers and limits of IIS's worker.",
        "Set limits with requestFiltering/requestLimits, or in the app.",
    ),
    Element::ignored(
        "serverSideInclude",
        "Server-side includes.",
        "Use views of the app: files with #include are not processed.",
    ),
    Element::ignored(
        "staticContent",
        "Static files as IIS serves them.",
        "The app serves its files: set types with FileExtensionContentTypeProvider and cache headers with \
         StaticFileOptions.OnPrepareResponse.",
    ),
    Element::silent("tracing", "Failed request tracing of IIS."),
    Element::section("validation", "Checks of the classic pipeline.")
        .support(Support::Silent)
        .attributes(&[flag("validateIntegratedModeConfiguration", "true", "Without meaning here.")]),
    Element::ignored(
        "webdav",
        "WebDAV publishing.",
        "Leave it out: there is no WebDAV here, so that PUT and DELETE reach the app anyway.",
    ),
];
