// Handing waiting bytes over to the native side, whole or as far as its window allows,
// and the postponed flush of a request that is still running on its I/O thread.

using System;
using System.Buffers;
using System.Threading;
using Mews.Server.Interop;

namespace Mews.Server.IO;

/// <summary>What became of an attempt to send.</summary>
internal enum Push
{
    /// <summary>Everything was taken and there is room for more.</summary>
    Done,

    /// <summary>The window is full: wait for <c>on_writable</c>, then try again.</summary>
    Wait,

    /// <summary>Nothing will be sent any more; what waited was dropped.</summary>
    Gone,

    /// <summary>The native side refuses more body: the response is complete, or longer than announced.</summary>
    Refused,
}

internal sealed unsafe partial class ResponseWriter
{
    private const int NotDeferred = 0;
    private const int Deferred = 1;
    private const int Sweeping = 2;

    // Guards sending: the app's flush, the end of the inline phase and the sweep of postponed flushes may meet.
    private readonly object _pushGate = new();
    private int _deferred;
    // [0, _flushed) of the block has been flushed as far as the app can tell.
    private int _flushed;
    private int _filledSent;
    private int _tailSent;

    /// <summary>Whether a flush is postponed.</summary>
    internal bool IsDeferred => Volatile.Read(ref _deferred) != NotDeferred;

    /// <summary>
    /// Counts what is in the block as flushed, to be sent when the request leaves its I/O thread, ends, or takes too long.
    /// False when it must be sent now: more waits than the block holds, or part of the block is on its way already.
    /// </summary>
    internal bool TryDefer()
    {
        // An earlier postponed flush is taken back first: a sweep may be sending it at this moment.
        if (Volatile.Read(ref _deferred) != NotDeferred)
        {
            TakeDeferred();
        }

        if (!IsInBlock)
        {
            return false;
        }

        _flushed = _length;
        Volatile.Write(ref _deferred, Deferred);
        return true;
    }

    /// <summary>Takes a postponed flush back because the response is about to end; false when part of the block was sent meanwhile.</summary>
    internal bool TakeDeferred()
    {
        if (Volatile.Read(ref _deferred) == NotDeferred
            || Interlocked.CompareExchange(ref _deferred, NotDeferred, Deferred) == Deferred)
        {
            return _sent == 0;
        }

        lock (_pushGate)
        {
            // The sweep has ended. What it could not send is still in the block.
            _deferred = NotDeferred;
            return _sent == 0;
        }
    }

    /// <summary>Sends a postponed flush, if there is one. Any thread; the app may be writing behind it at the same time.</summary>
    internal void PushDeferred()
    {
        lock (_pushGate)
        {
            if (Interlocked.CompareExchange(ref _deferred, Sweeping, Deferred) != Deferred)
            {
                return;
            }

            // Read here and not before: a postponed flush always belongs to the exchange that is running now.
            int flushed = Volatile.Read(ref _flushed);
            long taken = Native.BodyWrite(_context.Handle, 0, new ReadOnlySpan<byte>(_block + _sent, flushed - _sent));
            if (taken > 0 && flushed > _sent)
            {
                _sent += (int)Math.Min(taken, flushed - _sent);
            }

            // What the window had no room for stays postponed until on_writable; after an error the app's next flush finds out.
            Volatile.Write(ref _deferred, taken >= 0 && _sent < flushed ? Deferred : NotDeferred);
        }
    }

    /// <summary>Sends everything that waits, then <paramref name="extra"/>.</summary>
    /// <param name="handle">The exchange.</param>
    /// <param name="extra">Bytes of the app's own, read only during the call.</param>
    /// <param name="force">Calls the native side even when nothing waits, which starts the response.</param>
    /// <param name="taken">How many bytes of <paramref name="extra"/> were taken.</param>
    internal Push TryPush(ulong handle, ReadOnlySpan<byte> extra, bool force, out int taken)
    {
        taken = 0;
        lock (_pushGate)
        {
            _deferred = NotDeferred;
            while (true)
            {
                int blockLength = _sent == 0 ? _length : 0;
                Source source = NextSource(extra.Length - taken);
                if (source == Source.None && blockLength == 0 && !force)
                {
                    return Push.Done;
                }

                ReadOnlySpan<byte> bytes = Bytes(source, extra[taken..]);
                long answer = Native.BodyWrite(handle, blockLength, bytes);
                force = false;
                if (answer < 0)
                {
                    Drop();
                    return answer == Status.InvalidCall ? Push.Refused : Push.Gone;
                }

                if (blockLength != 0)
                {
                    _length = 0;
                    _flushed = 0;
                    _handed = 0;
                }

                if (bytes.Length == 0)
                {
                    return answer == Status.Done ? Push.Done : Push.Wait;
                }

                int count = (int)Math.Min(answer, bytes.Length);
                Consume(source, count, ref taken);
                if (count < bytes.Length)
                {
                    return Push.Wait;
                }
            }
        }
    }

    private enum Source
    {
        None,
        Block,
        Filled,
        Tail,
        Extra,
    }

    private Source NextSource(int extraLeft)
    {
        if (_sent != 0 && _length > _sent)
        {
            return Source.Block;
        }

        if (_filled is { Count: > 0 })
        {
            return Source.Filled;
        }

        return _tailLength > _tailSent ? Source.Tail : extraLeft != 0 ? Source.Extra : Source.None;
    }

    private ReadOnlySpan<byte> Bytes(Source source, ReadOnlySpan<byte> extra)
    {
        switch (source)
        {
            case Source.Block:
                return new ReadOnlySpan<byte>(_block + _sent, _length - _sent);
            case Source.Filled:
                return _filled!.Peek().AsSpan(_filledSent);
            case Source.Tail:
                return _tail.AsSpan(_tailSent, _tailLength - _tailSent);
            case Source.Extra:
                return extra;
            default:
                // The block's sent prefix is free again.
                if (_sent != 0)
                {
                    _length = 0;
                    _sent = 0;
                    _flushed = 0;
                    _handed = 0;
                }

                return default;
        }
    }

    private void Consume(Source source, int count, ref int taken)
    {
        switch (source)
        {
            case Source.Block:
                _sent += count;
                if (_sent == _length)
                {
                    _sent = 0;
                    _length = 0;
                    _flushed = 0;
                    _handed = 0;
                }

                break;
            case Source.Filled:
                _filledSent += count;
                _overflow -= count;
                ArraySegment<byte> first = _filled!.Peek();
                if (_filledSent == first.Count)
                {
                    _filled.Dequeue();
                    _filledSent = 0;
                    ArrayPool<byte>.Shared.Return(first.Array!);
                }

                break;
            case Source.Tail:
                _tailSent += count;
                _overflow -= count;
                if (_tailSent == _tailLength)
                {
                    DropOverflow();
                }

                break;
            case Source.Extra:
                taken += count;
                break;
        }
    }
}
