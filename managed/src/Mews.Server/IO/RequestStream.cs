// The request body as a stream. Made anew for each request that asks for it: one that the app keeps too long must not read
// another request's body.

using System;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Mews.Server.Http;

namespace Mews.Server.IO;

/// <summary>Reads one exchange's request body.</summary>
internal sealed class RequestStream : ExchangeStream
{
    internal const string SynchronousReadsDisallowed =
        "Synchronous operations are disallowed. Call ReadAsync or set AllowSynchronousIO to true instead.";

    private readonly MewsHttpContext _context;
    private readonly ulong _handle;

    internal RequestStream(MewsHttpContext context, ulong handle)
    {
        _context = context;
        _handle = handle;
    }

    public override bool CanRead => true;

    public override bool CanWrite => false;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        => _context.ReadBodyAsync(_handle, buffer, cancellationToken);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        return _context.ReadBodyAsync(_handle, buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        if (!_context.AllowSynchronousIO)
        {
            throw new InvalidOperationException(SynchronousReadsDisallowed);
        }

        ValueTask<int> read = _context.ReadBodyAsync(_handle, buffer.AsMemory(offset, count), CancellationToken.None);
        return read.IsCompleted ? read.GetAwaiter().GetResult() : read.AsTask().GetAwaiter().GetResult();
    }

    public override IAsyncResult BeginRead(byte[] buffer, int offset, int count, AsyncCallback? callback, object? state)
        => TaskToAsyncResult.Begin(ReadAsync(buffer, offset, count, CancellationToken.None), callback, state);

    public override int EndRead(IAsyncResult asyncResult) => TaskToAsyncResult.End<int>(asyncResult);

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
