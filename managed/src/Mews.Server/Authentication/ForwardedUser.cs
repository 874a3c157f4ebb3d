// The user of a request that was forwarded to this process.

using System.Security.Claims;

namespace Mews.Server.Authentication;

/// <summary>A feature of requests whose user has signed in at the host.</summary>
internal sealed class ForwardedUser(ClaimsPrincipal principal)
{
    /// <summary>The user; after the app's claims transformation once that has run.</summary>
    internal ClaimsPrincipal Principal { get; set; } = principal;
}
