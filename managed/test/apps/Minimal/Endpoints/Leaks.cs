// What one request leaves behind for the next. A server that reuses contexts and threads must clean both:
// /ctx marks every place it can reach, /context-leak-check reports the marks that a later request finds.

using System.Security.Claims;

namespace Mews.TestApps.Minimal.Endpoints;

/// <summary>The marking middleware and the endpoint that looks for marks.</summary>
public static class Leaks
{
    private const string Mark = "left by /ctx";

    private static readonly AsyncLocal<string?> s_asyncLocal = new();

    private sealed record MarkFeature(string Value);

    /// <summary>
    /// Marks the context of a request to <c>/ctx</c>. It is a plain delegate and no async method, because an async method
    /// would put the execution context back itself and hide a server that does not.
    /// </summary>
    public static void UseContextMarks(this IApplicationBuilder app) => app.Use(next => context =>
    {
        if (context.Request.Path == "/ctx")
        {
            s_asyncLocal.Value = Mark;
            Thread.CurrentThread.CurrentCulture = new System.Globalization.CultureInfo("") { NumberFormat = { NumberDecimalSeparator = "#" } };
            context.Items["mark"] = Mark;
            context.Features.Set(new MarkFeature(Mark));
            context.User = new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.Name, Mark)], "mark"));
            context.TraceIdentifier = Mark;
            context.Response.Headers["X-Mark"] = Mark;
            context.Response.StatusCode = StatusCodes.Status202Accepted;
        }

        return next(context);
    });

    /// <summary>Maps the endpoints of this file.</summary>
    public static void MapLeaks(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/ctx", (RequestDelegate)(context => context.Response.WriteAsync("marked")));
        routes.MapGet("/context-leak-check", (HttpContext context) =>
        {
            string[] leaks =
            [
                .. Leak("AsyncLocal", s_asyncLocal.Value is not null),
                .. Leak("Culture", (1.5).ToString().Contains('#')),
                .. Leak("Items", context.Items.ContainsKey("mark")),
                .. Leak("Features", context.Features.Get<MarkFeature>() is not null),
                .. Leak("User", context.User.Identity?.Name is not null),
                .. Leak("TraceIdentifier", context.TraceIdentifier == Mark),
                .. Leak("Response.Headers", context.Response.Headers.ContainsKey("X-Mark")),
                .. Leak("Response.StatusCode", context.Response.StatusCode != StatusCodes.Status200OK),
            ];
            return new { clean = leaks.Length == 0, leaks };
        });
    }

    private static string[] Leak(string place, bool found) => found ? [place] : [];
}
