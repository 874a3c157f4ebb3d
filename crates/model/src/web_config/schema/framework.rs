//! The rows of the .NET Framework's sections: an ASP.NET Core app reads none of them.

use super::{Element, Support};

const APPSETTINGS: &str = "ASP.NET Core does not read it: put the values into appsettings.json, or into aspNetCore/environmentVariables.";
const REMOVE: &str = "Remove it: ASP.NET Core does not read it.";

const fn section(name: &'static str, doc: &'static str) -> Element {
    Element::ignored(name, doc, REMOVE)
}

const fn group(name: &'static str, doc: &'static str, instead: &'static str) -> Element {
    Element::group(name, doc).support(Support::Instead(instead)).opaque()
}

/// Sections at the root, beside `system.webServer`.
pub(super) const FRAMEWORK: &[Element] = &[
    Element::silent("configSections", "Declares sections that are not built in.").opaque(),
    Element::silent("configProtectedData", "How encrypted sections are read."),
    Element::ignored("appSettings", "Settings of a .NET Framework app.", APPSETTINGS),
    Element::ignored(
        "connectionStrings",
        "Databases of a .NET Framework app.",
        "ASP.NET Core does not read it: put them under ConnectionStrings in appsettings.json, or set \
         ConnectionStrings__NAME in aspNetCore/environmentVariables.",
    ),
    Element::silent("assemblyBinding", "Where assemblies are looked for."),
    Element::silent("mscorlib", "Cryptography names of the .NET Framework."),
    Element::silent("runtime", "Binding redirects of the .NET Framework; .NET uses deps.json."),
    Element::silent("startup", "The .NET Framework's version; .NET uses runtimeconfig.json."),
    Element::silent("satelliteassemblies", "Assemblies of other languages."),
    Element::silent("system.codedom", "Compilers of the .NET Framework."),
    Element::silent("system.data", "Database providers of the .NET Framework."),
    Element::silent("system.data.dataset", "Data sets of the .NET Framework."),
    Element::silent("system.data.odbc", "ODBC settings of the .NET Framework."),
    Element::silent("system.data.oledb", "OLE DB settings of the .NET Framework."),
    Element::silent("system.data.oracleclient", "Oracle settings of the .NET Framework."),
    Element::silent("system.data.sqlclient", "SQL settings of the .NET Framework."),
    group(
        "system.diagnostics",
        "Tracing of the .NET Framework.",
        "Set logging up under Logging in appsettings.json.",
    ),
    Element::silent("system.drawing", "Drawing settings of the .NET Framework."),
    group(
        "system.identityModel",
        "Identities of the .NET Framework.",
        "Set authentication up in the app's code (AddAuthentication).",
    ),
    group(
        "system.identityModel.services",
        "Federation of the .NET Framework.",
        "Set authentication up in the app's code (AddAuthentication, AddWsFederation).",
    ),
    group(
        "microsoft.identityModel",
        "Identities of WIF.",
        "Set authentication up in the app's code (AddAuthentication).",
    ),
    group(
        "system.net",
        "Network and mail settings of the .NET Framework.",
        "Set HttpClient and mail up in the app's code; a proxy is named by HTTPS_PROXY in the environment.",
    ),
    Element::silent("system.runtime.caching", "Memory cache of the .NET Framework."),
    Element::silent("system.runtime.remoting", "Remoting of the .NET Framework."),
    Element::silent("system.runtime.serialization", "Serialization of the .NET Framework."),
    group(
        "system.serviceModel",
        "WCF services.",
        "Use CoreWCF for services, and set clients up in the app's code.",
    ),
    group("system.serviceModel.activation", "WCF activation.", "Remove it: only HTTP is served."),
    Element::silent("system.transactions", "Transactions of the .NET Framework."),
    Element::group("system.web", "ASP.NET of the .NET Framework.")
        .support(Support::Silent)
        .children(SYSTEM_WEB),
    group("system.web.extensions", "AJAX of ASP.NET.", "Set JSON options in the app's code."),
    Element::silent("system.web.webPages", "Razor of ASP.NET."),
    Element::silent("system.web.webPages.razor", "Razor of ASP.NET; ASP.NET Core uses _ViewImports.cshtml."),
    Element::silent("system.windows.forms", "Desktop settings of the .NET Framework."),
    Element::silent("system.workflow", "Workflows of the .NET Framework."),
    Element::silent("system.xaml.hosting", "XAML services of the .NET Framework."),
    Element::silent("system.xml", "XML settings of the .NET Framework."),
    Element::silent("system.xml.serialization", "XML settings of the .NET Framework."),
    Element::silent("uri", "URI parsing of the .NET Framework."),
    Element::silent("windows", "Settings of Windows."),
    Element::refused(
        "system.applicationHost",
        "Sites and pools of the server.",
        "Remove it: IIS accepts it in applicationHost.config only.",
    ),
    Element::refused(
        "system.ftpServer",
        "The FTP server.",
        "Remove it: IIS accepts it in applicationHost.config only.",
    ),
    Element::refused(
        "webFarms",
        "Server farms of Application Request Routing.",
        "Remove it: IIS accepts it in applicationHost.config only.",
    ),
    Element::refused(
        "configurationRedirection",
        "Where IIS's configuration lies.",
        "Remove it: IIS accepts it in redirection.config only.",
    ),
    // Usual even without their declaration in files that were moved by hand.
    Element::ignored(
        "entityFramework",
        "Entity Framework 6.",
        "Set it up in the app's code (DbConfiguration or AddDbContext).",
    ),
];

