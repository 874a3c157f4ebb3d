// What the app sees of its process, its configuration and a request.

using System.Diagnostics;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.TestApps.Minimal.Endpoints;

/// <summary>Read-only endpoints.</summary>
public static class Facts
{
    /// <summary>Maps the endpoints of this file.</summary>
    public static void MapFacts(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/", () => "Hello World!");
        routes.MapGet("/json", () => new { message = "Hello, World!" });
        routes.MapMethods("/headers", ["GET", "POST"], (HttpRequest request) =>
            request.Headers.ToDictionary(header => header.Key, header => header.Value.ToArray()));
        routes.MapGet("/trace", (HttpRequest request) => new
        {
            id = Activity.Current?.TraceId.ToHexString(),
            sampled = Activity.Current?.Recorded,
            header = request.Headers.TraceParent.ToString(),
        });
        routes.MapGet("/env", (string name) => Environment.GetEnvironmentVariable(name) is { } value
            ? Results.Text(value)
            : Results.NotFound());
        routes.MapGet("/config", (string key, IConfiguration configuration) => configuration[key] is { } value
            ? Results.Text(value)
            : Results.NotFound());
        routes.MapGet("/info", Info);
        routes.Map("/request/{**rest}", Request);
        routes.MapGet("/features", (HttpContext context) => context.Features.Select(feature => feature.Key.FullName).Order());
        routes.MapGet("/child-env", ChildEnvironment);
    }

    private static IResult Info(IServer server, IWebHostEnvironment environment, LaunchArguments arguments)
    {
        using var process = Process.GetCurrentProcess();
        return Results.Json(new
        {
            server = server.GetType().FullName,
            processName = process.ProcessName,
            processPath = Environment.ProcessPath,
            pid = Environment.ProcessId,
            currentDirectory = Environment.CurrentDirectory,
            contentRoot = environment.ContentRootPath,
            webRoot = environment.WebRootPath,
            baseDirectory = AppContext.BaseDirectory,
            args = arguments.Values,
            commandLine = Environment.GetCommandLineArgs(),
            environment = environment.EnvironmentName,
            applicationName = environment.ApplicationName,
            entryAssembly = System.Reflection.Assembly.GetEntryAssembly()?.GetName().Name,
            addresses = server.Features.Get<IServerAddressesFeature>()?.Addresses,
            framework = System.Runtime.InteropServices.RuntimeInformation.FrameworkDescription,
            serverGc = System.Runtime.GCSettings.IsServerGC,
        });
    }

    private static object Request(HttpContext context)
    {
        var request = context.Request;
        var connection = context.Connection;
        return new
        {
            method = request.Method,
            scheme = request.Scheme,
            host = request.Host.Value,
            pathBase = request.PathBase.Value,
            path = request.Path.Value,
            query = request.QueryString.Value,
            rawTarget = context.Features.Get<IHttpRequestFeature>()?.RawTarget,
            protocol = request.Protocol,
            contentLength = request.ContentLength,
            canHaveBody = context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody,
            remoteAddress = connection.RemoteIpAddress?.ToString(),
            remotePort = connection.RemotePort,
            localAddress = connection.LocalIpAddress?.ToString(),
            localPort = connection.LocalPort,
            connectionId = connection.Id,
            traceIdentifier = context.TraceIdentifier,
            userName = context.User.Identity?.Name,
            authenticationType = context.User.Identity?.AuthenticationType,
            clientCertificate = connection.ClientCertificate?.Thumbprint,
            onThreadPoolThread = Thread.CurrentThread.IsThreadPoolThread,
        };
    }

    // A child process inherits what the host put into this process's environment, so that it shows what leaks.
    private static async Task<IResult> ChildEnvironment(CancellationToken aborted)
    {
        using var child = Process.Start(new ProcessStartInfo("/usr/bin/env") { RedirectStandardOutput = true })
            ?? throw new InvalidOperationException("/usr/bin/env did not start.");
        var output = await child.StandardOutput.ReadToEndAsync(aborted);
        await child.WaitForExitAsync(aborted);
        return Results.Text(output);
    }
}
