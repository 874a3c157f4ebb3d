// The first managed code of ours to run, before the app's Main. It delays every start, so it only subscribes;
// no type of ASP.NET Core is touched here, since the app may have none.

using System;
using Mews.Server.Hosting;
using Mews.Server.Interop;

/// <summary>Found by name by the runtime, because the worker lists this assembly in <c>STARTUP_HOOKS</c>.</summary>
internal static class StartupHook
{
    /// <summary>Prepares the process to host a web application in the Mews worker.</summary>
    public static void Initialize()
    {
        Native.Attach(AppContext.GetData(Native.TableProperty));
        UnhandledExceptions.Report();
        ContentRoot.Enter();
        HostingStartupVariable.Set();
        HostListener.Subscribe();
    }
}
