// The same startup hook in a process that the worker forwards to: it brings nothing but the users along.

using System;
using System.Linq;
using Mews.Server.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Mews.Server.Hosting;

/// <summary>Prepares an app that runs in a process of its own for users who sign in at the host.</summary>
internal static class ForwardedEntry
{
    private const string Hooks = "DOTNET_STARTUP_HOOKS";
    private const string Token = "ASPNETCORE_TOKEN";

    private static string s_token = string.Empty;

    /// <summary>Whether this is such a process.</summary>
    internal static bool Applies => s_token.Length != 0;

    /// <summary>
    /// Takes what the worker has put into the environment, so that children of the app do not inherit it; false when the process is
    /// not a worker's.
    /// </summary>
    internal static bool Enter()
    {
        s_token = Environment.GetEnvironmentVariable(Token) ?? string.Empty;
        string[] hooks = (Environment.GetEnvironmentVariable(Hooks) ?? string.Empty).Split(':');
        string ours = typeof(ForwardedEntry).Assembly.Location;
        string others = string.Join(':', hooks.Where(hook => hook != ours));
        Environment.SetEnvironmentVariable(Hooks, others.Length == 0 ? null : others);
        return Applies;
    }

    /// <summary>Registers what belongs to the users. Harmless when called twice for the same services.</summary>
    internal static void Apply(IServiceCollection services)
    {
        if (services.Any(static service => service.ServiceType == typeof(Marker)))
        {
            return;
        }

        services.AddSingleton<Marker>();
        AuthenticationRegistration.OutOfProcess(services);
        services.AddSingleton<IStartupFilter>(static provider
            => new ForwardedUserFilter(s_token, provider.GetRequiredService<IOptions<IISOptions>>()));
        HostingStartupVariable.Restore();
    }

    private sealed class Marker;
}
