// A hosted service, which the host starts before its server and stops after it.

namespace Mews.TestApps.StartupApp;

/// <summary>Says on stdout when it is started and stopped.</summary>
public sealed class StartMarker : IHostedService
{
    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        Console.WriteLine("hosted service started");
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        Console.WriteLine("hosted service stopped");
        return Task.CompletedTask;
    }
}
