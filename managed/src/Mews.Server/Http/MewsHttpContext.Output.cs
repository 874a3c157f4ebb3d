// Writing the response body: when bytes leave, and waiting while the client is slower than the app.
// Holding and handing over the bytes themselves is the writer's work.

using System;
using System.IO;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Mews.Server.IO;
using Mews.Server.Interop;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.Server.Http;

internal abstract partial class MewsHttpContext : IHttpResponseBodyFeature
{
    private ResponseStream? _responseStream;
    // The response is complete as far as the native side knows: CompleteAsync was called.
    private bool _completed;

    Stream IHttpResponseBodyFeature.Stream => ResponseBody;

    PipeWriter IHttpResponseBodyFeature.Writer => _writer;

    private Stream ResponseBody => _responseStream ??= new ResponseStream(this, _handle);

    /// <summary>Whether what is written goes nowhere.</summary>
    private bool IsDiscarding => _bodiless || IsOutputDead;

    // The native side holds nothing back longer than to the end of the request's synchronous part in any case. With IIS it
    // also means that nothing is compressed.
    void IHttpResponseBodyFeature.DisableBuffering() => ((IServerVariablesFeature)this)[DynamicCompression] = "0";

    Task IHttpResponseBodyFeature.StartAsync(CancellationToken cancellationToken)
    {
        if (_started)
        {
            return Task.CompletedTask;
        }

        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled(cancellationToken);
        }

        if (HasOnStarting)
        {
            return StartSlowAsync();
        }

        Start();
        return Task.CompletedTask;
    }

    async Task IHttpResponseBodyFeature.CompleteAsync()
    {
        if (_completed || _upgraded)
        {
            return;
        }

        if (!_started)
        {
            await StartSlowAsync();
        }

        _writer.Complete();
        await PushRestAsync();
        CompleteNatively(release: false);
    }

    /// <summary>The writer's and the stream's flush.</summary>
    internal ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<FlushResult>(cancellationToken);
        }

        if (_completed && !_upgraded)
        {
            // Middleware that flushes once more at its end does no harm.
            return new ValueTask<FlushResult>(new FlushResult(isCanceled: false, isCompleted: true));
        }

        ThrowIfNotWritable();
        if (_writer.TakeCancellation())
        {
            return new ValueTask<FlushResult>(new FlushResult(isCanceled: true, isCompleted: false));
        }

        if (!_started)
        {
            if (HasOnStarting)
            {
                return StartAndWriteAsync(ReadOnlyMemory<byte>.Empty, cancellationToken);
            }

            Start();
        }

        if (IsDiscarding)
        {
            return Discard();
        }

        return PushAsync(ReadOnlyMemory<byte>.Empty, cancellationToken);
    }

    /// <summary>Writes and flushes. What does not fit the block is handed over from where it is, without a copy.</summary>
    internal ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<FlushResult>(cancellationToken);
        }

        ThrowIfNotWritable();
        if (_writer.TryAppend(source.Span))
        {
            return FlushAsync(cancellationToken);
        }

        if (!_started)
        {
            if (HasOnStarting)
            {
                return StartAndWriteAsync(source, cancellationToken);
            }

            Start();
        }

        return IsDiscarding ? Discard() : PushAsync(source, cancellationToken);
    }

    /// <summary>Copies into the writer without sending; for synchronous writes of small pieces.</summary>
    internal void Buffer(ReadOnlySpan<byte> bytes)
    {
        ThrowIfNotWritable();
        if (!IsDiscarding)
        {
            _writer.Append(bytes);
        }
    }

    /// <summary>Ends a flush that waits for the client; answers whether there was one.</summary>
    internal bool InterruptFlush() => _writable.Interrupt();

    /// <summary>The app completed its writer with an exception.</summary>
    internal void OnWriterFailed(Exception error)
    {
        RecordError(new ConnectionAbortedException("The BodyPipe was completed with an exception.", error));
        if (_started)
        {
            AbortByApplication();
        }
    }

    private void ResetOutput()
    {
        _responseStream = null;
        _completed = false;
        _writer.Reset();
        _writable.Reset();
    }

    private async Task StartSlowAsync()
    {
        await RunOnStartingAsync();
        if (!_started)
        {
            Start();
        }
    }

    private async ValueTask<FlushResult> StartAndWriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken)
    {
        await StartSlowAsync();
        return await WriteAsync(source, cancellationToken);
    }

    private ValueTask<FlushResult> Discard()
    {
        _writer.Drop();
        return new ValueTask<FlushResult>(new FlushResult(isCanceled: false, isCompleted: IsOutputDead));
    }

    private ValueTask<FlushResult> PushAsync(ReadOnlyMemory<byte> extra, CancellationToken cancellationToken)
    {
        Push push = _writer.TryPush(_handle, extra.Span, force: true, out int taken);
        return push == Push.Done
            ? default
            : AfterPushAsync(push, _handle, extra[taken..], cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<FlushResult> AfterPushAsync(Push push, ulong handle, ReadOnlyMemory<byte> extra, CancellationToken cancellationToken)
    {
        while (true)
        {
            switch (push)
            {
                case Push.Done:
                    return default;
                case Push.Gone:
                    OnOutputGone(handle);
                    return new FlushResult(isCanceled: false, isCompleted: true);
                case Push.Refused:
                    throw new InvalidOperationException(
                        "The response body could not be written: the response is already complete, or more bytes were written than its Content-Length says.");
            }

            bool goOn;
            try
            {
                goOn = await _writable.WaitAsync(cancellationToken);
            }
            catch (OperationCanceledException) when (extra.Length != 0)
            {
                // Part of the write is out and the rest never will be: no client may take this for a whole response.
                AbortByApplication();
                throw;
            }

            if (_handle != handle)
            {
                return new FlushResult(isCanceled: false, isCompleted: true);
            }

            if (!goOn && !_upgraded)
            {
                _writer.Append(extra.Span);
                return new FlushResult(isCanceled: true, isCompleted: false);
            }

            push = _writer.TryPush(handle, extra.Span, force: false, out int taken);
            extra = extra[taken..];
        }
    }

    /// <summary>Sends what is left except for what completes together with the response.</summary>
    private async ValueTask PushRestAsync()
    {
        if (!IsDiscarding && !_writer.IsInBlock)
        {
            // A late CancelPendingFlush of the app's interrupts a wait, but the response is still to be sent.
            while ((await PushAsync(ReadOnlyMemory<byte>.Empty, CancellationToken.None)).IsCanceled)
            {
            }
        }
    }

    private void CompleteNatively(bool release)
    {
        ulong handle = _handle;
        int length = IsDiscarding ? 0 : _writer.BlockLength;
        WriteTrailers();
        _completed = true;
        if (release)
        {
            Reset();
        }
        else
        {
            _writer.Drop();
        }

        int status = Native.Complete(handle, length, release);
        if (status == Status.InvalidCall && release)
        {
            // Refused, and so not released either. The client must not wait for the rest.
            Native.Abort(handle, -1);
            Native.Release(handle);
        }
        else if (status < 0 && !release)
        {
            OnOutputGone(handle);
        }
    }

    private void ThrowIfNotWritable()
    {
        if (_upgraded)
        {
            throw new InvalidOperationException("Cannot write to the response body after the connection has been upgraded.");
        }

        ObjectDisposedException.ThrowIf(_handle == 0, typeof(ResponseStream));
        if (_completed && !IsOutputDead)
        {
            throw new InvalidOperationException("Writing is not allowed after the response was completed.");
        }
    }
}
