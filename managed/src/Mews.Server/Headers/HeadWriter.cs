// Writes reason phrase and header records into a slot's head area, which grows as needed.
// Format and limits are those of the function table's specification.

using System;
using System.Runtime.CompilerServices;
using System.Text;
using Mews.Server.Interop;

namespace Mews.Server.Headers;

/// <summary>A position in the head area of one exchange.</summary>
internal unsafe ref struct HeadWriter
{
    private const int RecordOverhead = 8;

    private readonly RawExchange* _exchange;
    private readonly ulong _handle;

    internal HeadWriter(RawExchange* exchange, ulong handle, int position)
    {
        _exchange = exchange;
        _handle = handle;
        Position = position;
    }

    /// <summary>Bytes of the head area in use.</summary>
    internal int Position { get; private set; }

    /// <summary>Writes text as it is, in Latin-1, and answers its length.</summary>
    internal int Reason(string text)
    {
        int length = Math.Min(text.Length, ushort.MaxValue);
        Reserve(length);
        Encoding.Latin1.GetBytes(text.AsSpan(0, length), Free());
        Position += length;
        return length;
    }

    /// <summary>Writes one record. <paramref name="name"/> is only looked at when <paramref name="number"/> is 0.</summary>
    internal void Record(int number, string name, string value)
    {
        // One UTF-16 unit is at most three bytes of UTF-8; names are ASCII.
        Reserve(RecordOverhead + name.Length + checked(value.Length * 3));
        Span<byte> free = Free();
        int nameLength = number == KnownHeader.None ? Encoding.ASCII.GetBytes(name, free.Slice(RecordOverhead)) : 0;
        int valueLength = Encoding.UTF8.GetBytes(value, free.Slice(RecordOverhead + nameLength));
        free[0] = (byte)number;
        free[1] = 0;
        Unsafe.WriteUnaligned(ref free[2], (ushort)nameLength);
        Unsafe.WriteUnaligned(ref free[4], (uint)valueLength);
        Position += RecordOverhead + nameLength + valueLength;
    }

    private readonly Span<byte> Free() => new(_exchange->head + Position, (int)_exchange->head_cap - Position);

    private readonly void Reserve(int bytes)
    {
        int needed = checked(Position + bytes);
        if (needed <= _exchange->head_cap)
        {
            return;
        }

        int status = Native.HeadGrow(_handle, needed);
        if (status == Status.Unsupported)
        {
            throw new InvalidOperationException("The response's headers are larger than 1 MiB, which is more than Mews sends.");
        }

        if (status != Status.Done || needed > _exchange->head_cap)
        {
            throw new OperationCanceledException("The exchange ended before its headers could be written.");
        }
    }
}
