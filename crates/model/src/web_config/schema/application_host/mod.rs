//! What may stand in an `applicationHost.config`: sites and application pools. Sections of `system.webServer` are
//! those of a `web.config`, which is where Mews reads them.

mod pools;
mod sites;

use super::Element;

const GROUP: Element = Element::group("system.applicationHost", "Sites and application pools.").children(&[
    sites::SITES,
    pools::APPLICATION_POOLS,
    Element::silent("configHistory", "Copies of earlier configurations."),
    Element::silent("customMetadata", "The metabase of IIS 6."),
    Element::silent("listenerAdapters", "Protocols that Windows activates."),
    Element::silent("log", "Where logs of the whole server go."),
    Element::silent("serviceAutoStartProviders", "Code that warms services up."),
    Element::silent("webLimits", "Limits of the whole server."),
]);

const SERVER: Element =
    Element::group("system.webServer", "Settings of the web server, for all applications.").opaque();
const FTP: Element =
    Element::ignored("system.ftpServer", "The FTP server.", "Remove it: there is no FTP server here.");
const FARMS: Element = Element::ignored(
    "webFarms",
    "Application Request Routing.",
    "Use YARP in an app if requests are to be forwarded.",
);
const MOVED: Element = Element::ignored(
    "configurationRedirection",
    "Where the configuration lies.",
    "Name the file that it leads to instead of this one.",
);

/// The root element of an `applicationHost.config`.
pub(crate) static APPLICATION_HOST: Element = Element::group("configuration", "The whole file.").children(&[
    GROUP,
    SERVER,
    Element::silent("configSections", "Declares sections that are not built in.").opaque(),
    Element::silent("configProtectedData", "How encrypted sections are read."),
    FTP,
    FARMS,
    MOVED,
]);
