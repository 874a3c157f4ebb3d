// The end that comes from outside: the client goes away, or the app aborts. Both may race with the ordinary end.

using System;
using System.Threading;
using Mews.Server.Interop;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.Server.Http;

internal abstract partial class MewsHttpContext : IHttpRequestLifetimeFeature
{
    private const ulong AbortedMark = ulong.MaxValue;
    private const int Http2Cancel = 8;
    private const int Http3Cancel = 0x010C;

    private readonly object _lifetimeGate = new();

    // The running exchange's handle; AbortedMark once the client's end was noticed; 0 between requests.
    // Whoever changes it from the handle has decided the race between the end and the abort.
    private ulong _live;
    private CancellationTokenSource? _abortSource;
    private CancellationToken? _abortOverride;
    private bool _clientGone;
    private bool _outputGone;
    private bool _applicationAborted;

    CancellationToken IHttpRequestLifetimeFeature.RequestAborted
    {
        get => _abortOverride ?? AbortToken();
        set => _abortOverride = value;
    }

    /// <summary>Whether the request's token is cancelled.</summary>
    private bool IsAborted => _clientGone || _applicationAborted;

    /// <summary>
    /// Whether nothing will be sent any more. A client said to be gone is not enough: one that only ended its own side still
    /// reads, and the native side knows the difference when bytes are handed to it.
    /// </summary>
    private bool IsOutputDead => _applicationAborted || _outputGone || _abandoned;

    void IHttpRequestLifetimeFeature.Abort() => AbortByApplication();

    /// <summary>The native side says that the client is gone. Never runs the app's code on this thread.</summary>
    internal unsafe void OnAbort(ulong handle)
    {
        CancellationTokenSource? source;
        ulong connection;
        lock (_lifetimeGate)
        {
            if (Interlocked.CompareExchange(ref _live, AbortedMark, handle) != handle)
            {
                return;
            }

            _clientGone = true;
            source = _abortSource;
            connection = Exchange()->connection->id;
        }

        // Loggers and the token's callbacks are the app's code.
        ThreadPool.UnsafeQueueUserWorkItem(
            static state => state.Context.AfterAbort(state.Source, state.Connection),
            (Context: this, Source: source, Connection: connection),
            preferLocal: false);

        _readable.Set();
        _writable.Set();
    }

    private void ResetLifetime()
    {
        if (Interlocked.Exchange(ref _live, 0) == AbortedMark)
        {
            lock (_lifetimeGate)
            {
                // The callback that set the mark has left: nothing of it can touch the next request.
            }
        }

        if (_abortSource is not null && (IsAborted || !_abortSource.TryReset()))
        {
            _abortSource = null;
        }

        _clientGone = false;
        _outputGone = false;
        _applicationAborted = false;
    }

    private CancellationToken AbortToken()
    {
        lock (_lifetimeGate)
        {
            if (IsAborted)
            {
                return new CancellationToken(canceled: true);
            }

            return (_abortSource ??= new CancellationTokenSource()).Token;
        }
    }

    /// <summary>A native call said that nothing will be sent any more, perhaps before the callback says that the client is gone.</summary>
    private void OnOutputGone(ulong handle)
    {
        if (_handle == handle)
        {
            _outputGone = true;
            OnAbort(handle);
        }
    }

    private void AbortByApplication()
        => AbortExchange(_version >= 30 ? Http3Cancel : _version >= 20 ? Http2Cancel : -1);

    /// <summary>Resets the connection (−1) or the stream and cancels the request's token before it returns.</summary>
    private void AbortExchange(long code)
    {
        ulong handle = _handle;
        CancellationTokenSource? source;
        lock (_lifetimeGate)
        {
            // The second time there is nothing left to reset.
            if (handle == 0 || _applicationAborted)
            {
                return;
            }

            // After CompleteAsync a reset is only about the request body; the response is whole.
            _applicationAborted = true;
            source = _abortSource;
        }

        if (Native.Abort(handle, code) == Status.Unsupported)
        {
            Native.Abort(handle, -1);
        }

        if (source is not null)
        {
            Cancel(source);
        }

        _readable.Set();
        _writable.Set();
    }

    private void AfterAbort(CancellationTokenSource? source, ulong connection)
    {
        Log.ConnectionDisconnect(Logger, connection);
        if (source is not null)
        {
            Cancel(source);
        }
    }

    private void Cancel(CancellationTokenSource source)
    {
        try
        {
            source.Cancel();
        }
        catch (Exception error)
        {
            // A callback registered by the app failed; the request must end in order all the same.
            Log.UnexpectedError(Logger, error);
        }
    }
}
