// Sending files: small ones become part of the buffered response, others go from the kernel's cache to the socket.

using System;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Mews.Server.IO;
using Mews.Server.Interop;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Win32.SafeHandles;

namespace Mews.Server.Http;

internal abstract partial class MewsHttpContext
{
    private const int CopyBufferSize = 64 * 1024;

    async Task IHttpResponseBodyFeature.SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfNotWritable();
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        long length = RandomAccess.GetLength(file);
        if (offset < 0 || offset > length)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), offset, "The offset must lie in the file, which has " + length + " bytes.");
        }

        if (count is < 0 || count > length - offset)
        {
            throw new ArgumentOutOfRangeException(nameof(count), count, "The count must not go past the end of the file, which has " + length + " bytes.");
        }

        long left = count ?? length - offset;
        if (left <= int.MaxValue && TryBuffer(file, offset, (int)left))
        {
            await FlushAsync(cancellationToken);
            return;
        }

        if (!_started)
        {
            await StartSlowAsync();
        }

        if (IsDiscarding)
        {
            return;
        }

        await PushRestBeforeFileAsync(cancellationToken);
        await SendAsync(file, offset, left, cancellationToken);
    }

    private bool TryBuffer(SafeFileHandle file, long offset, int count)
    {
        if (!_writer.IsInBlock || count > _writer.BlockRoom)
        {
            return false;
        }

        Span<byte> target = _writer.GetSpan(count)[..count];
        int read = 0;
        while (read < count)
        {
            int got = RandomAccess.Read(file, target[read..], offset + read);
            if (got == 0)
            {
                throw new EndOfStreamException("The file became shorter while it was sent.");
            }

            read += got;
        }

        _writer.Advance(count);
        return true;
    }

    private async ValueTask PushRestBeforeFileAsync(CancellationToken cancellationToken)
    {
        if (!_writer.IsEmpty)
        {
            await PushAsync(ReadOnlyMemory<byte>.Empty, cancellationToken);
        }
    }

    private async ValueTask SendAsync(SafeFileHandle file, long offset, long count, CancellationToken cancellationToken)
    {
        ulong handle = _handle;
        int status = SendFile(file, handle, offset, count);
        switch (status)
        {
            case Status.Done:
                return;
            case Status.Unsupported:
                await CopyAsync(file, offset, count, cancellationToken);
                return;
            case Status.InvalidCall:
                throw new InvalidOperationException("The file could not be sent: the response is already complete.");
            case < 0:
                OnOutputGone(handle);
                return;
        }

        try
        {
            await _writable.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            AbortByApplication();
            throw;
        }
    }

    private static int SendFile(SafeFileHandle file, ulong handle, long offset, long count)
    {
        bool held = false;
        try
        {
            file.DangerousAddRef(ref held);
            return Native.SendFile(handle, (int)file.DangerousGetHandle(), offset, count);
        }
        finally
        {
            if (held)
            {
                file.DangerousRelease();
            }
        }
    }

    private async Task CopyAsync(SafeFileHandle file, long offset, long count, CancellationToken cancellationToken)
    {
        while (count > 0 && !IsOutputDead)
        {
            Memory<byte> memory = _writer.GetMemory((int)Math.Min(count, CopyBufferSize));
            if (memory.Length > count)
            {
                memory = memory[..(int)count];
            }

            int read = await RandomAccess.ReadAsync(file, memory, offset, cancellationToken);
            if (read == 0)
            {
                throw new EndOfStreamException("The file became shorter while it was sent.");
            }

            _writer.Advance(read);
            await FlushAsync(cancellationToken);
            offset += read;
            count -= read;
        }
    }
}
