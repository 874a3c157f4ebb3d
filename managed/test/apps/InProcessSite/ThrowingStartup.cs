// The Startup class of the modes that fail in it.

namespace Mews.TestApps.InProcessSite;

/// <summary>Throws from <c>Configure</c>.</summary>
public sealed class ThrowingStartup
{
    /// <summary>Throws.</summary>
    public void Configure(IApplicationBuilder app) => throw new InvalidOperationException("From Configure");
}
