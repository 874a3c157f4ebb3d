// When what happened to the request before the app saw it, in ticks of Stopwatch (nanoseconds of the monotonic clock).

using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Diagnostics;
using Mews.Server.Interop;
using Microsoft.AspNetCore.Server.HttpSys;

namespace Mews.Server.Http;

internal abstract partial class MewsHttpContext : IHttpSysRequestTimingFeature, IHttpSysRequestInfoFeature
{
    private const int TimestampCount = (int)HttpSysRequestTimingType.Http3HeaderDecodeEnd + 1;

    /// <summary>The platform's number for the timing block among the kinds of request information.</summary>
    private const int RequestTimingInfo = 5;

    private long[]? _timestamps;
    private Dictionary<int, ReadOnlyMemory<byte>>? _requestInfo;

    ReadOnlySpan<long> IHttpSysRequestTimingFeature.Timestamps => Timestamps;

    IReadOnlyDictionary<int, ReadOnlyMemory<byte>> IHttpSysRequestInfoFeature.RequestInfo => _requestInfo ??= MakeRequestInfo();

    private long[] Timestamps => _timestamps ??= ReadTimestamps();

    bool IHttpSysRequestTimingFeature.TryGetTimestamp(HttpSysRequestTimingType timestampType, out long timestamp)
    {
        long[] timestamps = Timestamps;
        timestamp = (uint)timestampType < (uint)timestamps.Length ? timestamps[(int)timestampType] : 0;
        return timestamp != 0;
    }

    bool IHttpSysRequestTimingFeature.TryGetElapsedTime(
        HttpSysRequestTimingType startingTimestampType, HttpSysRequestTimingType endingTimestampType, out TimeSpan elapsed)
    {
        IHttpSysRequestTimingFeature timing = this;
        if (timing.TryGetTimestamp(startingTimestampType, out long start) && timing.TryGetTimestamp(endingTimestampType, out long end))
        {
            elapsed = Stopwatch.GetElapsedTime(start, end);
            return true;
        }

        elapsed = default;
        return false;
    }

    private void ResetTiming()
    {
        _timestamps = null;
        _requestInfo = null;
    }

    private unsafe long[] ReadTimestamps()
    {
        var timestamps = new long[TimestampCount];
        if (_handle == 0)
        {
            return timestamps;
        }

        RawExchange* exchange = Exchange();
        timestamps[(int)HttpSysRequestTimingType.ConnectionStart] = exchange->connection->started_ns;
        timestamps[(int)HttpSysRequestTimingType.DataStart] = exchange->parse_start_ns;
        timestamps[(int)HttpSysRequestTimingType.TlsHandshakeLeg1Start] = exchange->connection->tls_leg1_start_ns;
        timestamps[(int)HttpSysRequestTimingType.TlsHandshakeLeg1End] = exchange->connection->tls_leg1_end_ns;
        timestamps[(int)HttpSysRequestTimingType.TlsHandshakeLeg2Start] = exchange->connection->tls_leg2_start_ns;
        timestamps[(int)HttpSysRequestTimingType.TlsHandshakeLeg2End] = exchange->connection->tls_leg2_end_ns;
        if (_version >= 20)
        {
            bool http3 = _version >= 30;
            timestamps[(int)(http3 ? HttpSysRequestTimingType.Http3StreamStart : HttpSysRequestTimingType.Http2StreamStart)] = exchange->parse_start_ns;
            timestamps[(int)(http3 ? HttpSysRequestTimingType.Http3HeaderDecodeStart : HttpSysRequestTimingType.Http2HeaderDecodeStart)] = exchange->parse_start_ns;
            timestamps[(int)(http3 ? HttpSysRequestTimingType.Http3HeaderDecodeEnd : HttpSysRequestTimingType.Http2HeaderDecodeEnd)] = exchange->parse_end_ns;
        }

        timestamps[(int)HttpSysRequestTimingType.RequestHeaderParseStart] = exchange->parse_start_ns;
        timestamps[(int)HttpSysRequestTimingType.RequestHeaderParseEnd] = exchange->parse_end_ns;
        timestamps[(int)HttpSysRequestTimingType.RequestRoutingStart] = exchange->parse_end_ns;
        timestamps[(int)HttpSysRequestTimingType.RequestRoutingEnd] = exchange->dispatch_ns;
        timestamps[(int)HttpSysRequestTimingType.RequestQueuedForIO] = exchange->parse_end_ns;
        timestamps[(int)HttpSysRequestTimingType.RequestDeliveredForIO] = exchange->dispatch_ns;
        return timestamps;
    }

    // The block as the platform lays it out: a count of eight bytes, then the values.
    private Dictionary<int, ReadOnlyMemory<byte>> MakeRequestInfo()
    {
        long[] timestamps = Timestamps;
        var bytes = new byte[8 + timestamps.Length * 8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, timestamps.Length);
        for (int i = 0; i < timestamps.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8 + i * 8), timestamps[i]);
        }

        return new Dictionary<int, ReadOnlyMemory<byte>> { [RequestTimingInfo] = bytes };
    }
}
