// Tells the framework that the server itself can sign users in.

using Microsoft.AspNetCore.Hosting.Server;

namespace Mews.Server.Authentication;

/// <summary>What the framework asks a server about authentication.</summary>
internal sealed class IntegratedAuth(bool enabled) : IServerIntegratedAuth
{
    public bool IsEnabled { get; } = enabled;

    public string AuthenticationScheme => WindowsHandler.Scheme;
}
