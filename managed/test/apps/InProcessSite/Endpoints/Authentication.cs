// Who the user is, and how a handler turns one away.

using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Server.IIS;
using Microsoft.AspNetCore.Server.IISIntegration;

namespace Mews.TestApps.InProcessSite;

public sealed partial class Startup
{
    private async Task Auth(HttpContext context)
    {
        // The app registers no scheme; a server may.
        var schemes = context.RequestServices.GetService<IAuthenticationSchemeProvider>() is { } provider
            ? await provider.GetAllSchemesAsync()
            : [];
        var scheme = schemes.SingleOrDefault()?.Name ?? "null";
        await context.Response.WriteAsync(context.User.Identity?.Name is { } user ? $"{scheme}:{user}" : scheme);
    }

    private Task AuthenticationAnonymous(HttpContext context) =>
        context.Response.WriteAsync($"Anonymous?{!IsAuthenticated(context)}");

    private Task Anonymous(HttpContext context) => AuthenticationAnonymous(context);

    private Task AuthenticationRestricted(HttpContext context) => IsAuthenticated(context)
        ? context.Response.WriteAsync(context.User.Identity?.AuthenticationType ?? "")
        : context.ChallengeAsync(IISServerDefaults.AuthenticationScheme);

    private Task Restricted(HttpContext context) => IsAuthenticated(context)
        ? context.Response.WriteAsync(context.User.Identity?.AuthenticationType ?? "")
        : context.ChallengeAsync(IISDefaults.AuthenticationScheme);

    private Task AuthenticationForbidden(HttpContext context) => context.ForbidAsync(IISServerDefaults.AuthenticationScheme);

    private Task Forbidden(HttpContext context) => context.ForbidAsync(IISDefaults.AuthenticationScheme);

    private Task AuthenticationRestrictedNTLM(HttpContext context) => context.User.Identity?.AuthenticationType == "NTLM"
        ? context.Response.WriteAsync("NTLM")
        : context.ChallengeAsync(IISServerDefaults.AuthenticationScheme);

    private Task RestrictedNTLM(HttpContext context) => context.User.Identity?.AuthenticationType == "NTLM"
        ? context.Response.WriteAsync("NTLM")
        : context.ChallengeAsync(IISDefaults.AuthenticationScheme);

    private static bool IsAuthenticated(HttpContext context) => context.User.Identities.Any(identity => identity.IsAuthenticated);
}
