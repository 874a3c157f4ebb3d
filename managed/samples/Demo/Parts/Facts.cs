// What an app can see of the process it runs in and of the request it answers.

using System.Diagnostics;
using System.Globalization;
using System.Runtime;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Server.HttpSys;

namespace Mews.Samples.Demo.Parts;

/// <summary>How the app is hosted, as far as it can tell.</summary>
public enum HostingModel
{
    /// <summary>Inside the host's own process, behind the host's own server.</summary>
    InProcess,

    /// <summary>In a process of its own, paired with a host that forwards to it.</summary>
    OutOfProcess,

    /// <summary>In a process of its own, with nobody in front that it knows of.</summary>
    StandAlone,
}

/// <summary>One line of a table.</summary>
public sealed record Fact(string Name, string Value);

/// <summary>A point in time of a request, in microseconds after the first known one.</summary>
public sealed record Moment(string Name, double Microseconds);

/// <summary>Collects facts.</summary>
public static class Facts
{
    private static readonly DateTime s_started = Process.GetCurrentProcess().StartTime.ToUniversalTime();
    private static long s_requests;

    /// <summary>Counts every request that comes by.</summary>
    public static void UseRequestCount(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        Interlocked.Increment(ref s_requests);
        return next(context);
    });

    /// <summary>Maps the facts as JSON, and the heartbeat that the page shows.</summary>
    public static void MapFacts(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/facts", (HttpContext context, IServer server) => new
        {
            hosting = Hosting(server).ToString(),
            process = OfProcess(server),
            request = OfRequest(context),
            timing = OfTiming(context),
            headers = OfHeaders(context),
        });
        routes.MapGet("/api/ping", () => new
        {
            pid = Environment.ProcessId,
            uptime = Uptime(),
            requests = Volatile.Read(ref s_requests),
            memory = Mebibytes(Environment.WorkingSet),
        });
    }

    /// <summary>Tells the hosting model from the server, and from what a host tells a Kestrel that it starts.</summary>
    public static HostingModel Hosting(IServer server)
    {
        var kestrel = server.GetType().FullName?.Contains("Kestrel", StringComparison.Ordinal) ?? false;
        return !kestrel ? HostingModel.InProcess
            : Environment.GetEnvironmentVariable("ASPNETCORE_TOKEN") is not null ? HostingModel.OutOfProcess
            : HostingModel.StandAlone;
    }

    /// <summary>The name of the program that this process runs.</summary>
    public static string ProcessName() => Path.GetFileName(Environment.ProcessPath) ?? "unknown";

    /// <summary>The program that started this process; null where that cannot be told.</summary>
    public static (string Name, string Id)? Parent()
    {
        // .NET has no API for it; on Linux the kernel's own files tell.
        try
        {
            // The name, in parentheses, may hold spaces and parentheses itself: what counts comes after the last one.
            var stat = File.ReadAllText("/proc/self/stat");
            var id = stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1];
            return (File.ReadAllText($"/proc/{id}/comm").Trim(), id);
        }
        catch (Exception unknown) when (unknown is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Facts about the process.</summary>
    public static IReadOnlyList<Fact> OfProcess(IServer server)
    {
        using var process = Process.GetCurrentProcess();
        return
        [
            new("Process", $"{ProcessName()}, id {Environment.ProcessId}"),
            new("Started by", Parent() is var (name, id) ? $"{name}, id {id}" : "unknown"),
            new("Server", server.GetType().Name),
            new("Runtime", $"{RuntimeInformation.FrameworkDescription} on {RuntimeInformation.RuntimeIdentifier}"),
            new("System", RuntimeInformation.OSDescription),
            new("Garbage collector", GCSettings.IsServerGC ? "server" : "workstation"),
            new("Memory", $"{Mebibytes(Environment.WorkingSet)}, of it managed {Mebibytes(GC.GetTotalMemory(false))}"),
            new("Threads", process.Threads.Count.ToString(CultureInfo.InvariantCulture)),
            new("Up for", Uptime()),
            new("Requests so far", Volatile.Read(ref s_requests).ToString(CultureInfo.InvariantCulture)),
        ];
    }

    /// <summary>Facts about the request.</summary>
    public static IReadOnlyList<Fact> OfRequest(HttpContext context)
    {
        var (request, connection) = (context.Request, context.Connection);
        return
        [
            new("Protocol", $"{request.Protocol} over {request.Scheme}"),
            new("Host", request.Host.Value ?? ""),
            new("Path base", request.PathBase.HasValue ? request.PathBase.Value! : "none: the app is the root"),
            new("Path", request.Path.Value ?? ""),
            new("Client", Address(connection.RemoteIpAddress, connection.RemotePort)),
            new("Local", Address(connection.LocalIpAddress, connection.LocalPort)),
            new("Connection", connection.Id),
            new("Request id", context.TraceIdentifier),
            new("User", context.User.Identity is { IsAuthenticated: true } user ? $"{user.Name} ({user.AuthenticationType})" : "anonymous"),
            new("Client certificate", connection.ClientCertificate?.Subject ?? "none"),
        ];
    }

    /// <summary>The request's timestamps, when the server keeps them; else nothing.</summary>
    public static IReadOnlyList<Moment> OfTiming(HttpContext context)
    {
        if (context.Features.Get<IHttpSysRequestTimingFeature>() is not { } timing)
        {
            return [];
        }

        var known = new List<(string Name, long Ticks)>();
        foreach (var type in Enum.GetValues<HttpSysRequestTimingType>())
        {
            if (timing.TryGetTimestamp(type, out var ticks) && ticks > 0)
            {
                known.Add((Words(type.ToString()), ticks));
            }
        }

        known.Sort((left, right) => left.Ticks.CompareTo(right.Ticks));
        return known.ConvertAll(point =>
            new Moment(point.Name, (point.Ticks - known[0].Ticks) * 1_000_000.0 / Stopwatch.Frequency));
    }

    /// <summary>The request's headers as the app sees them.</summary>
    public static IReadOnlyList<Fact> OfHeaders(HttpContext context) =>
        context.Request.Headers.Select(header => new Fact(header.Key, header.Value.ToString())).OrderBy(fact => fact.Name, StringComparer.OrdinalIgnoreCase).ToList();

    // "RequestHeaderParseStart" as "Request header parse start"; an abbreviation of capitals stays one word.
    private static string Words(string name) => string.Concat(name.Select((letter, index) =>
        index == 0 || !char.IsUpper(letter) ? letter.ToString()
        : char.IsUpper(name[index - 1]) ? letter.ToString()
        : index + 1 == name.Length || char.IsUpper(name[index + 1]) ? " " + letter
        : " " + char.ToLowerInvariant(letter)));

    private static string Address(System.Net.IPAddress? address, int port) =>
        address is null ? "unknown" : new System.Net.IPEndPoint(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address, port).ToString();

    private static string Mebibytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.0} MiB");

    private static string Uptime()
    {
        var up = DateTime.UtcNow - s_started;
        return up.TotalMinutes < 1 ? string.Create(CultureInfo.InvariantCulture, $"{up.TotalSeconds:0} s")
            : up.TotalHours < 1 ? string.Create(CultureInfo.InvariantCulture, $"{up.Minutes} min {up.Seconds} s")
            : string.Create(CultureInfo.InvariantCulture, $"{(long)up.TotalHours} h {up.Minutes} min");
    }
}