/// Sections of `system.web`.
const SYSTEM_WEB: &[Element] = &[
    section("anonymousIdentification", "Ids for users that are not signed in."),
    Element::ignored("authentication", "Sign-in.", "Set it up in the app's code (AddAuthentication)."),
    Element::ignored("authorization", "Who may do what.", "Use [Authorize] and policies in the app."),
    section("browserCaps", "What browsers can."),
    Element::ignored("caching", "Caches.", "Use AddOutputCache or AddMemoryCache in the app."),
    section("clientTarget", "Names for browsers."),
    Element::silent("compilation", "How pages are compiled."),
    Element::ignored(
        "customErrors",
        "Error pages.",
        "Use UseExceptionHandler and UseStatusCodePages in the app.",
    ),
    section("deployment", "How the server is deployed."),
    section("deviceFilters", "What devices can."),
    section("fullTrustAssemblies", "Trusted assemblies."),
    Element::ignored("globalization", "Cultures and encodings.", "Use UseRequestLocalization in the app."),
    Element::ignored("healthMonitoring", "Events of ASP.NET.", "Use logging and health checks in the app."),
    section("hostingEnvironment", "How the app is hosted."),
    Element::ignored("httpCookies", "Defaults of cookies.", "Use UseCookiePolicy in the app."),
    Element::ignored("httpHandlers", "Handlers of ASP.NET.", "Map endpoints in the app."),
    Element::ignored("httpModules", "Modules of ASP.NET.", "Use middleware of the app."),
    Element::ignored(
        "httpRuntime",
        "Limits of ASP.NET.",
        "Set maxAllowedContentLength under requestFiltering/requestLimits, and timeouts with AddRequestTimeouts \
         in the app.",
    ),
    Element::ignored("identity", "The app's account.", "Run the host as the user that the app needs."),
    Element::ignored(
        "machineKey",
        "Keys of ASP.NET.",
        "Use AddDataProtection in the app, with keys that all instances share.",
    ),
    Element::ignored("membership", "Users in a database.", "Use ASP.NET Core Identity."),
    section("mobileControls", "Controls for telephones."),
    Element::silent("pages", "Defaults of pages."),
    section("partialTrustVisibleAssemblies", "Visible assemblies."),
    section("processModel", "The worker process of ASP.NET."),
    Element::ignored("profile", "Data of users.", "Use ASP.NET Core Identity, or the app's own store."),
    section("protocols", "Other protocols."),
    Element::ignored("roleManager", "Roles in a database.", "Use ASP.NET Core Identity."),
    section("securityPolicy", "Trust levels."),
    section("sessionPageState", "State of mobile pages."),
    Element::ignored("sessionState", "Sessions.", "Use AddSession and UseSession in the app."),
    section("siteMap", "The site's map."),
    Element::ignored("trace", "Tracing of pages.", "Use logging in the app."),
    section("trust", "The trust level."),
    Element::ignored("urlMappings", "Other names of pages.", "Use rewrite rules, or routes of the app."),
    section("webControls", "Scripts of controls."),
    section("webParts", "Web parts."),
    Element::ignored("webServices", "ASMX services.", "Use controllers or CoreWCF in the app."),
    section("xhtmlConformance", "How pages are written."),
];
