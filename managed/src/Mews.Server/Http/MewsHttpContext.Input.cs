// Reading the request body, its size limit, and the rule about synchronous reads and writes.

using System;
using System.IO;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Mews.Server.Interop;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.Server.Http;

internal abstract partial class MewsHttpContext : IHttpMaxRequestBodySizeFeature, IHttpBodyControlFeature
{
    private bool _readingStarted;
    private bool _bodyEnded;
    private long _bodyRead;
    private long? _maxRequestBodySize;
    private bool _maxRequestBodySizeSet;
    private bool _allowSynchronousIO;
    private bool _allowSynchronousIOSet;
    // The first failure of the body: every later read fails in the same way.
    private Exception? _bodyError;

    bool IHttpMaxRequestBodySizeFeature.IsReadOnly => _readingStarted || _upgraded;

    long? IHttpMaxRequestBodySizeFeature.MaxRequestBodySize
    {
        get => MaxRequestBodySize;
        set
        {
            if (_readingStarted || _upgraded)
            {
                throw new InvalidOperationException(_upgraded
                    ? "The maximum request body size cannot be modified after the request has been upgraded."
                    : "The maximum request body size cannot be modified after the app has already started reading from the request body.");
            }

            if (value < 0)
            {
                throw new ArgumentOutOfRangeException(nameof(value), value, "Value must be null or a non-negative number.");
            }

            if (value > _settings.Host.MaxRequestBodySize)
            {
                Log.LimitAboveHosts(Logger, value.Value, _settings.Host.MaxRequestBodySize.Value);
            }

            _maxRequestBodySize = value;
            _maxRequestBodySizeSet = true;
        }
    }

    bool IHttpBodyControlFeature.AllowSynchronousIO
    {
        get => AllowSynchronousIO;
        set
        {
            _allowSynchronousIO = value;
            _allowSynchronousIOSet = true;
        }
    }

    /// <summary>Whether this request may read and write synchronously.</summary>
    internal bool AllowSynchronousIO => _allowSynchronousIOSet ? _allowSynchronousIO : _settings.AllowSynchronousIO;

    private long? MaxRequestBodySize
        => _upgraded ? null : _maxRequestBodySizeSet ? _maxRequestBodySize : _settings.MaxRequestBodySize;

    /// <summary>Reads some of the request body; 0 at its end.</summary>
    /// <param name="handle">The exchange the reader belongs to: a stream kept past its request must not read another one's body.</param>
    /// <param name="buffer">Where to; when empty, waits until data is there.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    internal ValueTask<int> ReadBodyAsync(ulong handle, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<int>(cancellationToken);
        }

        ObjectDisposedException.ThrowIf(_handle != handle, typeof(IO.RequestStream));
        if (!_hasBody || _upgraded)
        {
            return new ValueTask<int>(0);
        }

        if (IsReadingOver())
        {
            return ValueTask.FromException<int>(_bodyError!);
        }

        if (!_readingStarted && !StartReading())
        {
            return ValueTask.FromException<int>(_bodyError!);
        }

        int read = Native.BodyRead(handle, buffer.Span);
        if (read == Status.WouldBlock)
        {
            return ReadSlowAsync(handle, buffer, cancellationToken);
        }

        return TryAccount(ref read, buffer.Length) ? new ValueTask<int>(read) : ValueTask.FromException<int>(_bodyError!);
    }

    private void ResetInput()
    {
        _readingStarted = false;
        _bodyEnded = false;
        _bodyRead = 0;
        _maxRequestBodySize = null;
        _maxRequestBodySizeSet = false;
        _allowSynchronousIO = false;
        _allowSynchronousIOSet = false;
        _bodyError = null;
        _readable.Reset();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadSlowAsync(ulong handle, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            await _readable.WaitAsync(cancellationToken);
            if (_handle != handle)
            {
                throw new ConnectionAbortedException("The request has ended; its body can no longer be read.");
            }

            if (IsReadingOver())
            {
                throw _bodyError!;
            }

            int read = Native.BodyRead(handle, buffer.Span);
            if (read != Status.WouldBlock)
            {
                return TryAccount(ref read, buffer.Length) ? read : throw _bodyError!;
            }
        }
    }

    // Whether every read fails from now on, with the reason in _bodyError.
    private bool IsReadingOver()
    {
        if (_bodyError is null && _applicationAborted)
        {
            _bodyError = AbortError();
        }

        return _bodyError is not null;
    }

    private Exception AbortError() => _reset
        ? new ConnectionResetException("The stream was reset by the application.")
        : new ConnectionAbortedException("The connection was aborted by the application.");

    private bool StartReading()
    {
        _readingStarted = true;
        if (_requestContentLength > MaxRequestBodySize)
        {
            _bodyError = TooLarge();
            return false;
        }

        return true;
    }

    // Turns the native answer into a count, keeping the books; false when reading failed, with the reason in _bodyError.
    private bool TryAccount(ref int read, int wanted)
    {
        if (read > 0)
        {
            if (wanted == 0)
            {
                // Only the question whether data waits.
                read = 0;
                return true;
            }

            _bodyRead += read;
            if (_bodyRead > MaxRequestBodySize)
            {
                _bodyError = TooLarge();
                return false;
            }

            return true;
        }

        if (read == 0)
        {
            if (!_bodyEnded)
            {
                _bodyEnded = true;
                ReadRequestTrailers();
            }

            return true;
        }

        _bodyError = read switch
        {
            Status.MalformedBody => BadRequest("The request body is malformed.", StatusCodes.Status400BadRequest),
            Status.BodyTooLarge => TooLarge(),
            Status.BodyTimedOut => BadRequest("Reading the request body timed out: the client sent it too slowly.", StatusCodes.Status408RequestTimeout),
            _ when _applicationAborted => AbortError(),
            _ => new ConnectionResetException("The client has disconnected."),
        };
        if (read is Status.Gone)
        {
            OnAbort(_handle);
        }

        return false;
    }

    private BadHttpRequestException TooLarge()
        => BadRequest("Request body too large. The max request body size is " + (MaxRequestBodySize ?? _settings.Host.MaxRequestBodySize) + " bytes.", StatusCodes.Status413PayloadTooLarge);

    private static BadHttpRequestException BadRequest(string message, int status) => new(message, status);
}
