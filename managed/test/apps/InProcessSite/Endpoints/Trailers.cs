// Response trailers, and responses that are complete before their handler is.

using System.Globalization;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Mews.TestApps.InProcessSite;

public sealed partial class Startup
{
    private const string TrailerName = "TrailerName";
    private const string TrailerValue = "Trailer Value";

    // Names that RFC 9110 section 6.5.1 keeps out of trailers.
    private static readonly string[] s_prohibitedTrailers =
    [
        // framing
        HeaderNames.TransferEncoding, HeaderNames.ContentLength,
        // routing
        HeaderNames.Host,
        // request modifiers
        HeaderNames.CacheControl, HeaderNames.Expect, HeaderNames.MaxForwards, HeaderNames.Pragma, HeaderNames.Range, HeaderNames.TE,
        HeaderNames.IfMatch, HeaderNames.IfNoneMatch, HeaderNames.IfModifiedSince, HeaderNames.IfUnmodifiedSince, HeaderNames.IfRange,
        // authentication and cookies
        HeaderNames.WWWAuthenticate, HeaderNames.Authorization, HeaderNames.ProxyAuthenticate, HeaderNames.ProxyAuthorization,
        HeaderNames.SetCookie, HeaderNames.Cookie,
        // response control
        HeaderNames.Age, HeaderNames.Expires, HeaderNames.Date, HeaderNames.Location, HeaderNames.RetryAfter, HeaderNames.Vary, HeaderNames.Warning,
        // the content's own description, and the announcement of trailers
        HeaderNames.ContentEncoding, HeaderNames.ContentType, HeaderNames.ContentRange, HeaderNames.Trailer,
    ];

    private void ResponseTrailers_HTTP2_TrailersAvailable(HttpContext context)
    {
        Check.Equal("HTTP/2", context.Request.Protocol);
        Check.True(context.Response.SupportsTrailers());
    }

    private void ResponseTrailers_HTTP1_TrailersNotAvailable(HttpContext context)
    {
        Check.Equal("HTTP/1.1", context.Request.Protocol);
        Check.True(!context.Response.SupportsTrailers());
    }

    private void ResponseTrailers_ProhibitedTrailers_Blocked(HttpContext context)
    {
        Check.True(context.Response.SupportsTrailers());
        foreach (var name in s_prohibitedTrailers)
        {
            Check.Throws<InvalidOperationException>(() => context.Response.AppendTrailer(name, "value"), name);
        }
    }

    private void ResponseTrailers_NoBody_TrailersSent(HttpContext context)
    {
        context.Response.DeclareTrailer("trailername");
        context.Response.AppendTrailer("trailername", "TrailerValue");
    }

    private async Task ResponseTrailers_WithBody_TrailersSent(HttpContext context)
    {
        await context.Response.WriteAsync("Hello World");
        context.Response.AppendTrailer(TrailerName, TrailerValue);
    }

    private async Task ResponseTrailers_WithContentLengthBody_TrailersSent(HttpContext context)
    {
        context.Response.ContentLength = 11;
        await context.Response.WriteAsync("Hello World");
        context.Response.AppendTrailer(TrailerName, TrailerValue);
    }

    private async Task ResponseTrailers_WithTrailersBeforeContentLengthBody_TrailersSent(HttpContext context)
    {
        context.Response.ContentLength = 22;
        await context.Response.WriteAsync("Hello World");
        context.Response.AppendTrailer(TrailerName, TrailerValue);
        await context.Response.WriteAsync("Hello World");
    }

    private async Task ResponseTrailers_WithContentLengthBodyAndDeclared_TrailersSent(HttpContext context)
    {
        context.Response.ContentLength = 11;
        context.Response.DeclareTrailer(TrailerName);
        await context.Response.WriteAsync("Hello World");
        context.Response.AppendTrailer(TrailerName, TrailerValue);
    }

    private async Task ResponseTrailers_WithContentLengthBodyAndDeclaredButMissingTrailers_Completes(HttpContext context)
    {
        context.Response.ContentLength = 11;
        context.Response.DeclareTrailer(TrailerName);
        await context.Response.WriteAsync("Hello World");
    }

    private async Task ResponseTrailers_CompleteAsyncNoBody_TrailersSent(HttpContext context)
    {
        context.Response.AppendTrailer(TrailerName, TrailerValue);
        await context.Response.CompleteAsync();
        await Meeting.Wait(nameof(ResponseTrailers_CompleteAsyncNoBody_TrailersSent));
    }

    private void ResponseTrailers_CompleteAsyncNoBody_TrailersSent_Completed(HttpContext context) =>
        Meeting.Arrive(nameof(ResponseTrailers_CompleteAsyncNoBody_TrailersSent));

    private async Task ResponseTrailers_CompleteAsyncWithBody_TrailersSent(HttpContext context)
    {
        await context.Response.WriteAsync("Hello World");
        context.Response.AppendTrailer(TrailerName, TrailerValue);
        await context.Response.CompleteAsync();
        await Meeting.Wait(nameof(ResponseTrailers_CompleteAsyncWithBody_TrailersSent));
    }

    private void ResponseTrailers_CompleteAsyncWithBody_TrailersSent_Completed(HttpContext context) =>
        Meeting.Arrive(nameof(ResponseTrailers_CompleteAsyncWithBody_TrailersSent));

    private void ResponseTrailers_MultipleValues_SentAsSeparateHeaders(HttpContext context) =>
        context.Response.AppendTrailer(TrailerName, new[] { "TrailerValue0", "TrailerValue1" });

    private void ResponseTrailers_LargeTrailers_Success(HttpContext context)
    {
        int[] sizes = [1024, 4 * 1024, 8 * 1024, 16 * 1024, 32 * 1024, (64 * 1024) - 1];
        context.Response.AppendTrailer("ThisIsALongerTrailerName", sizes.Select(size => new string('a', size)).ToArray());
    }

    private void ResponseTrailers_NullValues_Ignored(HttpContext context)
    {
        StringValues[] values =
        [
            (string?)null,
            "",
            new string?[] { null },
            new[] { "" },
            new[] { null, "" },
            new[] { null, "Value", "" },
        ];
        for (var i = 0; i < values.Length; i++)
        {
            context.Response.AppendTrailer(TrailerName + i.ToString(CultureInfo.InvariantCulture), values[i]);
        }
    }

    private async Task CompleteAsync(HttpContext context)
    {
        await context.Response.CompleteAsync();
        await Meeting.Wait(nameof(CompleteAsync));
    }

    private void CompleteAsync_Completed(HttpContext context) => Meeting.Arrive(nameof(CompleteAsync));
}
