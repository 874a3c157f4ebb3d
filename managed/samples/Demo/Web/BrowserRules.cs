// What browsers are told, and what they are not allowed to do on behalf of another site.

namespace Mews.Samples.Demo.Web;

/// <summary>Response headers for every page, and a refusal of changes that another site asks for.</summary>
public static class BrowserRules
{
    /// <summary>Adds both to the pipeline.</summary>
    public static void UseBrowserRules(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";

        // Browsers say where a request comes from; other clients say nothing and are let through.
        if (!HttpMethods.IsGet(context.Request.Method)
            && !HttpMethods.IsHead(context.Request.Method)
            && context.Request.Headers["Sec-Fetch-Site"].ToString() is not ("" or "same-origin" or "none"))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return Task.CompletedTask;
        }

        return next(context);
    });
}
