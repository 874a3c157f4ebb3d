// The response's headers: checked when set, closed when the response starts, written as head records.

using System;
using System.Numerics;
using Microsoft.Extensions.Primitives;

namespace Mews.Server.Headers;

/// <summary>Response headers of one exchange.</summary>
internal sealed class ResponseHeaders : HeaderStore
{
    private const ulong FramingBits =
        (1UL << KnownHeader.Connection) | (1UL << KnownHeader.ContentLength) | (1UL << KnownHeader.TransferEncoding);

    private bool _closed;

    public override bool IsReadOnly => _closed;

    /// <summary>Refuses any change from now on.</summary>
    internal void Close() => _closed = true;

    /// <summary>Empties and opens the collection for the next response.</summary>
    internal void Reset()
    {
        _closed = false;
        ClearStorage();
    }

    /// <summary>Writes every header but the framing ones, which the native side makes itself.</summary>
    internal void WriteTo(ref HeadWriter writer)
    {
        for (ulong rest = Present & ~FramingBits; rest != 0; rest &= rest - 1)
        {
            int number = BitOperations.TrailingZeroCount(rest);
            StringValues values = Get(number);
            for (int i = 0; i < values.Count; i++)
            {
                string? value = values[i];
                if (!string.IsNullOrEmpty(value))
                {
                    writer.Record(number, string.Empty, value);
                }
            }
        }

        foreach (var header in Others)
        {
            for (int i = 0; i < header.Value.Count; i++)
            {
                string? value = header.Value[i];
                if (!string.IsNullOrEmpty(value))
                {
                    writer.Record(KnownHeader.None, header.Key, value);
                }
            }
        }

        if ((Present & (1UL << KnownHeader.Connection)) != 0)
        {
            WriteConnection(ref writer);
        }
    }

    /// <summary>Whether the app wants the connection closed after this response.</summary>
    internal bool WantsClose()
    {
        if ((Present & (1UL << KnownHeader.Connection)) == 0)
        {
            return false;
        }

        StringValues values = Get(KnownHeader.Connection);
        for (int i = 0; i < values.Count; i++)
        {
            foreach (Range part in values[i].AsSpan().Split(','))
            {
                if (values[i].AsSpan()[part].Trim().Equals("close", StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }

        return false;
    }

    protected override void Validate(int number, string name, StringValues value)
    {
        if (number == KnownHeader.None)
        {
            HeaderRules.CheckName(name);
        }

        HeaderRules.CheckValues(number == KnownHeader.None ? name : KnownHeader.Name(number), value);
    }

    protected override void ThrowIfReadOnly()
    {
        if (_closed)
        {
            throw new InvalidOperationException("Headers are read-only, response has already started.");
        }
    }

    // 'close' travels as a flag and 'keep-alive' is the native side's business; what is left ('Upgrade') is an ordinary line.
    private void WriteConnection(ref HeadWriter writer)
    {
        StringValues values = Get(KnownHeader.Connection);
        for (int i = 0; i < values.Count; i++)
        {
            string value = values[i] ?? string.Empty;
            if (value.Length != 0
                && !value.Equals("close", StringComparison.OrdinalIgnoreCase)
                && !value.Equals("keep-alive", StringComparison.OrdinalIgnoreCase))
            {
                writer.Record(KnownHeader.None, KnownHeader.Name(KnownHeader.Connection), value);
            }
        }
    }
}
