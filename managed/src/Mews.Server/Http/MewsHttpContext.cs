// One slot's request and response as ASP.NET Core sees them: a feature collection that is its own features.
// The class is split by feature; this part holds what all share: the exchange, the server's settings, begin and reset.

using System;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;
using Mews.Server.Headers;
using Mews.Server.IO;
using Mews.Server.Interop;
using Microsoft.Extensions.Logging;

namespace Mews.Server.Http;

/// <summary>
/// The managed half of a slot. Made once for each slot and used for every request in it; between two requests it holds nothing
/// of either, which <see cref="Reset"/> and its parts see to.
/// </summary>
internal abstract partial class MewsHttpContext
{
    private protected readonly ServerSettings _settings;
    private readonly RequestHeaders _requestHeaders = new();
    private readonly ResponseHeaders _responseHeaders = new();
    private readonly ResponseWriter _writer;
    private readonly IoSignal _readable = new();
    private readonly IoSignal _writable = new();
    private readonly Action _onApplicationDone;

    // The exchange. The pointer stays readable for the life of the process; the handle is 0 between requests.
    private nint _exchange;
    private ulong _handle;

    private protected MewsHttpContext(ServerSettings settings)
    {
        _settings = settings;
        _writer = new ResponseWriter(this);
        _onApplicationDone = OnApplicationDone;
    }

    /// <summary>The running exchange; 0 between requests.</summary>
    internal ulong Handle => _handle;

    private ILogger Logger => _settings.Logger;

    /// <summary>The context of a slot; made and tied to it for ever when the slot is new.</summary>
    internal static unsafe MewsHttpContext Of(RawExchange* exchange, ContextFactory factory)
    {
        if (exchange->context != 0)
        {
            return (MewsHttpContext)GCHandle.FromIntPtr(exchange->context).Target!;
        }

        MewsHttpContext context = factory.Create();
        // Never freed: slots are not either.
        exchange->context = GCHandle.ToIntPtr(GCHandle.Alloc(context));
        return context;
    }

    /// <summary>Runs one request on this thread and answers as <c>on_request</c> does.</summary>
    internal unsafe int Process(RawExchange* exchange)
    {
        // Once more: code that kept its HttpContext too long may have read or set something since the last request.
        ResetState();
        _exchange = (nint)exchange;
        _handle = exchange->handle;
        _writer.Attach(exchange);
        BeginRequest(exchange);
        BeginFeatures(exchange);
        Volatile.Write(ref _live, _handle);
        return Run();
    }

    /// <summary>Wakes a body read that waits.</summary>
    internal void OnBodyReady(ulong handle)
    {
        if (_handle == handle)
        {
            _readable.Set();
        }
    }

    /// <summary>Wakes a write that waits.</summary>
    internal void OnWritable(ulong handle)
    {
        if (_handle == handle)
        {
            _writable.Set();
        }
    }

    /// <summary>Creates the framework's context and starts the pipeline.</summary>
    protected abstract Task StartApplication();

    /// <summary>Ends the framework's context, if it was created.</summary>
    protected abstract void EndApplication(Exception? error);

    private unsafe RawExchange* Exchange() => (RawExchange*)_exchange;

    /// <summary>
    /// Forgets the request. After it the context may be given another one at any moment by another thread, so that nothing of it
    /// may be touched any more by whoever called this.
    /// </summary>
    private void Reset()
    {
        // First of all: from here on the exchange can no longer be aborted through this context.
        ResetLifetime();
        _handle = 0;
        ResetState();
    }

    private void ResetState()
    {
        _abortOverride = null;
        ResetRequest();
        ResetInput();
        ResetResponse();
        ResetOutput();
        ResetConnection();
        ResetUser();
        ResetTls();
        ResetUpgrade();
        ResetTiming();
        ResetVariables();
        ResetEnd();
        ResetFeatures();
    }
}

/// <summary>Makes contexts for one application.</summary>
internal abstract class ContextFactory
{
    internal abstract MewsHttpContext Create();
}
