// Leaving HTTP: after an upgrade the app reads and writes the connection's bytes itself; after an extended CONNECT, the stream's.

using System;
using System.IO;
using System.IO.Pipelines;
using System.Threading;
using System.Threading.Tasks;
using Mews.Server.IO;
using Mews.Server.Interop;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.Server.Http;

internal abstract partial class MewsHttpContext : IHttpUpgradeFeature, IHttpExtendedConnectFeature
{
    private bool _upgraded;
    // The head of status 101 is being made; no other response may begin with a status below 200.
    private bool _upgrading;
    private UpgradeStream? _upgradeStream;

    bool IHttpUpgradeFeature.IsUpgradableRequest => _version == 11 && !_hasBody;

    async Task<Stream> IHttpUpgradeFeature.UpgradeAsync()
    {
        if (_version != 11)
        {
            throw new InvalidOperationException("Upgrade requires HTTP/1.1.");
        }

        if (_hasBody)
        {
            throw new InvalidOperationException("Cannot upgrade a non-upgradable request. Check IHttpUpgradeFeature.IsUpgradableRequest to determine if a request can be upgraded.");
        }

        return await UpgradeAsync(101);
    }

    // Offered for such requests only, and only for the one protocol that the host lets through.
    bool IHttpExtendedConnectFeature.IsExtendedConnect => true;

    string? IHttpExtendedConnectFeature.Protocol => "websocket";

    async ValueTask<Stream> IHttpExtendedConnectFeature.AcceptAsync() => await UpgradeAsync(200);

    private async Task<Stream> UpgradeAsync(ushort status)
    {
        if (_upgraded)
        {
            throw new InvalidOperationException("The request was already upgraded, which can be done once.");
        }

        if (_started)
        {
            throw new InvalidOperationException("The request cannot be upgraded because the response has already started.");
        }

        _statusCode = status;
        _reasonPhrase = null;
        _upgrading = true;
        await StartSlowAsync();
        ulong handle = _handle;
        int answer = Native.Upgrade(handle);
        if (answer is Status.InvalidCall or Status.Unsupported)
        {
            throw new InvalidOperationException("The server refused to upgrade this request.");
        }

        _upgraded = true;
        _writer.Drop();
        if (answer < 0)
        {
            OnOutputGone(handle);
        }

        return _upgradeStream = new UpgradeStream(this, handle);
    }

    /// <summary>Reads raw bytes of an upgraded connection; 0 when the client has sent its last.</summary>
    internal ValueTask<int> ReadUpgradedAsync(ulong handle, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<int>(cancellationToken);
        }

        ObjectDisposedException.ThrowIf(_handle != handle, typeof(UpgradeStream));
        if (IsReadingOver())
        {
            return ValueTask.FromException<int>(_bodyError!);
        }

        int read = Native.BodyRead(handle, buffer.Span);
        if (read == Status.WouldBlock)
        {
            return ReadSlowAsync(handle, buffer, cancellationToken);
        }

        return TryAccount(ref read, buffer.Length) ? new ValueTask<int>(read) : ValueTask.FromException<int>(_bodyError!);
    }

    /// <summary>Writes raw bytes to an upgraded connection. Writing to a client that is gone does nothing.</summary>
    internal ValueTask WriteUpgradedAsync(ulong handle, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        ObjectDisposedException.ThrowIf(_handle != handle, typeof(UpgradeStream));
        if (IsOutputDead || buffer.Length == 0)
        {
            return ValueTask.CompletedTask;
        }

        if (!_writer.IsEmpty)
        {
            // Left behind by a refused write to the old response body; it is no part of the new protocol.
            _writer.Drop();
        }

        ValueTask<FlushResult> push = PushAsync(buffer, cancellationToken);
        if (push.IsCompletedSuccessfully)
        {
            push.GetAwaiter().GetResult();
            return ValueTask.CompletedTask;
        }

        return new ValueTask(push.AsTask());
    }

    private void ResetUpgrade()
    {
        _upgraded = false;
        _upgrading = false;
        _upgradeStream = null;
    }
}
