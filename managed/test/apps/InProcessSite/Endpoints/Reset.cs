// Streams that the app resets, or that reset because it fails. Each *_Complete endpoint waits for its partner and
// fails when the partner has failed, because the partner's own client sees a reset either way.

using Microsoft.AspNetCore.Http.Features;

namespace Mews.TestApps.InProcessSite;

public sealed partial class Startup
{
    private const int ResetCode = 1111;

    private void AppException_BeforeResponseHeaders_500(HttpContext context) => throw new Exception("thrown before the head");

    private Task AppException_AfterHeaders_PriorOSVersions_ResetCancel(HttpContext context) => FlushAndThrow(context);

    private Task AppException_AfterHeaders_ResetInternalError(HttpContext context) => FlushAndThrow(context);

    private Task Reset_PriorOSVersions_NotSupported(HttpContext context) => NoResetFeature(context);

    private Task Reset_Http1_NotSupported(HttpContext context) => NoResetFeature(context);

    private Task Reset_BeforeResponse_Resets(HttpContext context) => Meeting.Report(nameof(Reset_BeforeResponse_Resets), () =>
    {
        ResetFeature(context).Reset(ResetCode);
        return Task.CompletedTask;
    });

    private Task Reset_BeforeResponse_Resets_Complete(HttpContext context) => Meeting.Wait(nameof(Reset_BeforeResponse_Resets));

    private Task Reset_BeforeResponse_Zero_Resets(HttpContext context) => Meeting.Report(nameof(Reset_BeforeResponse_Zero_Resets), () =>
    {
        ResetFeature(context).Reset(0);
        return Task.CompletedTask;
    });

    private Task Reset_BeforeResponse_Resets_Zero_Complete(HttpContext context) => Meeting.Wait(nameof(Reset_BeforeResponse_Zero_Resets));

    private Task Reset_AfterResponseHeaders_Resets(HttpContext context) => Meeting.Report(nameof(Reset_AfterResponseHeaders_Resets), async () =>
    {
        var reset = ResetFeature(context);
        await context.Response.Body.FlushAsync();
        reset.Reset(ResetCode);
    });

    private Task Reset_AfterResponseHeaders_Resets_Complete(HttpContext context) => Meeting.Wait(nameof(Reset_AfterResponseHeaders_Resets));

    private Task Reset_DuringResponseBody_Resets(HttpContext context) => Meeting.Report(nameof(Reset_DuringResponseBody_Resets), async () =>
    {
        var reset = ResetFeature(context);
        await context.Response.WriteAsync("Hello World");
        await context.Response.Body.FlushAsync();
        reset.Reset(ResetCode);
    });

    private Task Reset_DuringResponseBody_Resets_Complete(HttpContext context) => Meeting.Wait(nameof(Reset_DuringResponseBody_Resets));

    private Task Reset_BeforeRequestBody_Resets(HttpContext context) => Meeting.Report(nameof(Reset_BeforeRequestBody_Resets), async () =>
    {
        var reset = ResetFeature(context);
        var read = context.Request.Body.ReadAsync(new byte[10]).AsTask();
        reset.Reset(ResetCode);
        await Check.ThrowsAsync<IOException>(read);
    });

    private Task Reset_BeforeRequestBody_Resets_Complete(HttpContext context) => Meeting.Wait(nameof(Reset_BeforeRequestBody_Resets));

    private Task Reset_DuringRequestBody_Resets(HttpContext context) => Meeting.Report(nameof(Reset_DuringRequestBody_Resets), async () =>
    {
        var reset = ResetFeature(context);
        await context.Request.Body.ReadExactlyAsync(new byte[10]);
        var read = context.Request.Body.ReadAsync(new byte[10]).AsTask();
        reset.Reset(ResetCode);
        await Check.ThrowsAsync<IOException>(read);
    });

    private Task Reset_DuringRequestBody_Resets_Complete(HttpContext context) => Meeting.Wait(nameof(Reset_DuringRequestBody_Resets));

    private async Task Reset_AfterCompleteAsync_NoReset(HttpContext context)
    {
        var reset = ResetFeature(context);
        await context.Response.WriteAsync("Hello World");
        await context.Response.CompleteAsync();

        // The response has ended and there is no request body: nothing is left to reset.
        reset.Reset(ResetCode);
    }

    private async Task Reset_CompleteAsyncDuringRequestBody_Resets(HttpContext context)
    {
        var reset = ResetFeature(context);
        await context.Request.Body.ReadExactlyAsync(new byte[10]);
        var read = context.Request.Body.ReadAsync(new byte[10]).AsTask();
        await context.Response.CompleteAsync();

        // What gRPC does: the answer is complete, and the rest of the request is not wanted.
        reset.Reset(0);
        await Check.ThrowsAsync<IOException>(read);
    }

    private static IHttpResetFeature ResetFeature(HttpContext context) => context.Features.GetRequiredFeature<IHttpResetFeature>();

    private static async Task FlushAndThrow(HttpContext context)
    {
        await context.Response.Body.FlushAsync();
        throw new Exception("thrown after the head");
    }

    private static Task NoResetFeature(HttpContext context)
    {
        Check.True(context.Features.Get<IHttpResetFeature>() is null);
        return context.Response.WriteAsync("Hello World");
    }
}
