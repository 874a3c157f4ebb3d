// Takes the user out of a forwarded request. Runs behind the framework's own middleware, which has checked the pairing token, and checks it
// again: an app may have been built without that middleware.

using System;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Mews.Server.Authentication;

/// <summary>Puts a middleware before the app's own.</summary>
internal sealed class ForwardedUserFilter(string token, IOptions<IISOptions> options) : IStartupFilter
{
    private const string TokenHeader = "MS-ASPNETCORE-TOKEN";
    private const string UserHeader = "MS-ASPNETCORE-USER";

    private readonly byte[] _token = Encoding.UTF8.GetBytes(token);
    private readonly bool _automatic = options.Value.AutomaticAuthentication;

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(Invoke);
        next(app);
    };

    private async Task Invoke(HttpContext context, RequestDelegate next)
    {
        StringValues records = context.Request.Headers[UserHeader];
        context.Request.Headers.Remove(UserHeader);
        ClaimsPrincipal? user = records.Count == 1 && IsPaired(context) ? Read(records.ToString()) : null;
        if (user is not null)
        {
            var forwarded = new ForwardedUser(user);
            context.Features.Set(forwarded);
            if (_automatic)
            {
                AuthenticateResult result = await context.AuthenticateAsync(WindowsHandler.Scheme);
                if (result.Principal is { } principal)
                {
                    // Whoever authenticates again gets the transformed one, which the framework does not transform twice.
                    forwarded.Principal = principal;
                    context.User = principal;
                }
            }
        }

        await next(context);
    }

    private bool IsPaired(HttpContext context)
    {
        StringValues sent = context.Request.Headers[TokenHeader];
        return sent.Count == 1 && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(sent.ToString()), _token);
    }

    private static ClaimsPrincipal? Read(string records)
    {
        byte[] bytes = new byte[records.Length];
        return Convert.TryFromBase64String(records, bytes, out int count) ? UserRecords.Read(bytes.AsSpan(0, count)) : null;
    }
}
