// Answers that take long, and threads that block.

using System.Diagnostics;

namespace Mews.TestApps.Minimal.Endpoints;

/// <summary>Slow endpoints; every <c>ms</c> is milliseconds.</summary>
public static class Time
{
    /// <summary>Maps the endpoints of this file.</summary>
    public static void MapTime(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/yield", async () =>
        {
            await Task.Yield();
            return "yielded";
        });
        routes.MapGet("/slow", async (CancellationToken aborted, int ms = 1000) =>
        {
            await Task.Delay(ms, aborted);
            return $"waited {ms}";
        });
        routes.MapGet("/block", (int ms = 1000) =>
        {
            Thread.Sleep(ms);
            return $"blocked {ms}";
        });
        routes.MapGet("/spin", (int ms = 1000) =>
        {
            for (var clock = Stopwatch.StartNew(); clock.ElapsedMilliseconds < ms;)
            {
                Thread.SpinWait(1000);
            }

            return $"span {ms}";
        });
        routes.MapGet("/drip", Drip);
        routes.MapGet("/flush-then-block", FlushThenBlock);
        routes.MapGet("/gc", () =>
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            GC.Collect();
            return new
            {
                managedBytes = GC.GetTotalMemory(false),
                workingSet = Environment.WorkingSet,
                collections = new[] { GC.CollectionCount(0), GC.CollectionCount(1), GC.CollectionCount(2) },
                threads = Process.GetCurrentProcess().Threads.Count,
            };
        });
    }

    /// <summary><c>n</c> lines, each flushed, <c>ms</c> apart.</summary>
    private static async Task Drip(HttpContext context, int n = 10, int ms = 100)
    {
        context.Response.ContentType = "text/plain";
        for (var i = 0; i < n; i++)
        {
            await context.Response.WriteAsync($"line {i}\n", context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await Task.Delay(ms, context.RequestAborted);
        }
    }

    /// <summary>A flushed line, then a blocked thread, then another line: the first must reach the client at once.</summary>
    private static async Task FlushThenBlock(HttpContext context, int ms = 1000)
    {
        context.Response.ContentType = "text/plain";
        await context.Response.WriteAsync("before\n");
        await context.Response.Body.FlushAsync();
        Thread.Sleep(ms);
        await context.Response.WriteAsync("after\n");
    }
}
