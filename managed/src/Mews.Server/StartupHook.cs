// The first managed code of ours to run, before the app's Main. It delays every start, so it only subscribes;
// no type of ASP.NET Core is touched here, since the app may have none.

using System;
using Mews.Server.Hosting;
using Mews.Server.Interop;

/// <summary>Found by name by the runtime, because the worker lists this assembly in <c>STARTUP_HOOKS</c>, or in <c>DOTNET_STARTUP_HOOKS</c> of a process of its own.</summary>
internal static class StartupHook
{
    /// <summary>Prepares the process to host a web application in the Mews worker, or to be forwarded to by one.</summary>
    public static void Initialize()
    {
        object? table = AppContext.GetData(Native.TableProperty);
        if (table is null)
        {
            if (ForwardedEntry.Enter())
            {
                HostingStartupVariable.Set();
                HostListener.Subscribe();
            }

            return;
        }

        Native.Attach(table);
        UnhandledExceptions.Report();
        ContentRoot.Enter();
        HostingStartupVariable.Set();
        HostListener.Subscribe();
    }
}
