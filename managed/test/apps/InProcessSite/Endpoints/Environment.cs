// What the app sees of its process, its folders and its configuration.

using System.Globalization;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.IIS;

namespace Mews.TestApps.InProcessSite;

public sealed partial class Startup
{
    private Task ContentRootPath(HttpContext context) =>
        context.Response.WriteAsync(context.RequestServices.GetRequiredService<IWebHostEnvironment>().ContentRootPath);

    private Task WebRootPath(HttpContext context) =>
        context.Response.WriteAsync(context.RequestServices.GetRequiredService<IWebHostEnvironment>().WebRootPath ?? "");

    private Task CurrentDirectory(HttpContext context) => context.Response.WriteAsync(Environment.CurrentDirectory);

    private Task BaseDirectory(HttpContext context) => context.Response.WriteAsync(AppContext.BaseDirectory);

    private Task BasePath(HttpContext context) => context.Response.WriteAsync(AppDomain.CurrentDomain.BaseDirectory);

    private Task ASPNETCORE_IIS_PHYSICAL_PATH(HttpContext context) =>
        context.Response.WriteAsync(Environment.GetEnvironmentVariable("ASPNETCORE_IIS_PHYSICAL_PATH") ?? "");

    private Task GetEnvironmentVariable(HttpContext context) =>
        context.Response.WriteAsync(Environment.GetEnvironmentVariable(context.Request.Query["name"].ToString()) ?? "");

    private Task IIISEnvironmentFeature(HttpContext context)
    {
        var feature = context.RequestServices.GetRequiredService<IServer>().Features.Get<IIISEnvironmentFeature>()
            ?? throw new InvalidOperationException($"The server has no {nameof(Microsoft.AspNetCore.Server.IIS.IIISEnvironmentFeature)}.");
        return context.Response.WriteAsync(EnvironmentLines(
            feature.IISVersion.ToString(),
            feature.ApplicationId,
            feature.ApplicationPhysicalPath,
            feature.ApplicationVirtualPath,
            feature.AppConfigPath,
            feature.AppPoolId,
            feature.AppPoolConfigFile,
            feature.SiteId.ToString(CultureInfo.InvariantCulture),
            feature.SiteName));
    }

    private Task IIISEnvironmentFeatureConfig(HttpContext context)
    {
        var configuration = context.RequestServices.GetRequiredService<IConfiguration>();
        return context.Response.WriteAsync(EnvironmentLines(
            configuration["IIS_VERSION"],
            configuration["IIS_APPLICATION_ID"],
            configuration["IIS_PHYSICAL_PATH"],
            configuration["IIS_APPLICATION_VIRTUAL_PATH"],
            configuration["IIS_APP_CONFIG_PATH"],
            configuration["IIS_APP_POOL_ID"],
            configuration["IIS_APP_POOL_CONFIG_FILE"],
            configuration["IIS_SITE_ID"],
            configuration["IIS_SITE_NAME"]));
    }

    private static string EnvironmentLines(
        string? version,
        string? applicationId,
        string? applicationPath,
        string? virtualPath,
        string? configPath,
        string? poolId,
        string? poolConfigFile,
        string? siteId,
        string? siteName) => string.Join(
        '\n',
        $"IIS Version: {version}",
        $"ApplicationId: {applicationId}",
        $"Application Path: {applicationPath}",
        $"Application Virtual Path: {virtualPath}",
        $"Application Config Path: {configPath}",
        $"AppPool ID: {poolId}",
        $"AppPool Config File: {poolConfigFile}",
        $"Site ID: {siteId}",
        $"Site Name: {siteName}");

    private Task ServerAddresses(HttpContext context)
    {
        var addresses = context.RequestServices.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>();
        return context.Response.WriteAsync(string.Join(',', addresses?.Addresses ?? []));
    }

    private Task ProcessId(HttpContext context) =>
        context.Response.WriteAsync(Environment.ProcessId.ToString(CultureInfo.InvariantCulture));

    private Task CommandLineArgs(HttpContext context) =>
        context.Response.WriteAsync(string.Join('|', Environment.GetCommandLineArgs().Skip(1)));

    private Task StartupHook(HttpContext context) => context.Response.WriteAsync(global::StartupHook.Called.ToString());

    private Task ANCM_HTTPS_PORT(HttpContext context) => context.Response.WriteAsync(PortSetting(context, "ANCM_HTTPS_PORT"));

    private Task HTTPS_PORT(HttpContext context) => context.Response.WriteAsync(PortSetting(context, "HTTPS_PORT"));

    private static string PortSetting(HttpContext context, string key) =>
        context.RequestServices.GetRequiredService<IConfiguration>().GetValue<int?>(key) is { } port
            ? port.ToString(CultureInfo.InvariantCulture)
            : "NOVALUE";

    // Whether the file named by the header is loaded into this process.
    private async Task CheckRequestHandlerVersion(HttpContext context)
    {
        var path = context.Request.Headers["ANCMRHPath"].ToString();
        var maps = await File.ReadAllLinesAsync("/proc/self/maps", context.RequestAborted);
        var loaded = path.Length > 0 && maps.Any(line => line.EndsWith(" " + path, StringComparison.Ordinal));
        await context.Response.WriteAsync(loaded ? "Hello World" : path);
    }
}
