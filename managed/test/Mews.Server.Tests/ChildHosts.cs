// Small hosts of every kind that people write, each run in a process of its own by the hosting checks.

using System;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Mews.Server.Tests;

internal static class ChildHosts
{
    /// <summary>Runs the host <paramref name="name"/>; prints one line for each thing that was seen.</summary>
    internal static async Task<int> RunAsync(string name)
    {
        FakeHost.Install("/base");
        StartupHook.Initialize();
        try
        {
            await HostAsync(name);
        }
        catch (Exception error)
        {
            Console.WriteLine("threw " + error.GetType().Name + ": " + error.Message);
        }

        foreach ((int kind, string text) in FakeHost.Reports)
        {
            Console.WriteLine("report " + kind + ": " + text);
        }

        Console.WriteLine("variable " + (Environment.GetEnvironmentVariable("ASPNETCORE_HOSTINGSTARTUPASSEMBLIES") ?? "none"));
        return 0;
    }

    private static async Task HostAsync(string name)
    {
        switch (name)
        {
            case "web-application":
                WebApplication app = WebApplication.CreateBuilder().Build();
                app.MapGet("/x", static (HttpContext context) => Text(context));
                await ServeAsync(app);
                break;
            case "slim":
                WebApplication slim = WebApplication.CreateSlimBuilder().Build();
                slim.MapGet("/x", static (HttpContext context) => Text(context));
                await ServeAsync(slim);
                break;
            case "startup":
                await ServeAsync(Host.CreateDefaultBuilder().ConfigureWebHostDefaults(static web => web.UseStartup<Startup>()).Build());
                break;
            case "web-host":
                await ServeOldAsync(WebHost.CreateDefaultBuilder().UseStartup<Startup>().UseKestrel().Build());
                break;
            case "web-host-builder":
                await ServeOldAsync(new WebHostBuilder().UseKestrel().Configure(static app => app.Run(static context => context.Response.WriteAsync(Text(context)))).Build());
                break;
            case "no-web":
                using (IHost plain = Host.CreateDefaultBuilder().ConfigureLogging(static logging => logging.ClearProviders()).Build())
                {
                    await plain.StartAsync();
                    Console.WriteLine("plain host started, server started: " + FakeHost.ServerStarted);
                    await plain.StopAsync();
                }

                break;
            case "wrong-server":
                WebApplicationBuilder wrong = WebApplication.CreateBuilder();
                wrong.Services.AddSingleton<IServer, OtherServer>();
                wrong.Build();
                break;
            case "late-server":
                await ServeOldAsync(WebHost.CreateDefaultBuilder().UseStartup<LateStartup>().Build());
                break;
            case "two-hosts":
                WebApplication first = WebApplication.CreateBuilder().Build();
                WebApplication second = WebApplication.CreateBuilder().Build();
                await first.StartAsync();
                await second.StartAsync();
                break;
            case "throws":
                // Not caught by anybody: it happens on a thread of its own.
                FakeHost.PrintReports = true;
                var thread = new Thread(static () => throw new InvalidOperationException("nobody catches this"));
                thread.Start();
                thread.Join();
                break;
            case "throws-later":
                await WebApplication.CreateBuilder().Build().StartAsync();
                goto case "throws";
            case "stop":
                WebApplication stopping = WebApplication.CreateBuilder().Build();
                stopping.Lifetime.ApplicationStarted.Register(FakeHost.Stop);
                Task running = stopping.RunAsync();
                while (!FakeHost.ServerStopped)
                {
                    await Task.Delay(5);
                }

                Console.WriteLine("stopping, ended: " + running.IsCompleted);
                FakeHost.Drain();
                await running;
                Console.WriteLine("ended");
                break;
            default:
                throw new ArgumentException("no such host: " + name);
        }
    }

    private static async Task ServeAsync(IHost host)
    {
        await host.StartAsync();
        await AskAsync();
        FakeHost.Drain();
        await host.StopAsync();
    }

    private static async Task ServeOldAsync(IWebHost host)
    {
        await host.StartAsync();
        await AskAsync();
        FakeHost.Drain();
        await host.StopAsync();
    }

    private static async Task AskAsync()
    {
        FakeExchange exchange = await FakeHost.SendAsync(new FakeRequest { Target = "/base/x" });
        Console.WriteLine(exchange.Status + " " + exchange.Text);
    }

    private static string Text(HttpContext context) => context.Request.PathBase + "|" + context.Request.Path;

    private sealed class Startup
    {
        public void Configure(IApplicationBuilder app) => app.Run(static context => context.Response.WriteAsync(Text(context)));
    }

    private sealed class LateStartup
    {
        public void ConfigureServices(IServiceCollection services) => services.AddSingleton<IServer, OtherServer>();

        public void Configure(IApplicationBuilder app)
        {
        }
    }

    private sealed class OtherServer : IServer
    {
        public IFeatureCollection Features { get; } = new FeatureCollection();

        public void Dispose()
        {
        }

        public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
            where TContext : notnull => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
