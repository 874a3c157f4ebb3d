// The response's trailers: like headers, but names that only make sense before a body are refused.

using System;
using System.Collections.Generic;
using System.Numerics;
using Microsoft.Extensions.Primitives;

namespace Mews.Server.Headers;

/// <summary>Response trailers of one exchange.</summary>
internal sealed class ResponseTrailers : HeaderStore
{
    private static readonly HashSet<string> s_forbidden = new(StringComparer.OrdinalIgnoreCase)
    {
        "Transfer-Encoding", "Content-Length", "Host", "Cache-Control", "Expect", "Max-Forwards", "Pragma", "Range", "TE",
        "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "WWW-Authenticate", "Authorization",
        "Proxy-Authenticate", "Proxy-Authorization", "Set-Cookie", "Cookie", "Age", "Expires", "Date", "Location", "Retry-After",
        "Vary", "Warning", "Content-Encoding", "Content-Type", "Content-Range", "Trailer",
    };

    private bool _closed;

    public override bool IsReadOnly => _closed;

    /// <summary>Whether there is nothing to send.</summary>
    internal bool IsEmpty => Present == 0 && Others.Length == 0;

    /// <summary>Refuses any change from now on.</summary>
    internal void Close() => _closed = true;

    /// <summary>Empties and opens the collection for the next response.</summary>
    internal void Reset()
    {
        _closed = false;
        ClearStorage();
    }

    /// <summary>Writes one record for each value; unlike in headers an empty value is sent.</summary>
    internal void WriteTo(ref HeadWriter writer)
    {
        for (ulong rest = Present; rest != 0; rest &= rest - 1)
        {
            int number = BitOperations.TrailingZeroCount(rest);
            StringValues values = Get(number);
            for (int i = 0; i < values.Count; i++)
            {
                writer.Record(number, string.Empty, values[i] ?? string.Empty);
            }
        }

        foreach (var header in Others)
        {
            for (int i = 0; i < header.Value.Count; i++)
            {
                writer.Record(KnownHeader.None, header.Key, header.Value[i] ?? string.Empty);
            }
        }
    }

    protected override void Validate(int number, string name, StringValues value)
    {
        string shown = number == KnownHeader.None ? name : KnownHeader.Name(number);
        HeaderRules.CheckName(shown);
        if (s_forbidden.Contains(shown))
        {
            throw new InvalidOperationException("'" + shown + "' is not allowed in response trailers.");
        }

        HeaderRules.CheckValues(shown, value);
    }

    protected override void ThrowIfReadOnly()
    {
        if (_closed)
        {
            throw new InvalidOperationException("Trailers are read-only, the response has already been completed.");
        }
    }
}
