// Modes that go wrong while the host starts.

using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.TestApps.Broken;

/// <summary>One method for each mode.</summary>
public static class Starting
{
    /// <summary>A generic host whose <c>Startup.Configure</c> throws.</summary>
    public static void ThrowsInStartup(string[] args) => Host.CreateDefaultBuilder(args)
        .ConfigureWebHostDefaults(web => web.UseStartup<ThrowingStartup>())
        .Build()
        .Run();

    /// <summary>A web host with a hosted service that does not start.</summary>
    public static void ThrowsInHostedService(string[] args)
    {
        var builder = WebApplication.CreateBuilder(args);
        builder.Services.AddHostedService<ThrowingService>();
        builder.Build().Run();
    }

    /// <summary>Loads an assembly that does not exist.</summary>
    public static void MissingAssembly() => System.Reflection.Assembly.Load("Missing.Library, Version=1.0.0.0");

    /// <summary>A host of background services only.</summary>
    public static void NoServer(string[] args) => Host.CreateDefaultBuilder(args)
        .ConfigureServices(services => services.AddHostedService<IdleService>())
        .Build()
        .Run();

    /// <summary>A web host with a server of the app's own.</summary>
    public static void OtherServer(string[] args)
    {
        var builder = WebApplication.CreateBuilder(args);
        builder.Services.AddSingleton<IServer, SilentServer>();
        builder.Build().Run();
    }

    /// <summary>Two hosts in one process; the first one has no server.</summary>
    public static async Task WorkerPlusWeb(string[] args)
    {
        using var worker = Host.CreateDefaultBuilder(args)
            .ConfigureServices(services => services.AddHostedService<IdleService>())
            .Build();
        await worker.StartAsync();
        await Serving.Site("WorkerPlusWeb", args).RunAsync();
        await worker.StopAsync();
    }

    private sealed class ThrowingStartup
    {
        // An instance method, as the host finds it by convention.
        public void Configure(IApplicationBuilder app) => throw new InvalidOperationException("thrown by Startup.Configure");
    }

    private sealed class ThrowingService : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => throw new InvalidOperationException("thrown by a hosted service");

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class IdleService : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.Delay(Timeout.Infinite, stoppingToken);
    }

    private sealed class SilentServer : IServer
    {
        public IFeatureCollection Features { get; } = new FeatureCollection();

        public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
            where TContext : notnull => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
        }
    }
}
