// The part of the context that knows the application's own context type.
// Being the container of that context lets the framework use its objects again for every request in the slot.

using System;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;

namespace Mews.Server.Http;

/// <summary>The context for applications whose context is a <typeparamref name="TContext"/>.</summary>
internal sealed class MewsHttpContext<TContext> : MewsHttpContext, IHostContextContainer<TContext>
    where TContext : notnull
{
    private readonly IHttpApplication<TContext> _application;
    private TContext? _applicationContext;
    private bool _created;

    internal MewsHttpContext(ServerSettings settings, IHttpApplication<TContext> application)
        : base(settings) => _application = application;

    TContext? IHostContextContainer<TContext>.HostContext { get; set; }

    protected override Task StartApplication()
    {
        _applicationContext = _application.CreateContext(this);
        _created = true;
        TellTrace();
        return _application.ProcessRequestAsync(_applicationContext);
    }

    protected override void EndApplication(Exception? error)
    {
        if (!_created)
        {
            return;
        }

        _created = false;
        TContext context = _applicationContext!;
        _applicationContext = default;
        _application.DisposeContext(context, error);
    }
}

/// <summary>Makes contexts for <paramref name="application"/>.</summary>
internal sealed class ContextFactory<TContext>(ServerSettings settings, IHttpApplication<TContext> application) : ContextFactory
    where TContext : notnull
{
    internal override MewsHttpContext Create() => new MewsHttpContext<TContext>(settings, application);
}
