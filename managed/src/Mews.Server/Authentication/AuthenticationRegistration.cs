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
    /// For an app inside the worker. Where users cannot sign in at the host there is no scheme, and the services are there for an app that
    /// knows of users only. The original has them always, at a price: WebApplication takes them for the app's own and puts its middleware
    /// into the pipeline, which opens a scope of services and looks for a scheme with each request.
    /// </summary>
    internal static void InProcess(IServiceCollection services, bool signIn)
    {
        bool asked = HasAsked(services);
        if (signIn || KnowsOfUsers(services))
        {
            services.AddAuthenticationCore();
        }

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

    // Authorization challenges through the authentication services, which an app of IIS need not have added.
    private static bool KnowsOfUsers(IServiceCollection services)
        => services.Any(static service => service.ServiceType.FullName is { } name
            && (name.StartsWith("Microsoft.AspNetCore.Authentication.", StringComparison.Ordinal)
                || name.StartsWith("Microsoft.AspNetCore.Authorization.", StringComparison.Ordinal)));

    private static bool HasAsked(IServiceCollection services)
        => services.Any(static service => string.Equals(service.ServiceType.FullName, AskedFor, StringComparison.Ordinal));
}
