// Adds a role to whoever is authenticated through the framework, and counts how often it was asked in one request.

using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;

namespace Mews.TestApps.SignIn;

/// <summary>The app's claims transformation.</summary>
public sealed class AddRole(IHttpContextAccessor accessor) : IClaimsTransformation
{
    /// <summary>The principal with one role more.</summary>
    public Task<ClaimsPrincipal> TransformAsync(ClaimsPrincipal principal)
    {
        ArgumentNullException.ThrowIfNull(principal);
        var context = accessor.HttpContext!;
        var count = 1 + (context.Items.TryGetValue("transformed", out var before) ? (int)before! : 0);
        context.Items["transformed"] = count;
        var identity = new ClaimsIdentity(principal.Identity);
        identity.AddClaim(new Claim(ClaimTypes.Role, "transformed"));
        identity.AddClaim(new Claim("transformations", count.ToString(CultureInfo.InvariantCulture)));
        return Task.FromResult(new ClaimsPrincipal(identity));
    }
}
