// Waiting for the native side to say that reading or writing can go on.
// An auto-reset event that an async method can await without allocating; it carries no data.

using System;
using System.Threading;
using System.Threading.Tasks;
using System.Threading.Tasks.Sources;

namespace Mews.Server.IO;

/// <summary>One waiter at a time. A signal without a waiter is kept for the next one, so that none is lost.</summary>
internal sealed class IoSignal : IValueTaskSource<bool>
{
    private readonly object _gate = new();
    // Continuations never run on the signalling thread: it is an I/O thread of the worker.
    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _cancellation;
    private bool _waiting;
    private bool _latched;

    /// <summary>Waits for <see cref="Set"/> (true) or <see cref="Interrupt"/> (false).</summary>
    /// <exception cref="OperationCanceledException">Thrown from the await when the token is cancelled first.</exception>
    /// <exception cref="InvalidOperationException">Somebody is waiting already.</exception>
    internal ValueTask<bool> WaitAsync(CancellationToken cancellationToken)
    {
        short version;
        lock (_gate)
        {
            if (_waiting)
            {
                throw new InvalidOperationException("Concurrent reads or writes are not supported: the previous one has not finished.");
            }

            if (_latched)
            {
                _latched = false;
                return new ValueTask<bool>(true);
            }

            _core.Reset();
            _waiting = true;
            version = _core.Version;
        }

        if (cancellationToken.CanBeCanceled)
        {
            // Registered outside the lock: the callback runs at once when the token is cancelled already.
            _cancellation = cancellationToken.UnsafeRegister(static (state, token) => ((IoSignal)state!).Cancel(token), this);
        }

        return new ValueTask<bool>(this, version);
    }

    /// <summary>Lets the waiter, or the next one, go on.</summary>
    internal void Set()
    {
        lock (_gate)
        {
            if (_waiting)
            {
                _waiting = false;
                _core.SetResult(true);
            }
            else
            {
                _latched = true;
            }
        }
    }

    /// <summary>Ends a wait that is under way with the answer false; answers whether there was one.</summary>
    internal bool Interrupt()
    {
        lock (_gate)
        {
            if (!_waiting)
            {
                return false;
            }

            _waiting = false;
            _core.SetResult(false);
            return true;
        }
    }

    /// <summary>Prepares for another exchange. A wait that the app left behind is let go; it finds its exchange gone.</summary>
    internal void Reset()
    {
        if (!_waiting && !_latched)
        {
            return;
        }

        lock (_gate)
        {
            if (_waiting)
            {
                _waiting = false;
                _core.SetResult(true);
            }

            _latched = false;
        }
    }

    bool IValueTaskSource<bool>.GetResult(short token)
    {
        // Waits for a cancellation callback that is running, so that it cannot hit the next wait.
        _cancellation.Dispose();
        _cancellation = default;
        return _core.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _core.OnCompleted(continuation, state, token, flags);

    private void Cancel(CancellationToken token)
    {
        lock (_gate)
        {
            if (_waiting)
            {
                _waiting = false;
                _core.SetException(new OperationCanceledException(token));
            }
        }
    }
}
