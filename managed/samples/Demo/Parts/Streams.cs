// Responses that go on: server-sent events and a text that comes line by line.

using System.Globalization;

namespace Mews.Samples.Demo.Parts;

/// <summary>The clock and the slow text.</summary>
public static class Streams
{
    private static int s_listeners;

    /// <summary>Maps both.</summary>
    public static void MapStreams(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/clock", Clock);
        routes.MapGet("/api/slow", Slow);
    }

    private static async Task Clock(HttpContext context, IHostApplicationLifetime lifetime)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-store";
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        Interlocked.Increment(ref s_listeners);
        try
        {
            // Every listener hears the full second.
            while (true)
            {
                var now = DateTime.UtcNow;
                var time = now.ToString("HH:mm:ss", CultureInfo.InvariantCulture);
                await context.Response.WriteAsync($"data: {{\"time\":\"{time}\",\"listeners\":{Volatile.Read(ref s_listeners)}}}\n\n", end.Token);
                await context.Response.Body.FlushAsync(end.Token);
                await Task.Delay(TimeSpan.FromMilliseconds(1000 - now.Millisecond), end.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The listener has gone, or the app stops.
        }
        finally
        {
            Interlocked.Decrement(ref s_listeners);
        }
    }

    private static async Task Slow(HttpContext context)
    {
        string[] lines =
        [
            "A mews is the house where falcons are kept.",
            "Each line of this text was sent by itself,",
            "a third of a second after the one before it.",
            "If you see them come one by one,",
            "nothing between the app and you has held them back:",
            "no buffer, no cache, no second server.",
        ];
        context.Response.ContentType = "text/plain; charset=utf-8";
        foreach (var line in lines)
        {
            await context.Response.WriteAsync(line + "\n", context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await Task.Delay(330, context.RequestAborted);
        }
    }
}
