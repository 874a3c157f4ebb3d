// The way into WebApplication and the generic host: our registration comes after all of the app's.

using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Mews.Server.Hosting;

/// <summary>Adds the server to a generic host that has a web part.</summary>
internal static class GenericHostEntry
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void OnHostBuilding(object payload)
    {
        if (payload is IHostBuilder builder)
        {
            builder.ConfigureServices(static (_, services) => OnConfigureServices(services));
        }
    }

    private static void OnConfigureServices(IServiceCollection services)
    {
        if (HasWebServer(services))
        {
            Entry.Apply(services);
        }
    }

    // By name and not by type: in a host without a web part the ASP.NET Core assemblies may not even be there.
    private static bool HasWebServer(IServiceCollection services)
    {
        for (int i = services.Count - 1; i >= 0; i--)
        {
            ServiceDescriptor descriptor = services[i];
            if (descriptor.ServiceType.FullName == "Microsoft.AspNetCore.Hosting.Server.IServer"
                || (!descriptor.IsKeyedService && descriptor.ImplementationType?.FullName == "Microsoft.AspNetCore.Hosting.GenericWebHostService"))
            {
                return true;
            }
        }

        return false;
    }
}
