// The response body as a stream. Made anew for each request that asks for it, so that one kept too long cannot write into
// another response.

using System;
using System.IO;
using System.IO.Pipelines;
using System.Threading;
using System.Threading.Tasks;
using Mews.Server.Http;

namespace Mews.Server.IO;

/// <summary>Writes one exchange's response body. Each write is flushed, as with other servers.</summary>
internal sealed class ResponseStream : ExchangeStream
{
    internal const string SynchronousWritesDisallowed =
        "Synchronous operations are disallowed. Call WriteAsync or set AllowSynchronousIO to true instead.";

    private readonly MewsHttpContext _context;
    private readonly ulong _handle;

    internal ResponseStream(MewsHttpContext context, ulong handle)
    {
        _context = context;
        _handle = handle;
    }

    public override bool CanRead => false;

    public override bool CanWrite => true;

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ThrowIfOver();
        return Finish(_context.WriteAsync(buffer, cancellationToken));
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        return WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        if (!_context.AllowSynchronousIO)
        {
            throw new InvalidOperationException(SynchronousWritesDisallowed);
        }

        Wait(WriteAsync(buffer.AsMemory(offset, count)));
    }

    public override Task FlushAsync(CancellationToken cancellationToken)
    {
        ThrowIfOver();
        return Finish(_context.FlushAsync(cancellationToken)).AsTask();
    }

    // Allowed whatever AllowSynchronousIO says: writers that are disposed flush once more, and nothing is lost by it.
    public override void Flush()
    {
        ThrowIfOver();
        Wait(Finish(_context.FlushAsync(CancellationToken.None)));
    }

    public override IAsyncResult BeginWrite(byte[] buffer, int offset, int count, AsyncCallback? callback, object? state)
        => TaskToAsyncResult.Begin(WriteAsync(buffer, offset, count, CancellationToken.None), callback, state);

    public override void EndWrite(IAsyncResult asyncResult) => TaskToAsyncResult.End(asyncResult);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <summary>Turns a flush into a write: a flush that was interrupted counts as cancelled.</summary>
    private static ValueTask Finish(ValueTask<FlushResult> flush)
    {
        if (flush.IsCompletedSuccessfully)
        {
            return flush.GetAwaiter().GetResult().IsCanceled
                ? ValueTask.FromException(new OperationCanceledException())
                : ValueTask.CompletedTask;
        }

        return Await(flush);

        static async ValueTask Await(ValueTask<FlushResult> flush)
        {
            if ((await flush).IsCanceled)
            {
                throw new OperationCanceledException();
            }
        }
    }

    private static void Wait(ValueTask write)
    {
        if (write.IsCompleted)
        {
            write.GetAwaiter().GetResult();
        }
        else
        {
            write.AsTask().GetAwaiter().GetResult();
        }
    }

    private void ThrowIfOver() => ObjectDisposedException.ThrowIf(_context.Handle != _handle, this);
}
