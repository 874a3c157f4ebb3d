// A TCP echo on a random loopback port of this process and a pool of connections to it: the cheapest
// honest stand-in for a database, with real socket awaits on both ends.

using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Mews.Samples.Bench;

/// <summary>Sends 32 bytes and awaits them back. Starts its listener on first use.</summary>
public sealed class LoopbackEcho : IDisposable
{
    private const int MessageSize = 32;

    private readonly ConcurrentQueue<Connection> _idle = new();
    private readonly Lazy<Socket> _listener;

    /// <summary>Makes an echo that listens from its first round trip on.</summary>
    public LoopbackEcho() => _listener = new Lazy<Socket>(Listen);

    /// <summary>One round trip on a pooled connection; an idle one if there is any, else a new one.</summary>
    public async ValueTask RoundTrip(CancellationToken cancellation)
    {
        if (!_idle.TryDequeue(out var connection))
        {
            connection = await Connection.Open(_listener.Value.LocalEndPoint!, cancellation);
        }

        try
        {
            await connection.RoundTrip(cancellation);
        }
        catch
        {
            connection.Dispose();
            throw;
        }

        _idle.Enqueue(connection);
    }

    /// <summary>Closes the listener and the idle connections.</summary>
    public void Dispose()
    {
        if (_listener.IsValueCreated)
        {
            _listener.Value.Dispose();
        }

        while (_idle.TryDequeue(out var connection))
        {
            connection.Dispose();
        }
    }

    private static Socket Listen()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(512);
        _ = Accept(listener);
        return listener;
    }

    private static async Task Accept(Socket listener)
    {
        try
        {
            while (true)
            {
                _ = Echo(await listener.AcceptAsync());
            }
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            // The listener was disposed: the app stops.
        }
    }

    private static async Task Echo(Socket socket)
    {
        using var _ = socket;
        socket.NoDelay = true;
        var buffer = new byte[MessageSize];
        try
        {
            int read;
            while ((read = await socket.ReceiveAsync(buffer)) > 0)
            {
                await SendAll(socket, buffer.AsMemory(0, read), default);
            }
        }
        catch (SocketException)
        {
            // The other end is this process, stopping.
        }
    }

    private static async ValueTask SendAll(Socket socket, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await socket.SendAsync(bytes, cancellation)..];
        }
    }

    private sealed class Connection(Socket socket) : IDisposable
    {
        private readonly byte[] _buffer = new byte[MessageSize];

        public static async ValueTask<Connection> Open(EndPoint address, CancellationToken cancellation)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(address, cancellation);
                return new Connection(socket);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        public async ValueTask RoundTrip(CancellationToken cancellation)
        {
            await SendAll(socket, _buffer, cancellation);
            for (var received = 0; received < MessageSize;)
            {
                var read = await socket.ReceiveAsync(_buffer.AsMemory(received), cancellation);
                if (read == 0)
                {
                    throw new IOException("The loopback echo closed its connection.");
                }

                received += read;
            }
        }

        public void Dispose() => socket.Dispose();
    }
}
