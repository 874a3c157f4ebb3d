// Tells the operator why the application ends, before the runtime aborts the process.

using System;
using Mews.Server.Interop;

namespace Mews.Server.Hosting;

/// <summary>Reports exceptions that nobody catches.</summary>
internal static class UnhandledExceptions
{
    /// <summary>Whether the application's server has started: a failure before it is a start failure.</summary>
    internal static volatile bool ServerStarted;

    internal static void Report() => AppDomain.CurrentDomain.UnhandledException += static (_, args) =>
    {
        try
        {
            Native.Report(
                ServerStarted ? ReportKind.UnhandledException : ReportKind.StartFailure,
                args.ExceptionObject.ToString() ?? args.ExceptionObject.GetType().FullName ?? "unknown exception");
        }
        catch (Exception)
        {
            // The exception's own text could not be made. The runtime prints what it can.
        }
    };
}
