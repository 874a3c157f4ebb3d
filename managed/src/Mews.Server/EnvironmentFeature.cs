// Facts about the site as apps written for IIS ask for them.

using System;
using System.Globalization;
using Microsoft.AspNetCore.Server.IIS;
using Microsoft.Extensions.Configuration;

namespace Mews.Server;

/// <summary>The server feature with the site's facts: from configuration where it has them, else from the worker.</summary>
internal sealed class EnvironmentFeature : IIISEnvironmentFeature
{
    private EnvironmentFeature(Version version, IConfiguration? configuration, HostFacts host)
    {
        IISVersion = version;
        SiteId = uint.TryParse(configuration?["IIS_SITE_ID"], NumberStyles.None, CultureInfo.InvariantCulture, out uint siteId) ? siteId : host.SiteId;
        AppPoolId = configuration?["IIS_APP_POOL_ID"] ?? host.AppPool;
        AppPoolConfigFile = configuration?["IIS_APP_POOL_CONFIG_FILE"] ?? string.Empty;
        AppConfigPath = configuration?["IIS_APP_CONFIG_PATH"] ?? host.ConfigPath;
        ApplicationPhysicalPath = configuration?["IIS_PHYSICAL_PATH"] ?? host.PhysicalPath;
        ApplicationVirtualPath = configuration?["IIS_APPLICATION_VIRTUAL_PATH"] ?? host.VirtualPath;
        ApplicationId = configuration?["IIS_APPLICATION_ID"] ?? host.ApplicationId;
        SiteName = configuration?["IIS_SITE_NAME"] ?? host.SiteName;
    }

    public Version IISVersion { get; }

    public uint SiteId { get; }

    public string AppPoolId { get; }

    public string AppPoolConfigFile { get; }

    public string AppConfigPath { get; }

    public string ApplicationPhysicalPath { get; }

    public string ApplicationVirtualPath { get; }

    public string ApplicationId { get; }

    public string SiteName { get; }

    /// <summary>The feature, or null when no version is known.</summary>
    internal static EnvironmentFeature? Read(IConfiguration? configuration, HostFacts host)
        => Version.TryParse(configuration?["IIS_VERSION"] ?? host.Version, out Version? version)
            ? new EnvironmentFeature(version, configuration, host)
            : null;
}
