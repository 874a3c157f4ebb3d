// What the app sees of a request's line, headers and connection.

using System.Globalization;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.HttpSys;
using Microsoft.Extensions.Primitives;

namespace Mews.TestApps.InProcessSite;

public sealed partial class Startup
{
    private Task HelloWorld(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "";
        return context.Response.WriteAsync(
            path.StartsWith("/Path", StringComparison.Ordinal) ? path
            : path.StartsWith("/Query", StringComparison.Ordinal) ? context.Request.QueryString.Value ?? ""
            : "Hello World");
    }

    private Task Path(HttpContext context) => context.Response.WriteAsync(context.Request.Path.Value ?? "");

    private Task Query(HttpContext context) => context.Response.WriteAsync(context.Request.QueryString.Value ?? "");

    private Task RequestPath(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "";
        context.Request.Headers.ContentLength = path.Length;
        Check.Equal(path.Length, context.Request.ContentLength);
        return context.Response.WriteAsync(path);
    }

    private Task PathAndPathBase(HttpContext context) =>
        context.Response.WriteAsync($"PathBase: {context.Request.PathBase.Value}; Path: {context.Request.Path.Value}");

    private Task CheckProtocol(HttpContext context) => context.Response.WriteAsync(context.Request.Protocol);

    private Task HttpsHelloWorld(HttpContext context) =>
        context.Response.WriteAsync($"Scheme:{context.Request.Scheme}; Original:{context.Request.Headers["x-original-proto"]}");

    private Task GetClientCert(HttpContext context) =>
        context.Response.WriteAsync(context.Connection.ClientCertificate is { } certificate
            ? $"Enabled;{certificate.GetCertHashString()}"
            : "Disabled");

    private Task ServerVariable(HttpContext context)
    {
        var name = context.Request.Query["q"].ToString();
        if (context.Request.Query["v"] is [{ } value, ..])
        {
            context.Features.GetRequiredFeature<IServerVariablesFeature>()[name] = value;
        }

        return context.Response.WriteAsync($"{name}: {context.GetServerVariable(name) ?? "(null)"}");
    }

    private async Task GetServerVariableStress(HttpContext context)
    {
        await context.Response.WriteAsync("Response Begin");
        for (var i = 0; i < 1000; i++)
        {
            await context.Response.WriteAsync(context.GetServerVariable("REMOTE_PORT") ?? "");
            await context.Response.Body.FlushAsync();
        }

        await context.Response.WriteAsync("Response End");
    }

    private Task BodyLimit(HttpContext context) =>
        context.Response.WriteAsync(
            context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize?.ToString(CultureInfo.InvariantCulture) ?? "null");

    private Task UpgradeFeatureDetection(HttpContext context) =>
        context.Response.WriteAsync(context.Features.Get<IHttpUpgradeFeature>() is null ? "Disabled" : "Enabled");

    private Task HttpSysRequestTimingInfo(HttpContext context)
    {
        var timing = context.Features.Get<IHttpSysRequestTimingFeature>()
            ?? throw new NotSupportedException($"The server has no {nameof(IHttpSysRequestTimingFeature)}.");
        return context.Response.WriteAsJsonAsync(timing.Timestamps.ToArray());
    }

    private Task TestRequestHeaders(HttpContext context) =>
        context.Response.WriteAsync(RequestHeadersFault(context.Request) is { } fault ? $"Failure: {fault}" : "Success");

    // Add, which the analyzer advises against because it throws for a header that is there, is what is tested.
#pragma warning disable ASP0019
    private static string? RequestHeadersFault(HttpRequest request)
    {
        var headers = request.Headers;
        foreach (var name in new[] { "X-Absent", "Content-Type" })
        {
            if (headers[name].Count != 0)
            {
                return $"{name} indexer";
            }

            if (headers.TryGetValue(name, out var found) || found.Count != 0)
            {
                return $"{name} TryGetValue";
            }

            foreach (var nothing in new[] { default, StringValues.Empty })
            {
                headers.Add(name, "value");
                if (headers[name] != "value")
                {
                    return $"{name} Add";
                }

                try
                {
                    headers.Add(name, "again");
                    return $"{name} Add twice";
                }
                catch (ArgumentException)
                {
                    // What a second Add must do.
                }

                headers[name] = nothing;
                if (headers.ContainsKey(name))
                {
                    return $"{name} set to nothing";
                }
            }
        }

        if (request.ContentType is not null)
        {
            return "ContentType absent";
        }

        request.ContentType = "text/plain";
        if (request.ContentType != "text/plain" || headers.ContentType != "text/plain")
        {
            return "ContentType set";
        }

        request.ContentType = null;
        return request.ContentType is null && !headers.ContainsKey("Content-Type") ? null : "ContentType removed";
    }
#pragma warning restore ASP0019

    private void Latin1(HttpContext context) => Check.Equal("\u00a3", context.Request.Headers["foo"].ToString());

    private void InvalidCharacter(HttpContext context) => Check.Equal("\ufffd", context.Request.Headers["foo"].ToString());

    private Task TransferEncodingHeadersWithMultipleValues(HttpContext context) => OrFailureText(context, () =>
    {
        Check.True(context.Features.GetRequiredFeature<IHttpRequestBodyDetectionFeature>().CanHaveBody);
        Check.Equal("gzip, chunked", context.Request.Headers.TransferEncoding.ToString());
    });

    private Task TransferEncodingAndContentLengthShouldBeRemove(HttpContext context) => OrFailureText(context, () =>
    {
        Check.True(context.Features.GetRequiredFeature<IHttpRequestBodyDetectionFeature>().CanHaveBody);
        Check.Equal("gzip, chunked", context.Request.Headers.TransferEncoding.ToString());
        Check.True(!context.Request.Headers.ContainsKey("Content-Length"));
        Check.Equal("5", context.Request.Headers["X-Content-Length"].ToString());
    });

    private static async Task OrFailureText(HttpContext context, Action checks, string suffix = "")
    {
        try
        {
            checks();
        }
        catch (Exception failure)
        {
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
            await context.Response.WriteAsync(failure + suffix);
        }
    }
}
