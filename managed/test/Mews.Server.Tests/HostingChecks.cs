// How the server gets into apps of every kind, each in a process of its own, and how it leaves.

using System;
using System.Diagnostics;
using System.Threading.Tasks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Mews.Server.Tests;

internal static class HostingChecks
{
    internal static void Add(Checks checks)
    {
        foreach (string name in new[] { "web-application", "slim", "startup", "web-host", "web-host-builder" })
        {
            checks.Add("hosting: " + name, async () =>
            {
                string output = await ChildAsync(name);
                Check.True(output.Contains("200 /base|/x\n"), "answer: " + output);
                Check.True(output.Contains("variable none\n"), "the variable is put back: " + output);
                Check.True(!output.Contains("report"), "no report: " + output);
            });
        }

        checks.Add("hosting: a host without a web part is left alone", async () =>
        {
            string output = await ChildAsync("no-web");
            Check.True(output.Contains("plain host started, server started: False\n"), output);
        });
        checks.Add("hosting: another server is refused", async () =>
        {
            foreach (string name in new[] { "wrong-server", "late-server" })
            {
                string output = await ChildAsync(name);
                Check.True(output.Contains("threw InvalidOperationException: The application is running inside a Mews worker process but is not configured to use the Mews server"), output);
                Check.True(output.Contains("report 4: ") && output.Contains("OtherServer"), output);
            }
        });
        checks.Add("hosting: a second web host is refused", async () =>
        {
            string output = await ChildAsync("two-hosts");
            Check.True(output.Contains("threw InvalidOperationException: This process already serves a web application"), output);
        });
        checks.Add("hosting: unhandled exceptions are reported", async () =>
        {
            string output = await ChildAsync("throws", exitCode: 134);
            Check.True(output.Contains("report 1: System.InvalidOperationException: nobody catches this\n   at "), output);
            output = await ChildAsync("throws-later", exitCode: 134);
            Check.True(output.Contains("report 2: System.InvalidOperationException: nobody catches this\n   at "), output);
        });
        checks.Add("hosting: stop by the worker", async () =>
        {
            string output = await ChildAsync("stop");
            Check.True(output.Contains("stopping, ended: False\nended\n"), output);
        });
    }

    private static async Task<string> ChildAsync(string name, int exitCode = 0)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(typeof(HostingChecks).Assembly.Location);
        start.ArgumentList.Add("--child");
        start.ArgumentList.Add(name);
        using Process child = Process.Start(start)!;
        Task<string> errors = child.StandardError.ReadToEndAsync();
        string output = await child.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(30));
        await child.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        Check.Equal(exitCode, child.ExitCode, name + ": " + output + await errors);
        return output.ReplaceLineEndings("\n");
    }
}
