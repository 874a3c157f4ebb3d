// The app's authentication schemes, and ours among them.

using System;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Mews.Server.Authentication;

/// <summary>Settled when the app is built.</summary>
internal sealed class WindowsSchemesOptions
{
    /// <summary>The name of the scheme for people.</summary>
    internal string? DisplayName { get; set; }

    /// <summary>Whether to add the scheme; out-of-process the framework's own middleware does.</summary>
    internal bool Add { get; set; }

    /// <summary>Whether the app has asked for authentication itself, so that the only scheme may be its default one.</summary>
    internal bool MayBeDefault { get; set; }
}

/// <summary>Adds the scheme "Windows", and puts our handler in the place of one that would need Windows.</summary>
internal sealed class WindowsSchemes : AuthenticationSchemeProvider
{
    private readonly bool _mayBeDefault;

    public WindowsSchemes(IOptions<AuthenticationOptions> options, IOptions<WindowsSchemesOptions> ours)
        : base(options)
    {
        _mayBeDefault = ours.Value.MayBeDefault;
        if (ours.Value.Add)
        {
            base.AddScheme(new AuthenticationScheme(WindowsHandler.Scheme, ours.Value.DisplayName, typeof(WindowsHandler)));
        }
    }

    public override void AddScheme(AuthenticationScheme scheme) => base.AddScheme(Ours(scheme));

    public override bool TryAddScheme(AuthenticationScheme scheme) => base.TryAddScheme(Ours(scheme));

    // Claims are transformed with each authentication through the framework. An app that has not asked for that gets the user from the
    // server as it is; a challenge without a scheme still finds the only one.
    public override async Task<AuthenticationScheme?> GetDefaultAuthenticateSchemeAsync()
    {
        AuthenticationScheme? scheme = await base.GetDefaultAuthenticateSchemeAsync().ConfigureAwait(false);
        return _mayBeDefault || scheme?.HandlerType != typeof(WindowsHandler) ? scheme : null;
    }

    private static AuthenticationScheme Ours(AuthenticationScheme scheme)
    {
        bool stock = scheme.Name == WindowsHandler.Scheme
            && scheme.HandlerType.Assembly.GetName().Name!.StartsWith("Microsoft.AspNetCore.Server.IIS", StringComparison.Ordinal);
        return stock ? new AuthenticationScheme(scheme.Name, scheme.DisplayName, typeof(WindowsHandler)) : scheme;
    }
}
