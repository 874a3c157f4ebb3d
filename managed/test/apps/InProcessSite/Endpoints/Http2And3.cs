// What only HTTP/2 and HTTP/3 requests can be asked.

using System.Globalization;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.TestApps.InProcessSite;

public sealed partial class Startup
{
    private void Http2_MethodsRequestWithoutData_Success(HttpContext context)
    {
        Check.Equal("HTTP/2", context.Request.Protocol);
        Check.True(!CanHaveBody(context));
        Check.True(context.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true });
        Check.Equal(null, context.Request.ContentLength);
        Check.True(!context.Request.Headers.ContainsKey("Transfer-Encoding"));
    }

    private Task Http2_RequestWithDataAndContentLength_Success(HttpContext context)
    {
        Check.Equal("HTTP/2", context.Request.Protocol);
        Check.True(CanHaveBody(context));
        Check.Equal(11, context.Request.ContentLength);
        Check.True(!context.Request.Headers.ContainsKey("Transfer-Encoding"));
        return context.Request.Body.CopyToAsync(context.Response.Body);
    }

    private Task Http2_RequestWithDataAndNoContentLength_Success(HttpContext context)
    {
        Check.Equal("HTTP/2", context.Request.Protocol);
        Check.True(CanHaveBody(context));
        Check.Equal(null, context.Request.ContentLength);

        // HTTP.sys adds this header, for apps that look for it to know of a body; servers that are not built on it do not.
        Check.True(context.Request.Headers.TransferEncoding.ToString() is "chunked" or "");
        return context.Request.Body.CopyToAsync(context.Response.Body);
    }

    private Task Http2_ResponseWithData_Success(HttpContext context)
    {
        Check.Equal("HTTP/2", context.Request.Protocol);
        return context.Response.WriteAsync("Hello World");
    }

    private Task Http3_Direct(HttpContext context)
    {
        Check.True(context.Request.IsHttps);
        return context.Response.WriteAsync(context.Request.Protocol);
    }

    private Task Http3_AltSvcHeader_UpgradeFromHttp1(HttpContext context) => OfferHttp3(context);

    private Task Http3_AltSvcHeader_UpgradeFromHttp2(HttpContext context) => OfferHttp3(context);

    private async Task Http3_ResponseTrailers(HttpContext context)
    {
        Check.True(context.Request.IsHttps);
        await context.Response.WriteAsync(context.Request.Protocol);
        context.Response.AppendTrailer("custom", "value");
    }

    private void Http3_ResetBeforeHeaders(HttpContext context)
    {
        Check.True(context.Request.IsHttps);
        ResetFeature(context).Reset(0x010b); // H3_REQUEST_REJECTED
    }

    private async Task Http3_ResetAfterHeaders(HttpContext context)
    {
        Check.True(context.Request.IsHttps);
        await context.Response.Body.FlushAsync();
        await Meeting.Wait(nameof(Http3_ResetAfterHeaders));
        ResetFeature(context).Reset(0x010c); // H3_REQUEST_CANCELLED
    }

    private void Http3_ResetAfterHeaders_SetResult(HttpContext context) => Meeting.Arrive(nameof(Http3_ResetAfterHeaders));

    private async Task Http3_AppExceptionAfterHeaders_InternalError(HttpContext context)
    {
        await context.Response.Body.FlushAsync();
        await Meeting.Wait(nameof(Http3_AppExceptionAfterHeaders_InternalError));
        throw new Exception("thrown after the head");
    }

    private void Http3_AppExceptionAfterHeaders_InternalError_SetResult(HttpContext context) =>
        Meeting.Arrive(nameof(Http3_AppExceptionAfterHeaders_InternalError));

    private void Http3_Abort_Cancel(HttpContext context) => context.Abort();

    private static bool CanHaveBody(HttpContext context) =>
        context.Features.GetRequiredFeature<IHttpRequestBodyDetectionFeature>().CanHaveBody;

    private static Task OfferHttp3(HttpContext context)
    {
        Check.True(context.Request.IsHttps);
        context.Response.Headers.AltSvc = $"h3=\":{context.Connection.LocalPort.ToString(CultureInfo.InvariantCulture)}\"";
        return context.Response.WriteAsync(context.Request.Protocol);
    }
}
