// The last look before the pipeline is built: a server that was registered behind our back would listen on a port of its own.

using System;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.Extensions.DependencyInjection;

namespace Mews.Server.Hosting;

/// <summary>Fails the start when the host's server is not ours.</summary>
internal sealed class ServerCheck : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        IServer? server = app.ApplicationServices.GetService<IServer>();
        if (server is not MewsServer)
        {
            throw ServerRegistration.WrongServer(server?.GetType().FullName ?? "nothing");
        }

        next(app);
    };
}
