// How a request runs and ends. The simple end (done at once, nothing failed, nothing to wait for) costs no allocation and one
// native call or none; everything else goes through EndAsync.

using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Mews.Server.Interop;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.Server.Http;

internal abstract partial class MewsHttpContext
{
    private const int Http2InternalError = 2;
    private const int Http3InternalError = 0x0102;

    private static readonly ContextCallback s_endInContext = static state => ((MewsHttpContext)state!).EndAfterApplication();

    private Task? _applicationTask;
    private ExecutionContext? _executionContext;
    // The application's first failure.
    private Exception? _error;
    // The answer to a failure is being written: it may start although the application failed.
    private bool _failing;
    // The application ended because the exchange had been aborted.
    private bool _abandoned;
    // The disposal of the request's services, when it was begun but has not finished.
    private Task? _scopeDisposal;

    private int Run()
    {
        Task task;
        try
        {
            task = StartApplication();
        }
        catch (Exception error)
        {
            task = Task.FromException(error);
        }

        if (task.IsCompletedSuccessfully && TryEndSimply(inline: true))
        {
            return Status.Done;
        }

        if (task.IsCompleted)
        {
            _ = EndAsync(task);
        }
        else
        {
            _applicationTask = task;
            _executionContext = ExecutionContext.Capture();
            task.GetAwaiter().UnsafeOnCompleted(_onApplicationDone);
        }

        // From here on another thread may have ended the request and begun another one in this context.
        return Status.Pending;
    }

    private void ResetEnd()
    {
        _applicationTask = null;
        _executionContext = null;
        _error = null;
        _failing = false;
        _abandoned = false;
        _scopeDisposal = null;
    }

    private void OnApplicationDone()
    {
        ExecutionContext? context = _executionContext;
        if (context is null)
        {
            EndAfterApplication();
        }
        else
        {
            // The end sees the values that were set when the request began, as code after an await would.
            ExecutionContext.Run(context, s_endInContext, this);
        }
    }

    private void EndAfterApplication()
    {
        Task task = _applicationTask!;
        if (!task.IsCompletedSuccessfully || !TryEndSimply(inline: false))
        {
            _ = EndAsync(task);
        }
    }

    // Never leaves with an exception: the caller is an I/O thread or a continuation of the app's task.
    private bool TryEndSimply(bool inline)
    {
        try
        {
            if (_upgraded || _completed || _error is not null || IsOutputDead || (HasOnStarting && !_started))
            {
                return false;
            }

            if (!_started)
            {
                Start();
            }

            if (!_writer.IsInBlock)
            {
                return false;
            }

            if (HasOnCompleted && !(inline && TryDisposeScope()))
            {
                return false;
            }
        }
        catch (Exception error)
        {
            RecordError(error);
            return false;
        }

        EndApplicationSafely();
        if (!inline)
        {
            CompleteNatively(release: true);
            return true;
        }

        CompleteInline();
        return true;
    }

    private unsafe void CompleteInline()
    {
        WriteTrailers();
        Exchange()->block_len = (uint)(_bodiless ? 0 : _writer.BlockLength);
        Reset();
    }

    /// <summary>
    /// Runs the one callback that almost every app has: disposing the request's services. It sends nothing and is mostly done at
    /// once; waiting for the response to leave first would cost every such request its way back through another thread.
    /// </summary>
    private bool TryDisposeScope()
    {
        List<KeyValuePair<Func<object, Task>, object>> callbacks = _onCompleted!;
        if (callbacks.Count != 1 || callbacks[0].Value is not IServiceProvidersFeature)
        {
            return false;
        }

        KeyValuePair<Func<object, Task>, object> disposal = callbacks[0];
        callbacks.Clear();
        Task task;
        try
        {
            task = disposal.Key(disposal.Value);
        }
        catch (Exception error)
        {
            task = Task.FromException(error);
        }

        if (task.IsCompletedSuccessfully)
        {
            return true;
        }

        _scopeDisposal = task;
        return false;
    }

