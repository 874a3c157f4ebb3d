// Pipeline of the old kind: middleware and branches, no endpoint routing.

using Microsoft.AspNetCore.Hosting.Server;

namespace Mews.TestApps.LegacyWebHost;

/// <summary>The Startup class; the host calls its methods by convention.</summary>
public sealed class Startup
{
    /// <summary>Registers a service of each lifetime.</summary>
    public void ConfigureServices(IServiceCollection services)
    {
        services.AddScoped<RequestScope>();
        services.AddSingleton<Counter>();
    }

    /// <summary>Builds the pipeline.</summary>
    public void Configure(IApplicationBuilder app, IServer server, IWebHostEnvironment environment, IConfiguration configuration)
    {
        app.UseWebSockets();
        app.Use(async (context, next) =>
        {
            context.Response.Headers["X-Request-Number"] = context.RequestServices.GetRequiredService<Counter>().Next().ToString();
            await next(context);
        });
        app.Map("/info", branch => branch.Run(context => context.Response.WriteAsJsonAsync(new
        {
            server = server.GetType().FullName,
            processName = System.Diagnostics.Process.GetCurrentProcess().ProcessName,
            environment = environment.EnvironmentName,
            contentRoot = environment.ContentRootPath,
            greeting = configuration["Greeting"],
            pathBase = context.Request.PathBase.Value,
        })));
        app.Map("/echo", branch => branch.Run(context => context.Request.Body.CopyToAsync(context.Response.Body, context.RequestAborted)));
        app.Map("/scope", branch => branch.Run(context =>
        {
            // Two resolutions in one request are one object, which is disposed with the request.
            var first = context.RequestServices.GetRequiredService<RequestScope>();
            var second = context.RequestServices.GetRequiredService<RequestScope>();
            return context.Response.WriteAsync($"same {ReferenceEquals(first, second)}, disposed so far {RequestScope.Disposed}");
        }));
        app.Map("/throw", branch => branch.Run(_ => throw new InvalidOperationException("thrown by the pipeline")));
        app.Map("/stop", branch => branch.Run(context =>
        {
            context.RequestServices.GetRequiredService<IHostApplicationLifetime>().StopApplication();
            return context.Response.WriteAsync("stopping");
        }));
        app.Run(context => context.Request.Path == "/"
            ? context.Response.WriteAsync("LegacyWebHost")
            : NotFound(context));
    }

    private static Task NotFound(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }

    private sealed class Counter
    {
        private int _last;

        public int Next() => Interlocked.Increment(ref _last);
    }

    private sealed class RequestScope : IDisposable
    {
        private static int s_disposed;

        public static int Disposed => Volatile.Read(ref s_disposed);

        public void Dispose() => Interlocked.Increment(ref s_disposed);
    }
}
