// The scheme "Windows": the host has signed the user in, or offers to.

using System.Security.Claims;
using System.Threading.Tasks;
using Mews.Server.Http;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;

namespace Mews.Server.Authentication;

/// <summary>Answers with the user that the host found, in both hosting models.</summary>
internal sealed class WindowsHandler : IAuthenticationHandler
{
    /// <summary>The scheme's name; IIS's own for both hosting models.</summary>
    internal const string Scheme = "Windows";

    private string _scheme = Scheme;
    private HttpContext? _context;

    public Task InitializeAsync(AuthenticationScheme scheme, HttpContext context)
    {
        _scheme = scheme.Name;
        _context = context;
        return Task.CompletedTask;
    }

    public Task<AuthenticateResult> AuthenticateAsync()
    {
        ClaimsPrincipal? user = _context?.Features.Get<ForwardedUser>()?.Principal ?? _context?.Features.Get<MewsHttpContext>()?.WindowsUser;
        return Task.FromResult(user is null
            ? AuthenticateResult.NoResult()
            : AuthenticateResult.Success(new AuthenticationTicket(user, _scheme)));
    }

    // The host adds the fields that say how to sign in.
    public Task ChallengeAsync(AuthenticationProperties? properties) => Answer(StatusCodes.Status401Unauthorized);

    public Task ForbidAsync(AuthenticationProperties? properties) => Answer(StatusCodes.Status403Forbidden);

    private Task Answer(int status)
    {
        if (_context is not null)
        {
            _context.Response.StatusCode = status;
        }

        return Task.CompletedTask;
    }
}
