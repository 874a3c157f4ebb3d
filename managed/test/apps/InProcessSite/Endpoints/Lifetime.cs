// Aborts, shutdown, consoles, stacks, and what runs after a response.

using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Hosting.Server;

namespace Mews.TestApps.InProcessSite;

public sealed partial class Startup
{
    private static int s_waitingRequests;

    private void WaitForAbort(HttpContext context)
    {
        Interlocked.Increment(ref s_waitingRequests);
        try
        {
            context.RequestAborted.WaitHandle.WaitOne();
        }
        finally
        {
            Interlocked.Decrement(ref s_waitingRequests);
        }
    }

    private Task WaitingRequestCount(HttpContext context) =>
        context.Response.WriteAsync(Volatile.Read(ref s_waitingRequests).ToString(CultureInfo.InvariantCulture));

    private void Abort(HttpContext context) => context.Abort();

    private void CreateFile(HttpContext context)
    {
        Check.True(context.Connection.LocalIpAddress is not null);
        Check.True(context.Connection.RemoteIpAddress is not null);
        var environment = context.RequestServices.GetRequiredService<IWebHostEnvironment>();
        File.WriteAllText(System.IO.Path.Combine(environment.ContentRootPath, "Started.txt"), "");
    }

    private async Task Shutdown(HttpContext context)
    {
        await context.Response.WriteAsync("Shutting down");
        context.RequestServices.GetRequiredService<IHostApplicationLifetime>().StopApplication();
    }

    private async Task ShutdownStopAsync(HttpContext context)
    {
        await context.Response.WriteAsync("Shutting down");
        await context.RequestServices.GetRequiredService<IServer>().StopAsync(default);
    }

    private async Task ShutdownStopAsyncWithCancelledToken(HttpContext context)
    {
        await context.Response.WriteAsync("Shutting down");
        await context.RequestServices.GetRequiredService<IServer>().StopAsync(new CancellationToken(canceled: true));
    }

    private Task ConsoleWrite(HttpContext context)
    {
        Console.WriteLine("TEST MESSAGE");
        return context.Response.WriteAsync("Hello World");
    }

    private Task ConsoleErrorWrite(HttpContext context)
    {
        Console.Error.WriteLine("TEST MESSAGE");
        return context.Response.WriteAsync("Hello World");
    }

    private Task StackSize(HttpContext context)
    {
        Recurse(10_000);
        return context.Response.WriteAsync("Hello World");
    }

    private Task StackSizeLarge(HttpContext context)
    {
        Recurse(30_000);
        return context.Response.WriteAsync("Hello World");
    }

    // The addition after the call keeps the compiler from turning the recursion into a loop.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Recurse(int depth) => depth == 0 ? 0 : 1 + Recurse(depth - 1);

    private Task OnCompletedHttpContext(HttpContext context)
    {
        var accessor = context.RequestServices.GetRequiredService<IHttpContextAccessor>();
        context.Response.OnCompleted(() => Meeting.Report(nameof(OnCompletedHttpContext), async () =>
        {
            await Task.Delay(500);
            ReadEverything(accessor.HttpContext ?? throw new InvalidOperationException("The accessor has lost the context."));
        }));
        return context.Response.WriteAsync("SlowOnCompleted");
    }

    private Task OnCompletedHttpContext_Completed(HttpContext context) => Meeting.Wait(nameof(OnCompletedHttpContext));

    private static void ReadEverything(HttpContext context)
    {
        var connection = context.Connection;
        _ = (connection.Id, connection.LocalIpAddress, connection.LocalPort, connection.RemoteIpAddress, connection.RemotePort);
        _ = connection.ClientCertificate;

        var request = context.Request;
        _ = (request.Method, request.Scheme, request.Host, request.PathBase, request.Path, request.QueryString, request.Protocol);
        _ = (request.Body, request.ContentLength, request.ContentType, request.IsHttps, request.HasFormContentType);
        _ = (request.Cookies.Count, request.Query.Count, request.Headers.ToArray());

        var response = context.Response;
        _ = (response.StatusCode, response.Body, response.ContentLength, response.ContentType, response.HasStarted, response.Cookies);
        _ = response.Headers.ToArray();

        _ = (context.User, context.TraceIdentifier, context.Items.Count, context.RequestAborted.IsCancellationRequested);
        _ = context.WebSockets.IsWebSocketRequest;
    }

    private void OnCompletedThrows(HttpContext context) =>
        context.Response.OnCompleted(() => throw new InvalidOperationException("thrown by OnCompleted"));
}
