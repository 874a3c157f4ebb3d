// An application's folder may be a link that is switched to a new release. What ASP.NET Core tells applications apart by, for
// cookies and the like, is the content root; it must not change with each release.

using System;
using Microsoft.AspNetCore.DataProtection.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Mews.Server.Hosting;

/// <summary>Lets data protection know an application by the link to its folder rather than by the folder behind it.</summary>
internal static class NamedFolder
{
    /// <summary>The runtime property with the folder as it was named; absent where it is no link.</summary>
    private const string Property = "MEWS_NAMED_FOLDER";
    private const string DefaultImplementation = "Microsoft.AspNetCore.DataProtection.Internal.HostingApplicationDiscriminator";

    /// <summary>Registers it, unless the application tells itself apart in its own way. A name that the app sets counts more.</summary>
    internal static void Apply(IServiceCollection services, string physicalPath)
    {
        if (AppContext.GetData(Property) is string named)
        {
            // Apart: an app without data protection may lack its assembly.
            Register(services, named, physicalPath);
        }
    }

    private static void Register(IServiceCollection services, string named, string physicalPath)
    {
        foreach (ServiceDescriptor descriptor in services)
        {
            if (descriptor.ServiceType == typeof(IApplicationDiscriminator)
                && (descriptor.IsKeyedService || descriptor.ImplementationType?.FullName != DefaultImplementation))
            {
                return;
            }
        }

        services.AddSingleton<IApplicationDiscriminator>(provider =>
            new Discriminator(provider.GetRequiredService<IHostEnvironment>().ContentRootPath, named, physicalPath));
    }

    private sealed class Discriminator(string contentRoot, string named, string physicalPath) : IApplicationDiscriminator
    {
        /// <summary>As ASP.NET Core would make it for a folder of that name; an app with another content root keeps that.</summary>
        string? IApplicationDiscriminator.Discriminator
        {
            get
            {
                string root = contentRoot.TrimEnd('/');
                return (root == physicalPath.TrimEnd('/') ? named.TrimEnd('/') : root) + "/";
            }
        }
    }
}