    private async Task EndAsync(Task applicationTask)
    {
        ulong handle = _handle;
        try
        {
            try
            {
                await applicationTask;
            }
            catch (Exception error)
            {
                RecordError(error);
            }

            await RespondAsync();
            bool callbacks = HasOnCompleted || _scopeDisposal is not null;
            if (!callbacks)
            {
                EndApplicationSafely();
                Leave();
                return;
            }

            if (!_completed && !IsOutputDead)
            {
                CompleteNatively(release: false);
            }

            await RunOnCompletedAsync();
            EndApplicationSafely();
            Leave();
        }
        catch (Exception error)
        {
            Log.UnexpectedError(Logger, error);
            GiveUp(handle);
        }
    }

    /// <summary>Makes sure that the response, good or bad, has started and that only the block is left to send.</summary>
    private async Task RespondAsync()
    {
        if (_error is null && !_started && !IsOutputDead)
        {
            try
            {
                await StartSlowAsync();
            }
            catch (Exception error)
            {
                RecordError(error);
            }
        }

        if (_error is not null)
        {
            Fail();
        }

        if (_started && !_completed && !_upgraded)
        {
            await PushRestAsync();
        }
    }

    private void Fail()
    {
        if (_completed || IsOutputDead)
        {
            return;
        }

        if (_started)
        {
            if (_upgraded)
            {
                return;
            }

            // The broken end tells the client that more was to come.
            AbortExchange(_version >= 30 ? Http3InternalError : _version >= 20 ? Http2InternalError : -1);
            return;
        }

        _failing = true;
        _onStarting?.Clear();
        _responseHeadersOverride = null;
        _responseTrailersOverride = null;
        _responseTrailers?.Reset();
        _responseHeaders.Reset();
        _writer.Drop();
        _reasonPhrase = null;
        _statusCode = (ushort)(_error is BadHttpRequestException bad ? bad.StatusCode : StatusCodes.Status500InternalServerError);
        Start();
    }

    private async Task RunOnCompletedAsync()
    {
        if (_scopeDisposal is not null)
        {
            try
            {
                await _scopeDisposal;
            }
            catch (Exception error)
            {
                LogApplicationError(error);
            }
        }

        while (_onCompleted is { Count: > 0 } callbacks)
        {
            KeyValuePair<Func<object, Task>, object> last = callbacks[^1];
            callbacks.RemoveAt(callbacks.Count - 1);
            try
            {
                await last.Key(last.Value);
            }
            catch (Exception error)
            {
                LogApplicationError(error);
            }
        }
    }

    /// <summary>Completes the response if that is still to do, and lets the exchange go.</summary>
    private void Leave()
    {
        if (!_completed && !IsOutputDead)
        {
            CompleteNatively(release: true);
            return;
        }

        ulong handle = _handle;
        Reset();
        Native.Release(handle);
    }

    // Only for failures of this class itself: the exchange must not stay open whatever happened.
    private void GiveUp(ulong handle)
    {
        if (_handle != handle)
        {
            return;
        }

        EndApplicationSafely();
        Reset();
        Native.Abort(handle, -1);
        Native.Release(handle);
    }

    private void EndApplicationSafely()
    {
        try
        {
            EndApplication(_error);
        }
        catch (Exception error)
        {
            LogApplicationError(error);
        }
    }

    private void RecordError(Exception error)
    {
        bool known = ReferenceEquals(error, _error) || (_error is not null && ReferenceEquals(error.InnerException, _error));
        _error ??= error;
        if (known)
        {
            return;
        }

        if (IsAborted && error is OperationCanceledException or IOException)
        {
            // The app gave up because the exchange had ended. Nothing is sent that could pass for a whole response.
            _abandoned = true;
            if (!_started)
            {
                // Nobody receives it; logs and metrics show it.
                _statusCode = (ushort)(_clientGone ? StatusCodes.Status499ClientClosedRequest : 0);
            }

            Log.RequestAborted(Logger, ConnectionId, ((IHttpRequestIdentifierFeature)this).TraceIdentifier, error);
            return;
        }

        if (error is BadHttpRequestException)
        {
            Log.BadRequest(Logger, ConnectionId, error);
        }

        LogApplicationError(error);
    }

    private void LogApplicationError(Exception error)
        => Log.ApplicationError(Logger, ConnectionId, ((IHttpRequestIdentifierFeature)this).TraceIdentifier, error);
}
