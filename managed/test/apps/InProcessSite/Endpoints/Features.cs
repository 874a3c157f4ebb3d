// Feature interfaces whose properties an app may set.

using System.Net;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.TestApps.InProcessSite;

public sealed partial class Startup
{
    private Task FeatureCollectionSetRequestFeatures(HttpContext context) => SuccessOrFailure(context, () =>
    {
        var feature = context.Features.GetRequiredFeature<IHttpRequestFeature>();

        Check.Equal("GET", feature.Method);
        feature.Method = "test";
        Check.Equal("test", feature.Method);

        Check.Equal("http", feature.Scheme);
        feature.Scheme = "test";
        Check.Equal("test", feature.Scheme);

        Check.True(feature.PathBase.EndsWith("/" + nameof(FeatureCollectionSetRequestFeatures), StringComparison.Ordinal));
        feature.PathBase = "/base";
        Check.Equal("/base", feature.PathBase);

        Check.Equal("/path", feature.Path);
        feature.Path = "/test";
        Check.Equal("/test", feature.Path);

        Check.Equal("?query", feature.QueryString);
        feature.QueryString = "?test";
        Check.Equal("?test", feature.QueryString);

        Check.Equal("HTTP/1.1", feature.Protocol);
        feature.Protocol = "HTTP/1.0";
        Check.Equal("HTTP/1.0", feature.Protocol);

        var headers = new HeaderDictionary { ["X-Replaced"] = "value" };
        feature.Headers = headers;
        Check.True(ReferenceEquals(headers, feature.Headers));
        Check.Equal("value", context.Request.Headers["X-Replaced"].ToString());

        var body = new MemoryStream();
        feature.Body = body;
        Check.True(ReferenceEquals(body, feature.Body));
        Check.True(ReferenceEquals(body, context.Request.Body));
    });

    private Task FeatureCollectionSetResponseFeatures(HttpContext context) => SuccessOrFailure(context, () =>
    {
        var feature = context.Features.GetRequiredFeature<IHttpResponseFeature>();

        Check.Equal(200, feature.StatusCode);
        feature.StatusCode = 404;
        Check.Equal(404, feature.StatusCode);
        feature.StatusCode = 200;

        Check.Equal<string?>(null, feature.ReasonPhrase);
        feature.ReasonPhrase = "Set In Test";
        Check.Equal("Set In Test", feature.ReasonPhrase);
        feature.ReasonPhrase = null;

        var originalHeaders = feature.Headers;
        var headers = new HeaderDictionary { ["X-Replaced"] = "value" };
        feature.Headers = headers;
        Check.True(ReferenceEquals(headers, feature.Headers));
        Check.Equal("value", context.Response.Headers["X-Replaced"].ToString());
        feature.Headers = originalHeaders;

        var originalBody = context.Response.Body;
        var body = new MemoryStream();
        context.Response.Body = body;
        Check.True(ReferenceEquals(body, context.Response.Body));
        context.Response.Body = originalBody;
        Check.True(ReferenceEquals(originalBody, context.Response.Body));
    });

    private Task FeatureCollectionSetConnectionFeatures(HttpContext context) => SuccessOrFailure(context, () =>
    {
        var feature = context.Features.GetRequiredFeature<IHttpConnectionFeature>();

        Check.True(feature.LocalIpAddress is { } local && IPAddress.IsLoopback(local));
        feature.LocalIpAddress = IPAddress.IPv6Any;
        Check.Equal(IPAddress.IPv6Any, feature.LocalIpAddress);

        Check.True(feature.RemoteIpAddress is { } remote && IPAddress.IsLoopback(remote));
        feature.RemoteIpAddress = IPAddress.IPv6Any;
        Check.Equal(IPAddress.IPv6Any, feature.RemoteIpAddress);

        feature.LocalPort = 1;
        Check.Equal(1, feature.LocalPort);
        feature.RemotePort = 2;
        Check.Equal(2, feature.RemotePort);
        feature.ConnectionId = "connection";
        Check.Equal("connection", feature.ConnectionId);
    });

    private static async Task SuccessOrFailure(HttpContext context, Action checks)
    {
        await OrFailureText(context, checks, suffix: "_Failure");
        if (context.Response.StatusCode == StatusCodes.Status200OK)
        {
            await context.Response.WriteAsync("Success");
        }
    }
}
