// Request and response bodies of every shape.

using System.Security.Cryptography;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.TestApps.Minimal.Endpoints;

/// <summary>Endpoints that read or write bodies.</summary>
public static class Bodies
{
    private const int BufferSize = 16 * 1024;
    private const string Binary = "application/octet-stream";

    /// <summary>Maps the endpoints of this file.</summary>
    public static void MapBodies(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/echo", (Delegate)Echo);
        routes.MapPost("/upload-hash", (Delegate)UploadHash);
        routes.MapGet("/large", Large);
        routes.MapGet("/file", SendFile);
        routes.MapGet("/trailers", (Delegate)Trailers);
        routes.MapPost("/sync-read", SyncRead);
        routes.MapGet("/sync-write", SyncWrite);
        routes.MapPost("/max-body", MaxBody);
        routes.MapGet("/status", (int code, string? reason, HttpContext context) =>
        {
            context.Response.StatusCode = code;
            if (reason is not null)
            {
                context.Features.GetRequiredFeature<IHttpResponseFeature>().ReasonPhrase = reason;
            }
        });
    }

    /// <summary>Sends each piece of the request body back as soon as it has come.</summary>
    private static async Task Echo(HttpContext context)
    {
        context.Response.ContentType = context.Request.ContentType ?? Binary;
        var buffer = new byte[BufferSize];
        int read;
        while ((read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0)
        {
            await context.Response.Body.WriteAsync(buffer.AsMemory(0, read), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    }

    private static async Task<object> UploadHash(HttpContext context)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[BufferSize];
        long length = 0;
        int read;
        while ((read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0)
        {
            sha.AppendData(buffer, 0, read);
            length += read;
        }

        return new
        {
            length,
            sha256 = Convert.ToHexString(sha.GetHashAndReset()).ToLowerInvariant(),
            trailers = context.Request.CheckTrailersAvailable()
                ? context.Features.Get<IHttpRequestTrailersFeature>()?.Trailers.ToDictionary(pair => pair.Key, pair => pair.Value.ToString())
                : null,
        };
    }

    /// <summary><c>bytes</c> of the pattern; with <c>length=true</c> under a Content-Length, with <c>direct=true</c> unbuffered.</summary>
    private static async Task Large(HttpContext context, long bytes, bool length = false, string type = Binary, bool direct = false)
    {
        context.Response.ContentType = type;
        if (direct)
        {
            context.Features.GetRequiredFeature<IHttpResponseBodyFeature>().DisableBuffering();
        }

        if (length)
        {
            context.Response.ContentLength = bytes;
        }

        var buffer = new byte[BufferSize];
        for (long written = 0; written < bytes;)
        {
            var count = (int)Math.Min(buffer.Length, bytes - written);
            Pattern.Fill(buffer.AsSpan(0, count), written);
            await context.Response.Body.WriteAsync(buffer.AsMemory(0, count), context.RequestAborted);
            written += count;
        }
    }

    /// <summary>A file of <c>bytes</c> of the pattern, from <c>offset</c>, <c>count</c> bytes (default: to the end).</summary>
    private static Task SendFile(HttpContext context, PatternFiles files, long bytes = 1024 * 1024, long offset = 0, long? count = null, string type = Binary)
    {
        context.Response.ContentType = type;
        return context.Response.SendFileAsync(files.PathOf(bytes), offset, count, context.RequestAborted);
    }

    private static async Task Trailers(HttpContext context)
    {
        if (!context.Response.SupportsTrailers())
        {
            await context.Response.WriteAsync("trailers are not supported\n");
            return;
        }

        context.Response.DeclareTrailer("x-checksum");
        await context.Response.WriteAsync("body before trailers\n");
        context.Response.AppendTrailer("x-checksum", "2152");
        context.Response.AppendTrailer("x-several", new[] { "one", "two" });
    }

    /// <summary>Reads synchronously; servers refuse that unless the app allows it, as <c>allow=true</c> does.</summary>
    private static IResult SyncRead(HttpContext context, bool allow = false)
    {
        AllowSynchronousIO(context, allow);
        var buffer = new byte[BufferSize];
        long length = 0;
        try
        {
            int read;
            while ((read = context.Request.Body.Read(buffer, 0, buffer.Length)) > 0)
            {
                length += read;
            }
        }
        catch (InvalidOperationException refused)
        {
            return Results.Text($"refused: {refused.Message}");
        }

        return Results.Text($"read {length}");
    }

    /// <summary>Writes <c>bytes</c> of the pattern synchronously; see <see cref="SyncRead"/>.</summary>
    private static async Task SyncWrite(HttpContext context, int bytes = 100_000, bool allow = false)
    {
        AllowSynchronousIO(context, allow);
        var buffer = new byte[bytes];
        Pattern.Fill(buffer, 0);
        string? refusal = null;
        try
        {
            context.Response.Body.Write(buffer, 0, buffer.Length);
        }
        catch (InvalidOperationException refused)
        {
            refusal = refused.Message;
        }

        if (refusal is not null)
        {
            await context.Response.WriteAsync($"refused: {refusal}");
        }
    }

    private static void AllowSynchronousIO(HttpContext context, bool allow)
    {
        if (allow && context.Features.Get<IHttpBodyControlFeature>() is { } control)
        {
            control.AllowSynchronousIO = true;
        }
    }

    /// <summary>Sets the request body limit to <c>set</c> bytes (absent: leaves it; negative: none) and reads the body.</summary>
    private static async Task<object> MaxBody(HttpContext context, long? set)
    {
        var feature = context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>();
        var before = feature.MaxRequestBodySize;
        if (set is { } limit)
        {
            feature.MaxRequestBodySize = limit < 0 ? null : limit;
        }

        // A body over the limit makes the read throw BadHttpRequestException, which the server answers with 413.
        var buffer = new byte[BufferSize];
        long length = 0;
        int read;
        while ((read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0)
        {
            length += read;
        }

        return new { before, limit = feature.MaxRequestBodySize, readOnlyAfterRead = feature.IsReadOnly, length };
    }
}
