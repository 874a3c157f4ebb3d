// The request line and headers. Everything is made from the slot's bytes when first asked for; the app may replace all of it.

using System;
using System.Diagnostics;
using System.IO;
using System.Text;
using Mews.Server.Headers;
using Mews.Server.IO;
using Mews.Server.Interop;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.Server.Http;

internal abstract partial class MewsHttpContext : IHttpRequestFeature, IHttpRequestIdentifierFeature, IHttpRequestBodyDetectionFeature
{
    private const int CachedTargetLimit = 512;
    private const int TraceIdLength = 32;

    private string? _method;
    private string? _scheme;
    private string? _protocol;
    private string? _path;
    private string? _pathBase;
    private string? _queryString;
    private string? _rawTarget;
    private string? _traceIdentifier;
    private IHeaderDictionary? _requestHeadersOverride;
    private Stream? _requestBody;
    private int _version;
    private bool _hasBody;
    private long _requestContentLength = -1;

    // The last path of this slot: the same target again needs no decoding. Holds a public part of an earlier request, never a query.
    private byte[] _cachedTarget = Array.Empty<byte>();
    private string _cachedPathBase = string.Empty;
    private string _cachedPath = string.Empty;

    string IHttpRequestFeature.Method { get => _method ??= ReadMethod(); set => _method = value; }

    string IHttpRequestFeature.Scheme { get => _scheme ??= IsTls ? "https" : "http"; set => _scheme = value; }

    string IHttpRequestFeature.Protocol { get => _protocol ??= ReadProtocol(); set => _protocol = value; }

    string IHttpRequestFeature.Path
    {
        get
        {
            if (_path is null)
            {
                ReadPath();
            }

            return _path!;
        }
        set => _path = value;
    }

    string IHttpRequestFeature.PathBase
    {
        get
        {
            if (_pathBase is null)
            {
                ReadPath();
            }

            return _pathBase!;
        }
        set => _pathBase = value;
    }

    string IHttpRequestFeature.QueryString { get => _queryString ??= ReadQuery(); set => _queryString = value; }

    string IHttpRequestFeature.RawTarget { get => _rawTarget ??= ReadRawTarget(); set => _rawTarget = value; }

    IHeaderDictionary IHttpRequestFeature.Headers
    {
        get => _requestHeadersOverride ?? _requestHeaders;
        set => _requestHeadersOverride = value;
    }

    Stream IHttpRequestFeature.Body
    {
        get => _requestBody ??= new RequestStream(this, _handle);
        set => _requestBody = value;
    }

    bool IHttpRequestBodyDetectionFeature.CanHaveBody => _hasBody;

    string IHttpRequestIdentifierFeature.TraceIdentifier
    {
        get => _traceIdentifier ??= MakeTraceIdentifier();
        set => _traceIdentifier = value;
    }

    private unsafe void BeginRequest(RawExchange* exchange)
    {
        _version = exchange->version;
        _hasBody = (exchange->request_flags & RequestFlags.HasBody) != 0;
        _requestContentLength = exchange->content_length;
        _requestHeaders.Attach(exchange->headers, exchange->header_count);
        if (!_hasBody)
        {
            return;
        }

        if ((exchange->request_flags & RequestFlags.Chunked) != 0)
        {
            if (_requestHeaders.SetContentLengthAside())
            {
                _requestContentLength = -1;
                _closeConnection = !_settings.KeepAliveAfterBothLengths;
            }
        }
        else if (_version >= 20 && _requestContentLength < 0)
        {
            _requestHeaders.AddChunked();
        }
    }

    /// <summary>Says which trace the framework has begun for the request, when the worker's log asks.</summary>
    protected unsafe void TellTrace()
    {
        RawExchange* exchange = Exchange();
        if ((exchange->request_flags & RequestFlags.AsksForTrace) != 0
            && Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity)
        {
            Ascii.FromUtf16(activity.TraceId.ToHexString(), new Span<byte>(exchange->trace, TraceIdLength), out _);
        }
    }

