// The response body's PipeWriter: its first memory is the slot's native block, so that small responses are never copied.
// What does not fit goes to rented arrays. When to send is the context's decision; how bytes are handed over is in ResponseWriter.Push.cs.

using System;
using System.Buffers;
using System.Collections.Generic;
using System.IO.Pipelines;
using System.Threading;
using System.Threading.Tasks;
using Mews.Server.Http;
using Mews.Server.Interop;

namespace Mews.Server.IO;

/// <summary>Body writer of one slot; one user at a time, as every PipeWriter.</summary>
internal sealed unsafe partial class ResponseWriter : PipeWriter
{
    private const int OverflowSize = 32 * 1024;

    private readonly MewsHttpContext _context;

    // The block: [0, _length) is waiting.
    private byte* _block;
    private int _capacity;
    private BlockMemory? _blockMemory;
    private int _length;

    // What came after the block was full: filled arrays first, then the one being filled.
    private Queue<ArraySegment<byte>>? _filled;
    private byte[]? _tail;
    private int _tailLength;
    private long _overflow;

    // The memory handed out last: where Advance adds to, and how much it may.
    private bool _handedTail;
    private int _handed;
    private bool _completed;
    private bool _cancelNext;

    internal ResponseWriter(MewsHttpContext context) => _context = context;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _length + _overflow;

    /// <summary>Whether everything waiting lies at the start of the block, so that its length says it all.</summary>
    internal bool IsInBlock => _overflow == 0;

    /// <summary>Bytes at the start of the block.</summary>
    internal int BlockLength => _length;

    /// <summary>Bytes that the block can still take.</summary>
    internal int BlockRoom => _capacity - _length;

    internal bool IsEmpty => _overflow == 0 && _length == 0;

    /// <summary>Prepares for an exchange whose block is this one.</summary>
    internal void Attach(RawExchange* exchange)
    {
        if (_block != exchange->block || _capacity != (int)exchange->block_cap)
        {
            _block = exchange->block;
            _capacity = (int)exchange->block_cap;
            _blockMemory = null;
        }
    }

    /// <summary>Forgets everything about the exchange.</summary>
    internal void Reset()
    {
        Drop();
        _handed = 0;
        _handedTail = false;
        _completed = false;
        _cancelNext = false;
    }

    /// <summary>Throws away what has not been sent.</summary>
    internal void Drop()
    {
        _length = 0;
        if (_tail is not null || _filled is { Count: > 0 })
        {
            DropOverflow();
        }
    }

    public override Span<byte> GetSpan(int sizeHint = 0)
    {
        if (_overflow == 0 && !_completed && _capacity - _length >= Math.Max(sizeHint, 1) && sizeHint >= 0)
        {
            _handedTail = false;
            _handed = _capacity - _length;
            return new Span<byte>(_block + _length, _handed);
        }

        return GetMemory(sizeHint).Span;
    }

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        ThrowIfCompleted();
        int wanted = Math.Max(sizeHint, 1);
        if (_overflow == 0 && _capacity - _length >= wanted)
        {
            _blockMemory ??= new BlockMemory(_block, _capacity);
            _handedTail = false;
            _handed = _capacity - _length;
            return _blockMemory.Memory.Slice(_length);
        }

        byte[] tail = TailFor(wanted);
        _handedTail = true;
        _handed = tail.Length - _tailLength;
        return tail.AsMemory(_tailLength);
    }

    public override void Advance(int bytes)
    {
        if ((uint)bytes > (uint)_handed)
        {
            throw new ArgumentOutOfRangeException(nameof(bytes), bytes, "Cannot advance past the memory that was handed out.");
        }

        _handed -= bytes;
        if (_handedTail)
        {
            _tailLength += bytes;
            _overflow += bytes;
        }
        else
        {
            _length += bytes;
        }
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfCompleted();
        return _context.FlushAsync(cancellationToken);
    }

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        ThrowIfCompleted();
        return _context.WriteAsync(source, cancellationToken);
    }

    public override void CancelPendingFlush()
    {
        if (!_context.InterruptFlush())
        {
            _cancelNext = true;
        }
    }

    public override void Complete(Exception? exception = null)
    {
        if (_completed)
        {
            return;
        }

        _completed = true;
        if (exception is not null)
        {
            _context.OnWriterFailed(exception);
        }
    }

    /// <summary>Whether a flush was cancelled before it began; true once.</summary>
    internal bool TakeCancellation()
    {
        bool cancel = _cancelNext;
        _cancelNext = false;
        return cancel;
    }

    /// <summary>Copies bytes into the block when they fit there.</summary>
    internal bool TryAppend(ReadOnlySpan<byte> bytes)
    {
        if (_overflow != 0 || bytes.Length > _capacity - _length)
        {
            return false;
        }

        bytes.CopyTo(new Span<byte>(_block + _length, _capacity - _length));
        _length += bytes.Length;
        _handed = 0;
        return true;
    }

    /// <summary>Copies bytes behind everything that waits.</summary>
    internal void Append(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length == 0 || TryAppend(bytes))
        {
            return;
        }

        byte[] tail = TailFor(bytes.Length);
        bytes.CopyTo(tail.AsSpan(_tailLength));
        _tailLength += bytes.Length;
        _overflow += bytes.Length;
        _handed = 0;
    }

    private byte[] TailFor(int wanted)
    {
        if (_tail is not null && _tail.Length - _tailLength >= wanted)
        {
            return _tail;
        }

        if (_tail is not null)
        {
            if (_tailLength == 0)
            {
                ArrayPool<byte>.Shared.Return(_tail);
            }
            else
            {
                (_filled ??= new Queue<ArraySegment<byte>>()).Enqueue(new ArraySegment<byte>(_tail, 0, _tailLength));
            }
        }

        _tailLength = 0;
        return _tail = ArrayPool<byte>.Shared.Rent(Math.Max(wanted, OverflowSize));
    }

    private void DropOverflow()
    {
        while (_filled is { Count: > 0 })
        {
            ArrayPool<byte>.Shared.Return(_filled.Dequeue().Array!);
        }

        if (_tail is not null)
        {
            ArrayPool<byte>.Shared.Return(_tail);
            _tail = null;
        }

        _tailLength = 0;
        _tailSent = 0;
        _filledSent = 0;
        _overflow = 0;
        _handed = 0;
    }

    private void ThrowIfCompleted()
    {
        if (_completed)
        {
            throw new InvalidOperationException("Writing is not allowed after writer was completed.");
        }
    }
}
