// The addresses the site is reached at, for apps that ask. Only information: the worker has bound them long before.

using System.Collections.Generic;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Mews.Server;

/// <summary>Addresses of the site's bindings; changes have no effect.</summary>
internal sealed class ServerAddressesFeature : IServerAddressesFeature
{
    public ICollection<string> Addresses { get; } = new List<string>();

    public bool PreferHostingUrls { get; set; }

    /// <summary>Replaces whatever configuration and app have put in.</summary>
    internal void Fill(string[] addresses)
    {
        Addresses.Clear();
        foreach (string address in addresses)
        {
            Addresses.Add(address);
        }
    }
}
