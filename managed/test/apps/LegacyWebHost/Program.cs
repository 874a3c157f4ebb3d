// An app as the templates of ASP.NET Core 2 made it: the web host of before the generic host, and a Startup class.
// Such a host raises none of the generic host's start-up events.

using Mews.TestApps.LegacyWebHost;
using Microsoft.AspNetCore;

WebHost.CreateDefaultBuilder(args)
    .UseStartup<Startup>()
    .Build()
    .Run();
