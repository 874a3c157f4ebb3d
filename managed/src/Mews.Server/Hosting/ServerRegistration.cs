// Puts our server in the place of the one the app has registered, and what belongs to it beside it.

using System;
using System.Reflection;
using Mews.Server.Authentication;
using Mews.Server.Interop;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Mews.Server.Hosting;

/// <summary>Changes the services of a web host that is being built.</summary>
internal static class ServerRegistration
{
    /// <summary>Registers the server. Harmless when called twice for the same services.</summary>
    /// <exception cref="InvalidOperationException">The app insists on a server that cannot run in a worker process.</exception>
    internal static void Apply(IServiceCollection services)
    {
        ServiceDescriptor? current = null;
        for (int i = services.Count - 1; i >= 0 && current is null; i--)
        {
            if (services[i].ServiceType == typeof(IServer) && !services[i].IsKeyedService)
            {
                current = services[i];
            }
        }

        if (current?.ImplementationType == typeof(MewsServer))
        {
            return;
        }

        if (current is not null && !MayBeReplaced(current))
        {
            throw WrongServer(ServerName(current));
        }

        services.AddSingleton<IServer, MewsServer>();
        services.AddTransient<IStartupFilter, ServerCheck>();
        // First of all configurations: what the app sets afterwards wins.
        services.Insert(0, ServiceDescriptor.Singleton<IConfigureOptions<IISServerOptions>>(new OptionsSeed()));
        AuthenticationRegistration.InProcess(services, HostFacts.Read().SignIn);
        NamedFolder.Apply(services, PhysicalPath());
        HostingStartupVariable.Restore();
    }

    /// <summary>The failure of an app whose server is not ours; also reported to the operator.</summary>
    internal static InvalidOperationException WrongServer(string name)
    {
        string text = "The application is running inside a Mews worker process but is not configured to use the Mews server: it registers "
            + name + " as its IServer. Remove that registration, or use the out-of-process hosting model.";
        Native.Report(ReportKind.CannotBeHosted, text);
        return new InvalidOperationException(text);
    }

    private static unsafe string PhysicalPath() => Native.Text(Native.Info->physical_path, Native.Info->physical_path_len);

    private static bool MayBeReplaced(ServiceDescriptor descriptor)
    {
        string assembly = ImplementationAssembly(descriptor)?.GetName().Name ?? string.Empty;
        return assembly is "Microsoft.AspNetCore.Server.Kestrel.Core" or "Microsoft.AspNetCore.Server.Kestrel"
            or "Microsoft.AspNetCore.Server.IIS" or "Microsoft.AspNetCore.Server.HttpSys";
    }

    private static Assembly? ImplementationAssembly(ServiceDescriptor descriptor)
        => (descriptor.ImplementationType ?? descriptor.ImplementationInstance?.GetType())?.Assembly
            ?? descriptor.ImplementationFactory?.Method.Module.Assembly;

    private static string ServerName(ServiceDescriptor descriptor)
        => (descriptor.ImplementationType ?? descriptor.ImplementationInstance?.GetType())?.FullName
            ?? "a factory in " + (descriptor.ImplementationFactory?.Method.DeclaringType?.FullName ?? "an unknown type");

    /// <summary>Gives the options the host's own body limit to begin with.</summary>
    private sealed class OptionsSeed : IConfigureOptions<IISServerOptions>
    {
        public unsafe void Configure(IISServerOptions options)
        {
            long limit = Native.Info->max_request_body_size;
            options.MaxRequestBodySize = limit < 0 ? null : limit;
        }
    }
}