    private void ResetRequest()
    {
        _method = null;
        _scheme = null;
        _protocol = null;
        _path = null;
        _pathBase = null;
        _queryString = null;
        _rawTarget = null;
        _traceIdentifier = null;
        _requestHeadersOverride = null;
        _requestBody = null;
        _version = 0;
        _hasBody = false;
        _requestContentLength = -1;
        _requestHeaders.Detach();
    }

    private unsafe ReadOnlySpan<byte> Target()
    {
        RawExchange* exchange = Exchange();
        return _handle == 0 ? default : new ReadOnlySpan<byte>(exchange->target, (int)exchange->target_len);
    }

    private unsafe string ReadMethod()
    {
        RawExchange* exchange = Exchange();
        ReadOnlySpan<byte> method = _handle == 0 ? default : new ReadOnlySpan<byte>(exchange->method, exchange->method_len);
        switch (method.Length)
        {
            case 3:
                if (method.SequenceEqual("GET"u8))
                {
                    return HttpMethods.Get;
                }

                return method.SequenceEqual("PUT"u8) ? HttpMethods.Put : Encoding.Latin1.GetString(method);
            case 4:
                if (method.SequenceEqual("POST"u8))
                {
                    return HttpMethods.Post;
                }

                return method.SequenceEqual("HEAD"u8) ? HttpMethods.Head : Encoding.Latin1.GetString(method);
            case 5 when method.SequenceEqual("PATCH"u8):
                return HttpMethods.Patch;
            case 6 when method.SequenceEqual("DELETE"u8):
                return HttpMethods.Delete;
            case 7 when method.SequenceEqual("OPTIONS"u8):
                return HttpMethods.Options;
            default:
                return Encoding.Latin1.GetString(method);
        }
    }

    private string ReadProtocol() => _version switch
    {
        10 => HttpProtocol.Http10,
        20 => HttpProtocol.Http2,
        30 => HttpProtocol.Http3,
        _ => HttpProtocol.Http11,
    };

    private void ReadPath()
    {
        RequestPath.SplitTarget(Target(), out ReadOnlySpan<byte> raw, out _);
        if (raw.Length == 0 || raw[0] != (byte)'/')
        {
            // '*' of OPTIONS and the authority of CONNECT name no resource of an application.
            _path ??= string.Empty;
            _pathBase ??= string.Empty;
            return;
        }

        if (!raw.SequenceEqual(_cachedTarget))
        {
            RequestPath.SplitBase(RequestPath.Decode(raw), _settings.Host.VirtualPath, out _cachedPathBase, out _cachedPath);
            _cachedTarget = raw.Length <= CachedTargetLimit ? raw.ToArray() : Array.Empty<byte>();
        }

        _path ??= _cachedPath;
        _pathBase ??= _cachedPathBase;
    }

    private string ReadQuery()
    {
        RequestPath.SplitTarget(Target(), out _, out ReadOnlySpan<byte> query);
        return query.Length == 0 ? string.Empty : Encoding.UTF8.GetString(query);
    }

    private string ReadRawTarget() => Encoding.Latin1.GetString(Target());

    private unsafe string MakeTraceIdentifier()
    {
        // A GUID whose first half is the request's number: unique in the process and of the shape that apps' logs expect.
        // Written by hand: every request of an app that logs asks for it.
        ulong id = _handle == 0 ? 0 : Exchange()->request_id;
        return string.Create(36, id, static (text, id) =>
        {
            "00000000-0000-0000-b63f-84710c7967bb".CopyTo(text);
            Hex(text[..8], (uint)id);
            Hex(text.Slice(9, 4), (ushort)(id >> 32));
            Hex(text.Slice(14, 4), (ushort)(id >> 48));
        });
    }

    private static void Hex(Span<char> text, uint number)
    {
        for (int i = text.Length - 1; i >= 0; i--)
        {
            text[i] = "0123456789abcdef"[(int)(number & 15)];
            number >>= 4;
        }
    }
}
