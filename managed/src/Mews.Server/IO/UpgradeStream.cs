// An upgraded connection as a stream of raw bytes in both directions, which may be used at the same time.

using System;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Mews.Server.Http;

namespace Mews.Server.IO;

/// <summary>Reads and writes one upgraded exchange.</summary>
internal sealed class UpgradeStream : ExchangeStream
{
    private readonly MewsHttpContext _context;
    private readonly ulong _handle;

    internal UpgradeStream(MewsHttpContext context, ulong handle)
    {
        _context = context;
        _handle = handle;
    }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        => _context.ReadUpgradedAsync(_handle, buffer, cancellationToken);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        return ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        if (!_context.AllowSynchronousIO)
        {
            throw new InvalidOperationException(RequestStream.SynchronousReadsDisallowed);
        }

        return ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        => _context.WriteUpgradedAsync(_handle, buffer, cancellationToken);

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        return WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        if (!_context.AllowSynchronousIO)
        {
            throw new InvalidOperationException(ResponseStream.SynchronousWritesDisallowed);
        }

        WriteAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();
    }

    public override IAsyncResult BeginRead(byte[] buffer, int offset, int count, AsyncCallback? callback, object? state)
        => TaskToAsyncResult.Begin(ReadAsync(buffer, offset, count, CancellationToken.None), callback, state);

    public override int EndRead(IAsyncResult asyncResult) => TaskToAsyncResult.End<int>(asyncResult);

    public override IAsyncResult BeginWrite(byte[] buffer, int offset, int count, AsyncCallback? callback, object? state)
        => TaskToAsyncResult.Begin(WriteAsync(buffer, offset, count, CancellationToken.None), callback, state);

    public override void EndWrite(IAsyncResult asyncResult) => TaskToAsyncResult.End(asyncResult);

    // Every write is on its way when it returns: there is nothing left to flush.
    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
