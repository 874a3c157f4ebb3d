// Authentication services of an app whose users sign in at the host.

using System;
using System.Linq;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Mews.Server.Authentication;

/// <summary>Adds them after all of the app's own services.</summary>
internal static class AuthenticationRegistration
{
    private const string AskedFor = "Microsoft.AspNetCore.Authentication.IAuthenticationConfigurationProvider";

    /// <summary>
    /// For an app inside the worker. Where users cannot sign in at the host there are the services all the same, as in the original, and
    /// no scheme.
    /// </summary>
    internal static void InProcess(IServiceCollection services, bool signIn)
    {
        bool asked = HasAsked(services);
        services.AddAuthenticationCore();
        services.AddSingleton<IServerIntegratedAuth>(new IntegratedAuth(signIn));
        if (!signIn)
        {
            return;
        }

        Replace(services);
        services.AddOptions<WindowsSchemesOptions>().Configure<IOptions<IISServerOptions>>((ours, server) =>
        {
            ours.Add = true;
            ours.DisplayName = server.Value.AuthenticationDisplayName;
            ours.MayBeDefault = asked;
        });
    }

    /// <summary>For an app that requests are forwarded to. Its claims transformation runs with every request, as in the original.</summary>
    internal static void OutOfProcess(IServiceCollection services)
    {
        services.AddAuthenticationCore();
        Replace(services);
        services.Configure<WindowsSchemesOptions>(static ours => ours.MayBeDefault = true);
    }

    // An app that brings a provider of its own knows what it does, and keeps it.
    private static void Replace(IServiceCollection services)
    {
        ServiceDescriptor? provider = services.LastOrDefault(static service => service.ServiceType == typeof(IAuthenticationSchemeProvider));
        if (provider?.ImplementationType == typeof(AuthenticationSchemeProvider))
        {
            services.AddSingleton<IAuthenticationSchemeProvider, WindowsSchemes>();
        }
    }

    private static bool HasAsked(IServiceCollection services)
        => services.Any(static service => string.Equals(service.ServiceType.FullName, AskedFor, StringComparison.Ordinal));
}
