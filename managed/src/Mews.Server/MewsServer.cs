// The IServer: one for the process, between ASP.NET Core's host and the worker.

using System;
using System.Threading;
using System.Threading.Tasks;
using Mews.Server.Hosting;
using Mews.Server.Http;
using Mews.Server.Interop;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.IIS;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Mews.Server;

/// <summary>Serves the application's requests through the Mews worker process.</summary>
internal sealed class MewsServer : IServer
{
    private const string LogCategory = "Mews.Server";

    private static int s_started;

    private readonly IServiceProvider _services;
    private readonly IISServerOptions _options;
    private readonly HostFacts _host;
    private readonly ServerAddressesFeature _addresses = new();
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _owner;

    public MewsServer(IServiceProvider services, IOptions<IISServerOptions> options, ILoggerFactory loggers)
    {
        _services = services;
        _options = options.Value;
        _host = HostFacts.Read();
        Logger = loggers.CreateLogger(LogCategory);
        Features.Set<IServerAddressesFeature>(_addresses);
        IIISEnvironmentFeature? environment = EnvironmentFeature.Read(services.GetService<IConfiguration>(), _host);
        if (environment is not null)
        {
            Features.Set(environment);
        }
    }

    public IFeatureCollection Features { get; } = new FeatureCollection();

    internal ILogger Logger { get; }

    public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
        where TContext : notnull
    {
        ArgumentNullException.ThrowIfNull(application);
        if (Interlocked.Exchange(ref s_started, 1) != 0)
        {
            throw AlreadyStarted();
        }

        HostingStartupVariable.Restore();
        _owner = true;
        _addresses.Fill(_host.Addresses);
        if (_options.MaxRequestBodySize > _host.MaxRequestBodySize)
        {
            Log.LimitAboveHosts(Logger, _options.MaxRequestBodySize.Value, _host.MaxRequestBodySize.Value);
        }

        var settings = new ServerSettings
        {
            Host = _host,
            Logger = Logger,
            AllowSynchronousIO = _options.AllowSynchronousIO,
            MaxRequestBodySize = _options.MaxRequestBodySize,
            AutomaticAuthentication = _options.AutomaticAuthentication,
        };

        // Before the first request can come: from now on a failure is no failure to start any more.
        UnhandledExceptions.ServerStarted = true;
        int status = Callbacks.Start(this, new ContextFactory<TContext>(settings, application));
        return status switch
        {
            Status.Done => Task.CompletedTask,
            Status.InvalidCall => throw AlreadyStarted(),
            Status.Unsupported => throw new InvalidOperationException(
                "Mews.Server.dll and the mews binary do not belong together: the worker refused its callbacks. Install both from the same release."),
            _ => throw new InvalidOperationException("The Mews worker process could not start serving (status " + status + ")."),
        };
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (!_owner)
        {
            return;
        }

        Native.ServerStop();
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static state => ((TaskCompletionSource)state!).TrySetResult(), _drained);
        await _drained.Task;
    }

    public void Dispose()
    {
    }

    /// <summary>The worker wants the application to stop. Does not wait and runs nothing of the app on this thread.</summary>
    internal void StopApplication()
        => ThreadPool.UnsafeQueueUserWorkItem(static server => server.StopHost(), this, preferLocal: false);

    /// <summary>Every request that had begun is over.</summary>
    internal void OnDrained() => _drained.TrySetResult();

    private void StopHost()
    {
        try
        {
            _services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        }
        catch (ObjectDisposedException)
        {
            // The host is gone already: it has stopped by itself.
        }
        catch (Exception error)
        {
            Log.UnexpectedError(Logger, error);
        }
    }

    private static InvalidOperationException AlreadyStarted()
        => new("This process already serves a web application: a Mews worker process hosts exactly one. "
            + "Start only one web host.");
}
