// What is done with a web host that is being built, in either hosting model.

using Microsoft.Extensions.DependencyInjection;

namespace Mews.Server.Hosting;

/// <summary>The one place where the two models part.</summary>
internal static class Entry
{
    internal static void Apply(IServiceCollection services)
    {
        if (ForwardedEntry.Applies)
        {
            ForwardedEntry.Apply(services);
        }
        else
        {
            ServerRegistration.Apply(services);
        }
    }
}
