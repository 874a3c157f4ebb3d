// Handing waiting bytes over to the native side, whole or as far as its window allows.

using System;
using System.Buffers;
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
    private int _filledSent;
    private int _tailSent;

    /// <summary>Sends everything that waits, then <paramref name="extra"/>.</summary>
    /// <param name="handle">The exchange.</param>
    /// <param name="extra">Bytes of the app's own, read only during the call.</param>
    /// <param name="force">Calls the native side even when nothing waits, which starts the response.</param>
    /// <param name="taken">How many bytes of <paramref name="extra"/> were taken.</param>
    internal Push TryPush(ulong handle, ReadOnlySpan<byte> extra, bool force, out int taken)
    {
        taken = 0;
        while (true)
        {
            Source source = NextSource(extra.Length - taken);
            if (source == Source.None && _length == 0 && !force)
            {
                return Push.Done;
            }

            ReadOnlySpan<byte> bytes = Bytes(source, extra[taken..]);
            long answer = Native.BodyWrite(handle, _length, bytes);
            force = false;
            if (answer < 0)
            {
                Drop();
                return answer == Status.InvalidCall ? Push.Refused : Push.Gone;
            }

            // The block is always taken whole.
            _length = 0;
            _handed = 0;
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

    private enum Source
    {
        None,
        Filled,
        Tail,
        Extra,
    }

    private Source NextSource(int extraLeft)
    {
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
            case Source.Filled:
                return _filled!.Peek().AsSpan(_filledSent);
            case Source.Tail:
                return _tail.AsSpan(_tailSent, _tailLength - _tailSent);
            case Source.Extra:
                return extra;
            default:
                return default;
        }
    }

    private void Consume(Source source, int count, ref int taken)
    {
        switch (source)
        {
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
