// Reading a request's body, alone and while the response is written.

using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.TestApps.InProcessSite;

public sealed partial class Startup
{
    private static int s_requestsInFlight;

    private Task ReadRequestBody(HttpContext context) => ReadToEnd(context, bufferSize: 1);

    private Task ReadRequestBodyLarger(HttpContext context) => ReadToEnd(context, bufferSize: 4096);

    private async Task ReadFullBody(HttpContext context)
    {
        await ReadToEnd(context, bufferSize: 1);
        context.Response.ContentLength = 9;
        await context.Response.WriteAsync("Completed");
    }

    private async Task ReadPartialBody(HttpContext context)
    {
        var buffer = new byte[5];
        await context.Request.Body.ReadExactlyAsync(buffer);
        await context.Response.Body.WriteAsync(buffer);
    }

    private Task ReadAndWriteSynchronously(HttpContext context) =>
        Task.WhenAll(ReadToEnd(context, bufferSize: 1), WriteHello(context, 10_000));

    private Task ReadAndWriteSlowConnection(HttpContext context) =>
        Task.WhenAll(ReadToEnd(context, bufferSize: 1), WriteHello(context, 100));

    private Task ReadAndWriteEcho(HttpContext context) => Echo(context, times: 1, flush: false);

    private Task ReadAndFlushEcho(HttpContext context) => Echo(context, times: 1, flush: true);

    private Task ReadAndWriteEchoTwice(HttpContext context) => Echo(context, times: 2, flush: true);

    private Task ReadAndWriteEchoLines(HttpContext context) => EchoLines(context, flush: true);

    private Task ReadAndWriteEchoLinesNoBuffering(HttpContext context)
    {
        context.Features.GetRequiredFeature<IHttpResponseBodyFeature>().DisableBuffering();
        return EchoLines(context, flush: false);
    }

    private Task ReadAndWriteCopyToAsync(HttpContext context) => context.Request.Body.CopyToAsync(context.Response.Body);

    private async Task SetHeaderFromBody(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var text = await reader.ReadToEndAsync();
        context.Response.Headers["BodyAsString"] = text;
        await context.Response.WriteAsync(text);
    }

    private async Task ReadAndCountRequestBody(HttpContext context)
    {
        // The number must reach the client before it has sent a byte of its body, though nothing here flushes.
        var count = Interlocked.Increment(ref s_requestsInFlight);
        try
        {
            await context.Response.WriteAsync(count.ToString(CultureInfo.InvariantCulture));
            await context.Request.Body.ReadExactlyAsync(new byte[1]);
            await context.Response.WriteAsync("done");
        }
        finally
        {
            Interlocked.Decrement(ref s_requestsInFlight);
        }
    }

    private async Task WaitForAppToStartShuttingDown(HttpContext context)
    {
        await context.Response.WriteAsync("test1");
        var lifetime = context.RequestServices.GetRequiredService<IHostApplicationLifetime>();
        lifetime.ApplicationStopping.WaitHandle.WaitOne();
        await context.Response.WriteAsync("test2");
    }

    private async Task TestReadOffsetWorks(HttpContext context)
    {
        var buffer = new byte[11];
        await ReadAt(0, 6);
        await ReadAt(6, 5);
        await context.Response.WriteAsync(Encoding.UTF8.GetString(buffer));

        async Task ReadAt(int offset, int count)
        {
            for (var read = 0; read < count;)
            {
                var got = await context.Request.Body.ReadAsync(buffer, offset + read, count - read);
                Check.True(got > 0);
                read += got;
            }
        }
    }

    private async Task TestInvalidReadOperations(HttpContext context)
    {
        var body = context.Request.Body;
        var buffer = new byte[1];
        var success = context.Request.Path.Value switch
        {
            "/NullBuffer" => await Fails<Exception>(() => body.ReadAsync(null!, 0, 1)),
            "/InvalidOffsetSmall" => await Fails<ArgumentOutOfRangeException>(() => body.ReadAsync(buffer, -1, 1)),
            "/InvalidOffsetLarge" => await Fails<ArgumentOutOfRangeException>(() => body.ReadAsync(buffer, 2, 1)),
            "/InvalidCountSmall" => await Fails<ArgumentOutOfRangeException>(() => body.ReadAsync(buffer, 0, -1)),
            "/InvalidCountLarge" => await Fails<ArgumentOutOfRangeException>(() => body.ReadAsync(buffer, 0, 2)),
            "/InvalidCountWithOffset" => await Fails<ArgumentOutOfRangeException>(() => body.ReadAsync(buffer, 1, 1)),
            _ => false,
        };
        await context.Response.WriteAsync(success ? "Success" : "Failure");
    }

