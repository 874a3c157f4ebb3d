// The way into the old WebHostBuilder. It runs at the end of that builder's Build, after everything the app has added.

using Microsoft.AspNetCore.Hosting;

[assembly: HostingStartup(typeof(Mews.Server.Hosting.MewsHostingStartup))]

namespace Mews.Server.Hosting;

/// <summary>Activated through <see cref="HostingStartupVariable"/>.</summary>
internal sealed class MewsHostingStartup : IHostingStartup
{
    public void Configure(IWebHostBuilder builder)
    {
        // In a generic host the app's own registrations would still come after this one; there the event does the work.
        if (builder is WebHostBuilder)
        {
            builder.ConfigureServices(Entry.Apply);
        }
    }
}
