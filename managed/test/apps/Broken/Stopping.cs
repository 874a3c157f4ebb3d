// Modes that go wrong while they stop.

namespace Mews.TestApps.Broken;

/// <summary>One method for each mode.</summary>
public static class Stopping
{
    /// <summary>Takes its time to stop.</summary>
    public static void SlowStop(string[] args) => Serving.Site("SlowStop", args, services =>
    {
        // The host's own limit must not end the wait before the one under test does.
        services.Configure<HostOptions>(options => options.ShutdownTimeout = Timeout.InfiniteTimeSpan);
        services.AddHostedService<SlowService>();
    }).Run();

    /// <summary>Throws while it stops.</summary>
    public static void ThrowsOnStop(string[] args) =>
        Serving.Site("ThrowsOnStop", args, services => services.AddHostedService<ThrowingService>()).Run();

    private sealed class SlowService : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) =>
            Task.Delay(Settings.Milliseconds("SLOW_STOP_MS", 3000), CancellationToken.None);
    }

    private sealed class ThrowingService : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => throw new InvalidOperationException("thrown while stopping");
    }
}
