// A slot's native block as managed memory. It owns nothing: slots live as long as the process.

using System;
using System.Buffers;

namespace Mews.Server.IO;

/// <summary>Lets a native block be handed out as <see cref="Memory{T}"/> without a copy.</summary>
internal sealed unsafe class BlockMemory : MemoryManager<byte>
{
    private readonly byte* _start;
    private readonly int _length;

    internal BlockMemory(byte* start, int length)
    {
        _start = start;
        _length = length;
    }

    public override Span<byte> GetSpan() => new(_start, _length);

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length, nameof(elementIndex));
        return new MemoryHandle(_start + elementIndex);
    }

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}
