// The worker's facts as managed values: read once, when the server is made.

using System;
using Mews.Server.Interop;

namespace Mews.Server;

/// <summary>What the worker says about itself and the application it hosts.</summary>
internal sealed class HostFacts
{
    private HostFacts()
    {
    }

    /// <summary>The host's own limit for request bodies in bytes; null when there is none.</summary>
    internal long? MaxRequestBodySize { get; private init; }

    /// <summary>The application's folder, without a trailing slash.</summary>
    internal string PhysicalPath { get; private init; } = string.Empty;

    /// <summary>The application's path below the site, without a trailing slash; <c>/</c> for the root.</summary>
    internal string VirtualPath { get; private init; } = "/";

    internal string[] Addresses { get; private init; } = Array.Empty<string>();

    internal string SiteName { get; private init; } = string.Empty;

    internal uint SiteId { get; private init; }

    internal string AppPool { get; private init; } = string.Empty;

    internal string ApplicationId { get; private init; } = string.Empty;

    internal string ConfigPath { get; private init; } = string.Empty;

    /// <summary>The version of Mews, as <c>major.minor</c>.</summary>
    internal string Version { get; private init; } = string.Empty;

    internal bool WebSockets { get; private init; }

    /// <summary>Whether users can sign in at the host.</summary>
    internal bool SignIn { get; private init; }

    /// <summary>Reads the facts from the attached table.</summary>
    internal static unsafe HostFacts Read()
    {
        HostInfo* info = Native.Info;
        string virtualPath = Native.Text(info->virtual_path, info->virtual_path_len).TrimEnd('/');
        string addresses = Native.Text(info->addresses, info->addresses_len);
        string physicalPath = Native.Text(info->physical_path, info->physical_path_len);
        return new HostFacts
        {
            MaxRequestBodySize = info->max_request_body_size < 0 ? null : info->max_request_body_size,
            PhysicalPath = physicalPath.Length > 1 ? physicalPath.TrimEnd('/') : physicalPath,
            VirtualPath = virtualPath.Length == 0 ? "/" : virtualPath,
            Addresses = addresses.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
            SiteName = Native.Text(info->site_name, info->site_name_len),
            SiteId = info->site_id,
            AppPool = Native.Text(info->app_pool, info->app_pool_len),
            ApplicationId = Native.Text(info->application_id, info->application_id_len),
            ConfigPath = Native.Text(info->config_path, info->config_path_len),
            Version = Native.Text(info->version, info->version_len),
            SignIn = (info->flags & (HostFlags.WindowsAuthentication | HostFlags.BasicAuthentication)) != 0,
            WebSockets = (info->flags & HostFlags.WebSockets) != 0,
        };
    }
}
