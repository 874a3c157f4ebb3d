// Runs the checks and says how they went. With '--child NAME' it is one of the small hosts that the hosting checks start;
// with '--layout' it prints the managed half of the function table, for a comparison with the native one.

using System;
using System.Threading.Tasks;
using Mews.Server.Tests;

if (args is ["--layout"])
{
    Console.Write(Mews.Server.Interop.Layout.Describe());
    return 0;
}

if (args.Length >= 2 && args[0] == "--child")
{
    return await ChildHosts.RunAsync(args[1]);
}

FakeHost.Install();
StartupHook.Initialize();
await TestSite.StartAsync();
var checks = new Checks();
LayoutChecks.Add(checks);
PathChecks.Add(checks);
HeaderChecks.Add(checks);
RequestChecks.Add(checks);
UserChecks.Add(checks);
FeatureChecks.Add(checks);
OutputChecks.Add(checks);
FlushChecks.Add(checks);
InputChecks.Add(checks);
LifetimeChecks.Add(checks);
TrailerChecks.Add(checks);
UpgradeChecks.Add(checks);
LeakChecks.Add(checks);
HostingChecks.Add(checks);

string? only = args.Length == 1 ? args[0] : null;
int passed = 0;
int failed = 0;
foreach ((string name, Func<Task> body) in checks.All)
{
    if (only is not null && !name.Contains(only, StringComparison.OrdinalIgnoreCase))
    {
        continue;
    }

    try
    {
        await Task.Run(body).WaitAsync(TimeSpan.FromSeconds(60));
        passed++;
        Console.WriteLine(name + " ... ok");
    }
    catch (Exception error)
    {
        failed++;
        Console.WriteLine(name + " ... FAILED");
        Console.WriteLine("    " + (error is CheckFailed ? error.Message : error.ToString()));
    }
}

Console.WriteLine(passed + " passed, " + failed + " failed");
return failed == 0 && passed > 0 ? 0 : 1;
