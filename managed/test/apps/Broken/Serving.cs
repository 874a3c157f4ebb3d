// Modes that serve, and go wrong while they do.

using System.Runtime.CompilerServices;

namespace Mews.TestApps.Broken;

/// <summary>One method for each mode.</summary>
public static class Serving
{
    private static readonly List<byte[]> s_kept = [];

    /// <summary>A site that answers every path with <paramref name="mode"/>.</summary>
    public static WebApplication Site(string mode, string[] args, Action<IServiceCollection>? services = null)
    {
        var builder = WebApplication.CreateBuilder(args);
        services?.Invoke(builder.Services);
        var app = builder.Build();
        app.MapFallback(() => mode);
        return app;
    }

    /// <summary>Dies of an unhandled exception soon after the start.</summary>
    public static void CrashesAfterStart(string[] args)
    {
        var app = Site("CrashesAfterStart", args);
        var delay = Settings.Milliseconds("CRASH_AFTER_MS", 200);
        app.Lifetime.ApplicationStarted.Register(() => new Thread(() =>
        {
            Thread.Sleep(delay);
            throw new InvalidOperationException("thrown after the start");
        }).Start());
        app.Run();
    }

    /// <summary>Stops its own host soon after the start.</summary>
    public static async Task ExitsAfterStart(string[] args)
    {
        var app = Site("ExitsAfterStart", args);
        await app.StartAsync();
        await Task.Delay(Settings.Milliseconds("EXIT_AFTER_MS", 200));
        await app.StopAsync();
    }

    /// <summary><c>/overflow</c> recurses until the stack ends, which no exception handler survives.</summary>
    public static void StackOverflowInRequest(string[] args)
    {
        var app = Site("StackOverflowInRequest", args);
        app.MapGet("/overflow", () => Recurse(0));
        app.Run();
    }

    /// <summary><c>/allocate</c> takes memory and keeps it.</summary>
    public static void OutOfMemoryInRequest(string[] args)
    {
        var app = Site("OutOfMemoryInRequest", args);
        app.MapGet("/allocate", (int mb = 64) =>
        {
            lock (s_kept)
            {
                for (var i = 0; i < mb; i++)
                {
                    // Touched, or else the kernel would not count it.
                    var block = GC.AllocateUninitializedArray<byte>(1024 * 1024);
                    block.AsSpan().Fill(1);
                    s_kept.Add(block);
                }

                return s_kept.Count;
            }
        });
        app.Run();
    }

    /// <summary><c>/deadlock</c> never gives its thread back.</summary>
    public static void DeadlocksInRequest(string[] args)
    {
        var app = Site("DeadlocksInRequest", args);
        app.MapGet("/deadlock", string () =>
        {
            Thread.Sleep(Timeout.Infinite);
            return "unreachable";
        });
        app.Run();
    }

    // The addition after the call keeps the compiler from turning the recursion into a loop.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Recurse(int depth) => 1 + Recurse(depth + 1);
}
