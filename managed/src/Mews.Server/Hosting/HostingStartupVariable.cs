// The environment variable that makes the old WebHostBuilder load our hosting startup: it raises no event we could listen to.

using System;
using System.Reflection;
using System.Runtime.Loader;

namespace Mews.Server.Hosting;

/// <summary>Sets the variable while hosts are built, and takes it back so that children of the app do not inherit it.</summary>
internal static class HostingStartupVariable
{
    internal const string Name = "ASPNETCORE_HOSTINGSTARTUPASSEMBLIES";
    private const string AssemblyName = "Mews.Server";

    private static readonly object s_gate = new();
    private static string? s_former;
    private static bool s_set;

    /// <summary>Adds our assembly to the list and makes it loadable by name.</summary>
    internal static void Set()
    {
        AssemblyLoadContext.Default.Resolving += Resolve;
        lock (s_gate)
        {
            s_former = Environment.GetEnvironmentVariable(Name);
            Environment.SetEnvironmentVariable(Name, string.IsNullOrEmpty(s_former) ? AssemblyName : s_former + ";" + AssemblyName);
            s_set = true;
        }
    }

    /// <summary>Puts the variable back; once, and only if nobody has changed it since.</summary>
    internal static void Restore()
    {
        lock (s_gate)
        {
            if (!s_set)
            {
                return;
            }

            s_set = false;
            string ours = string.IsNullOrEmpty(s_former) ? AssemblyName : s_former + ";" + AssemblyName;
            if (Environment.GetEnvironmentVariable(Name) == ours)
            {
                Environment.SetEnvironmentVariable(Name, s_former);
            }
        }
    }

    // The app's own probing does not know our folder.
    private static Assembly? Resolve(AssemblyLoadContext context, AssemblyName name)
        => name.Name == AssemblyName ? typeof(HostingStartupVariable).Assembly : null;
}
