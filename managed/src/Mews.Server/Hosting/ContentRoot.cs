// The application's folder is the current directory, and with it the content root.

using System;
using System.IO;
using Mews.Server.Interop;

namespace Mews.Server.Hosting;

/// <summary>Makes sure that hosts find the app's files.</summary>
internal static class ContentRoot
{
    /// <summary>
    /// The worker has set the directory already; this covers a worker whose directory changed since. From any other one the
    /// app would silently not find its settings.
    /// </summary>
    internal static unsafe void Enter()
    {
        string path = Native.Text(Native.Info->physical_path, Native.Info->physical_path_len);
        if (path.Length == 0)
        {
            return;
        }

        string trimmed = path.Length > 1 ? path.TrimEnd('/') : path;
        try
        {
            if (Directory.GetCurrentDirectory() != trimmed)
            {
                Directory.SetCurrentDirectory(trimmed);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Native.Report(ReportKind.Warning, "The application's folder " + trimmed + " cannot be entered: " + error.Message);
        }
    }
}
