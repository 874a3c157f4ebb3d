// The web application under test: one for the process, with a handler that each check puts in.

using System;
using System.Collections.Concurrent;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Mews.Server.Tests;

/// <summary>A minimal app whose whole pipeline is the current check's handler.</summary>
internal static class TestSite
{
    private static WebApplication? s_app;

    internal static RequestDelegate Handler { get; set; } = static _ => Task.CompletedTask;

    internal static IServiceProvider Services => s_app!.Services;

    /// <summary>What the server logged: level, event id, exception.</summary>
    internal static ConcurrentQueue<(LogLevel Level, int Id, Exception? Error)> Logged { get; } = new();

    /// <summary>The last exception that was logged, for messages of failed checks.</summary>
    internal static string LastError()
    {
        string text = string.Empty;
        foreach ((_, _, Exception? error) in Logged)
        {
            text = error is null ? text : ", last error: " + error;
        }

        return text;
    }

    internal static async Task StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.Logging.SetMinimumLevel(LogLevel.Debug);
        builder.Logging.AddProvider(new Provider());
        s_app = builder.Build();
        s_app.Urls.Add("http://127.0.0.1:1");
        s_app.Run(static context => Handler(context));
        await s_app.StartAsync();
    }

    internal static Task StopAsync() => s_app!.StopAsync();

    /// <summary>Runs one request through a handler.</summary>
    internal static Task<FakeExchange> RunAsync(RequestDelegate handler, FakeRequest? request = null)
    {
        Handler = handler;
        return FakeHost.SendAsync(request ?? new FakeRequest());
    }

    /// <summary>Runs one request through a handler; the failure of an assertion in it is rethrown here.</summary>
    internal static async Task<FakeExchange> AssertAsync(RequestDelegate handler, FakeRequest? request = null)
    {
        Exception? failure = null;
        FakeExchange exchange = await RunAsync(
            async context =>
            {
                try
                {
                    await handler(context);
                }
                catch (Exception error)
                {
                    failure = error;
                }
            },
            request);
        return failure is null ? exchange : throw new CheckFailed("in the handler: " + failure);
    }

    private sealed class Provider : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => categoryName == "Mews.Server" ? this : Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            formatter(state, exception);
            Logged.Enqueue((logLevel, eventId.Id, exception));
        }
    }
}
