// Every way to build a host that ASP.NET Core has had, around the same Startup class.

using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.TestApps.InProcessSite;

/// <summary>Builders of the hosts that the start-up modes run.</summary>
public static class Hosts
{
    /// <summary>The generic host with each part of the web host named.</summary>
    public static IHost Default(string[] args, Action<IServiceCollection>? services = null) => Host.CreateDefaultBuilder(args)
        .ConfigureLogging(ConsoleAtInformation)
        .ConfigureWebHost(web => web
            .UseKestrel((context, options) => options.Configure(context.Configuration.GetSection("Kestrel")))
            .UseIIS()
            .UseIISIntegration()
            .UseStartup<Startup>())
        .ConfigureServices(collection => services?.Invoke(collection))
        .Build();

    /// <summary>The generic host with the web host's defaults.</summary>
    public static IHost WebHostDefaults(string[] args) => Host.CreateDefaultBuilder(args)
        .ConfigureWebHostDefaults(web => web.UseStartup<Startup>())
        .Build();

    /// <summary>A <see cref="Microsoft.AspNetCore.Builder.WebApplication"/> that borrows the Startup class's two methods.</summary>
    public static WebApplication WebApplication(string[] args) =>
        WithStartup(Microsoft.AspNetCore.Builder.WebApplication.CreateBuilder(args));

    /// <summary>The same without the defaults that a trimmed app can do without.</summary>
    public static WebApplication SlimWebApplication(string[] args) =>
        WithStartup(Microsoft.AspNetCore.Builder.WebApplication.CreateSlimBuilder(args));

    /// <summary>The web host of before the generic host, with defaults.</summary>
    public static IWebHost WebHostDefaultBuilder(string[] args) => WebHost.CreateDefaultBuilder(args)
        .UseStartup<Startup>()
        .Build();

    /// <summary>The web host of before the generic host, bare.</summary>
    public static IWebHost BareWebHostBuilder<TStartup>(string[] args)
        where TStartup : class => new WebHostBuilder()
        .UseConfiguration(new ConfigurationBuilder().AddCommandLine(args).Build())
        .UseContentRoot(Directory.GetCurrentDirectory())
        .ConfigureLogging(ConsoleAtInformation)
        .UseKestrel()
        .UseIIS()
        .UseIISIntegration()
        .UseStartup<TStartup>()
        .Build();

    /// <summary>The default host, with a server that fails to start put over the real one.</summary>
    public static IHost OverriddenServer(string[] args) =>
        Default(args, services => services.AddSingleton<IServer, DummyServer>());

    /// <summary>The generic host around a Startup class that throws.</summary>
    public static IHost ThrowingGenericHost(string[] args) => Host.CreateDefaultBuilder(args)
        .ConfigureWebHostDefaults(web => web.UseStartup<ThrowingStartup>())
        .Build();

    private static WebApplication WithStartup(WebApplicationBuilder builder)
    {
        var startup = new Startup();
        startup.ConfigureServices(builder.Services);
        var app = builder.Build();
        startup.Configure(app);
        return app;
    }

    private static void ConsoleAtInformation(ILoggingBuilder logging)
    {
        logging.AddConsole();
        logging.SetMinimumLevel(LogLevel.Information);
    }

    private sealed class DummyServer : IServer
    {
        public IFeatureCollection Features { get; } = new FeatureCollection();

        // A delay of that length is out of range, so that both calls fail at once.
        public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
            where TContext : notnull => Task.Delay(TimeSpan.MaxValue, cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => Task.Delay(TimeSpan.MaxValue, cancellationToken);

        public void Dispose()
        {
        }
    }
}