    private async Task TestValidReadOperations(HttpContext context)
    {
        var success = context.Request.Path.Value switch
        {
            "/NullBuffer" or "/NullBufferPost" => await context.Request.Body.ReadAsync(null!, 0, 0) == 0,
            "/InvalidCountZeroRead" or "/InvalidCountZeroReadPost" => await context.Request.Body.ReadAsync(new byte[1], 0, 0) == 0,
            _ => false,
        };
        await context.Response.WriteAsync(success ? "Success" : "Failure");
    }

    private async Task TestInvalidWriteOperations(HttpContext context)
    {
        var body = context.Response.Body;
        var buffer = new byte[1];
        var success = context.Request.Path.Value switch
        {
            "/InvalidOffsetSmall" => await Fails<ArgumentOutOfRangeException>(() => body.WriteAsync(buffer, -1, 1)),
            "/InvalidOffsetLarge" => await Fails<ArgumentOutOfRangeException>(() => body.WriteAsync(buffer, 2, 1)),
            "/InvalidCountSmall" => await Fails<ArgumentOutOfRangeException>(() => body.WriteAsync(buffer, 0, -1)),
            "/InvalidCountLarge" => await Fails<ArgumentOutOfRangeException>(() => body.WriteAsync(buffer, 0, 2)),
            "/InvalidCountWithOffset" => await Fails<ArgumentOutOfRangeException>(() => body.WriteAsync(buffer, 1, 1)),
            _ => false,
        };
        await context.Response.WriteAsync(success ? "Success" : "Failure");
    }

    private async Task TestValidWriteOperations(HttpContext context)
    {
        switch (context.Request.Path.Value)
        {
            case "/NullBuffer" or "/NullBufferPost":
                await context.Response.Body.WriteAsync(null!, 0, 0);
                await context.Response.WriteAsync("Success");
                break;
            default:
                await context.Response.WriteAsync("Failure");
                break;
        }
    }

    private void IncreaseRequestLimit(HttpContext context) =>
        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = 2;

    private static async Task ReadToEnd(HttpContext context, int bufferSize)
    {
        Check.True(context.Features.GetRequiredFeature<IHttpRequestBodyDetectionFeature>().CanHaveBody);
        var buffer = new byte[bufferSize];
        while (await context.Request.Body.ReadAsync(buffer) > 0)
        {
        }
    }

    private static async Task Echo(HttpContext context, int times, bool flush)
    {
        var buffer = new byte[4096];
        int read;
        while ((read = await context.Request.Body.ReadAsync(buffer)) > 0)
        {
            for (var i = 0; i < times; i++)
            {
                await context.Response.Body.WriteAsync(buffer.AsMemory(0, read));
                if (flush)
                {
                    await context.Response.Body.FlushAsync();
                }
            }
        }
    }

    private static async Task EchoLines(HttpContext context, bool flush)
    {
        if (context.Request.Headers.TryGetValue("Response-Content-Type", out var contentType))
        {
            context.Response.ContentType = contentType;
        }

        // The client waits for the head before it sends its first line.
        await context.Response.Body.FlushAsync();
        using var reader = new StreamReader(context.Request.Body);
        while (await reader.ReadLineAsync() is { } line)
        {
            await context.Response.WriteAsync(line + Environment.NewLine);
            if (flush)
            {
                await context.Response.Body.FlushAsync();
            }
        }
    }

    private static async Task<bool> Fails<TException>(Func<Task> operation)
        where TException : Exception
    {
        try
        {
            await operation();
            return false;
        }
        catch (TException)
        {
            return true;
        }
    }
}
