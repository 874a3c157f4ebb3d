// Trailers of request and response, and resetting a stream of HTTP/2 and later.

using System;
using System.Text;
using Mews.Server.Headers;
using Mews.Server.Interop;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.Server.Http;

internal abstract partial class MewsHttpContext : IHttpResponseTrailersFeature, IHttpRequestTrailersFeature, IHttpResetFeature
{
    private ResponseTrailers? _responseTrailers;
    private IHeaderDictionary? _responseTrailersOverride;
    private HeaderDictionary? _requestTrailers;
    private bool _mayHaveTrailers;
    private bool _requestTrailersRead;
    // The app has reset the stream: what it still reads fails as if the other side had done it.
    private bool _reset;

    IHeaderDictionary IHttpResponseTrailersFeature.Trailers
    {
        get => _responseTrailersOverride ?? (_responseTrailers ??= new ResponseTrailers());
        set => _responseTrailersOverride = value;
    }

    // A request without a body has none and never will: they are available at once, and empty.
    bool IHttpRequestTrailersFeature.Available => _requestTrailersRead || !_hasBody;

    IHeaderDictionary IHttpRequestTrailersFeature.Trailers
    {
        get
        {
            if (!_requestTrailersRead && _hasBody)
            {
                throw new InvalidOperationException("The request trailers are not available yet: read the request body to its end first.");
            }

            return _requestTrailers ??= new HeaderDictionary();
        }
    }

    void IHttpResetFeature.Reset(int errorCode)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(errorCode);
        _reset = true;
        AbortExchange(errorCode);
    }

    private void ResetTrailers()
    {
        _responseTrailers?.Reset();
        _responseTrailersOverride = null;
        _requestTrailers = null;
        _mayHaveTrailers = false;
        _requestTrailersRead = false;
        _reset = false;
    }

    /// <summary>Copies the trailers that came after the request body; they are valid only now.</summary>
    private unsafe void ReadRequestTrailers()
    {
        if (_requestTrailersRead)
        {
            return;
        }

        _requestTrailersRead = true;
        RawExchange* exchange = Exchange();
        for (int i = 0; i < exchange->request_trailer_count; i++)
        {
            RawHeader* trailer = exchange->request_trailers + i;
            string name = Encoding.Latin1.GetString(trailer->name, trailer->name_len);
            string value = Native.Text(trailer->value, trailer->value_len);
            (_requestTrailers ??= new HeaderDictionary()).Append(name, value);
        }
    }

    private unsafe void WriteTrailers()
    {
        if (!_mayHaveTrailers || _handle == 0)
        {
            return;
        }

        if (_responseTrailersOverride is not null)
        {
            _responseTrailers ??= new ResponseTrailers();
            _responseTrailers.Reset();
            foreach (var trailer in _responseTrailersOverride)
            {
                _responseTrailers[trailer.Key] = trailer.Value;
            }
        }

        if (_responseTrailers is null || _responseTrailers.IsEmpty)
        {
            return;
        }

        RawExchange* exchange = Exchange();
        int position = (int)exchange->head_len;
        var writer = new HeadWriter(exchange, _handle, position);
        _responseTrailers.WriteTo(ref writer);
        _responseTrailers.Close();
        exchange->trailers_at = (uint)position;
        exchange->head_len = (uint)writer.Position;
    }
}
