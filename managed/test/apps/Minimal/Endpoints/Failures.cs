// Exceptions, exits, crashes and aborts.

using System.Runtime.CompilerServices;

namespace Mews.TestApps.Minimal.Endpoints;

/// <summary>Endpoints that end badly, for the request or for the process.</summary>
public static class Failures
{
    private static readonly List<byte[]> s_kept = [];

    private static int s_waiting;
    private static int s_aborted;

    /// <summary>Maps the endpoints of this file.</summary>
    public static void MapFailures(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/throw", string () => throw new InvalidOperationException("thrown by the endpoint"));
        routes.MapGet("/throw-after-start", (RequestDelegate)ThrowAfterStart);
        routes.MapGet("/null", Null);
        routes.MapGet("/failfast", string () =>
        {
            Environment.FailFast("asked to fail fast");
            return "unreachable";
        });
        routes.MapGet("/exit", string (int code = 0) =>
        {
            Environment.Exit(code);
            return "unreachable";
        });
        routes.MapGet("/throw-background", () =>
        {
            new Thread(() => throw new InvalidOperationException("thrown on a background thread")).Start();
            return "thrown";
        });
        routes.MapGet("/stop", (IHostApplicationLifetime lifetime) =>
        {
            lifetime.StopApplication();
            return "stopping";
        });
        routes.MapGet("/keep", Keep);
        routes.MapGet("/abort", Abort);
        routes.MapGet("/wait-abort", WaitForAbort);
        routes.MapGet("/abort-counts", () => new { waiting = Volatile.Read(ref s_waiting), aborted = Volatile.Read(ref s_aborted) });
    }

    private static async Task ThrowAfterStart(HttpContext context)
    {
        await context.Response.WriteAsync("partial\n");
        await context.Response.Body.FlushAsync();
        throw new InvalidOperationException("thrown after the response had started");
    }

    /// <summary>A null dereference that the app catches: the runtime makes it from a signal on this very thread.</summary>
    private static async Task<string> Null(bool yield = false)
    {
        if (yield)
        {
            await Task.Yield();
        }

        try
        {
            return $"length {LengthOf(null)}";
        }
        catch (NullReferenceException)
        {
            return "caught";
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int LengthOf(string? text) => text!.Length;

    /// <summary>Aborts the request, after <c>bytes</c> flushed bytes of the pattern when given.</summary>
    private static async Task Abort(HttpContext context, int bytes = 0)
    {
        if (bytes > 0)
        {
            var buffer = new byte[bytes];
            Pattern.Fill(buffer, 0);
            await context.Response.Body.WriteAsync(buffer);
            await context.Response.Body.FlushAsync();
        }

        context.Abort();
    }

    private static async Task WaitForAbort(HttpContext context)
    {
        Interlocked.Increment(ref s_waiting);
        try
        {
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            Interlocked.Increment(ref s_aborted);
        }
        finally
        {
            Interlocked.Decrement(ref s_waiting);
        }
    }

    /// <summary>A leak: the memory is used and never given back.</summary>
    private static string Keep(int kib = 1024)
    {
        var block = new byte[kib * 1024];
        Array.Fill(block, (byte)1);
        lock (s_kept)
        {
            s_kept.Add(block);
        }

        return "kept";
    }
}
