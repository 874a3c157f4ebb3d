// The response's head: status, reason, headers, the callbacks before it is fixed, and its way into the slot's head area.

using System;
using System.Collections.Generic;
using System.IO;
using System.Threading.Tasks;
using Mews.Server.Headers;
using Mews.Server.Interop;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace Mews.Server.Http;

internal abstract partial class MewsHttpContext : IHttpResponseFeature
{
    private ushort _statusCode = 200;
    private string? _reasonPhrase;
    private IHeaderDictionary? _responseHeadersOverride;
    private Stream? _responseBodyOverride;
    private List<KeyValuePair<Func<object, Task>, object>>? _onStarting;
    private List<KeyValuePair<Func<object, Task>, object>>? _onCompleted;

    // The head is fixed: status and headers cannot change any more. It may not have left yet.
    private bool _started;
    // The status allows no body: what is written is thrown away.
    private bool _bodiless;
    private bool _closeConnection;

    int IHttpResponseFeature.StatusCode
    {
        get => _statusCode;
        set
        {
            ThrowIfStarted("StatusCode");
            _statusCode = (ushort)value;
        }
    }

    string? IHttpResponseFeature.ReasonPhrase
    {
        get => _reasonPhrase;
        set
        {
            ThrowIfStarted("ReasonPhrase");
            CheckReason(value);
            _reasonPhrase = value;
        }
    }

    IHeaderDictionary IHttpResponseFeature.Headers
    {
        get => _responseHeadersOverride ?? _responseHeaders;
        set => _responseHeadersOverride = value;
    }

#pragma warning disable CS0618 // The framework still has this property; the stream of the body feature is the one that counts.
    Stream IHttpResponseFeature.Body
    {
        get => _responseBodyOverride ?? ResponseBody;
        set => _responseBodyOverride = value;
    }
#pragma warning restore CS0618

    bool IHttpResponseFeature.HasStarted => _started;

    void IHttpResponseFeature.OnStarting(Func<object, Task> callback, object state)
    {
        ArgumentNullException.ThrowIfNull(callback);
        ThrowIfStarted("OnStarting");
        (_onStarting ??= new()).Add(new(callback, state));
    }

    void IHttpResponseFeature.OnCompleted(Func<object, Task> callback, object state)
    {
        ArgumentNullException.ThrowIfNull(callback);
        (_onCompleted ??= new()).Add(new(callback, state));
    }

    private bool HasOnStarting => _onStarting is { Count: > 0 };

    private bool HasOnCompleted => _onCompleted is { Count: > 0 };

    private void ResetResponse()
    {
        _statusCode = 200;
        _reasonPhrase = null;
        _responseHeadersOverride = null;
        _responseBodyOverride = null;
        _onStarting?.Clear();
        _onCompleted?.Clear();
        _started = false;
        _bodiless = false;
        _closeConnection = false;
        _responseHeaders.Reset();
        ResetTrailers();
    }

    /// <summary>Runs the callbacks that want to see the response before it starts, the last registered first.</summary>
    /// <exception cref="ObjectDisposedException">One of them failed; the failure is recorded as the application's.</exception>
    private async Task RunOnStartingAsync()
    {
        // A callback may register another one, which then runs next.
        while (_onStarting is { Count: > 0 } callbacks)
        {
            KeyValuePair<Func<object, Task>, object> last = callbacks[^1];
            callbacks.RemoveAt(callbacks.Count - 1);
            try
            {
                await last.Key(last.Value);
            }
            catch (Exception error)
            {
                callbacks.Clear();
                RecordError(error);
                throw new ObjectDisposedException("The response has been aborted due to an unhandled application exception.", error);
            }
        }
    }

    /// <summary>Fixes the head and writes it to the slot's head area. Callbacks must have run.</summary>
    private void Start()
    {
        ThrowIfFailed();
        if (_statusCode > 999 || (_statusCode < 200 && !_upgrading))
        {
            throw new InvalidOperationException("The status code " + _statusCode + " cannot be sent as a response: it must be 200 to 999.");
        }

        WriteHead(_statusCode);
        _responseHeaders.Close();
        _started = true;
        _bodiless = _statusCode is 204 or 304;
        if (_bodiless)
        {
            _writer.Drop();
        }
    }

    private unsafe void WriteHead(ushort status)
    {
        RawExchange* exchange = Exchange();
        if (_responseHeadersOverride is not null)
        {
            TakeHeadersFrom(_responseHeadersOverride);
        }

        var writer = new HeadWriter(exchange, _handle, 0);
        int reason = string.IsNullOrEmpty(_reasonPhrase) ? 0 : writer.Reason(_reasonPhrase);
        _responseHeaders.WriteTo(ref writer);
        if (writer.Position == 0 && _mayHaveTrailers)
        {
            // Trailers begin at a position of the head area, and 0 means none: something must come before them.
            string standard = ReasonPhrases.GetReasonPhrase(status);
            reason = writer.Reason(standard.Length == 0 ? "-" : standard);
        }

        exchange->status = status;
        exchange->reason_len = (ushort)reason;
        exchange->response_content_length = _responseHeaders.ContentLengthOrNone;
        exchange->response_flags = (_closeConnection || _responseHeaders.WantsClose() ? ResponseFlags.CloseConnection : 0)
            | (IsCompressionOff ? ResponseFlags.Uncompressed : 0);
        exchange->trailers_at = 0;
        exchange->head_len = (uint)writer.Position;
    }

    private void TakeHeadersFrom(IHeaderDictionary headers)
    {
        _responseHeaders.Reset();
        foreach (var header in headers)
        {
            _responseHeaders[header.Key] = header.Value;
        }
    }

    private void ThrowIfStarted(string what)
    {
        if (_started)
        {
            throw new InvalidOperationException(what + " cannot be set because the response has already started.");
        }
    }

    private void ThrowIfFailed()
    {
        if (_error is not null && !_failing)
        {
            throw new ObjectDisposedException("The response has been aborted due to an unhandled application exception.", _error);
        }
    }

    private static void CheckReason(string? reason)
    {
        if (reason is null)
        {
            return;
        }

        foreach (char character in reason)
        {
            if (character is (< ' ' and not '\t') or > '~')
            {
                throw new InvalidOperationException(
                    "Invalid character 0x" + ((int)character).ToString("X4") + " in the reason phrase: only visible ASCII, spaces and tabs may stand there.");
            }
        }
    }
}
