// Facts about the connection: addresses, ports, its number, and the wish to close it.

using System;
using System.Globalization;
using System.Net;
using System.Threading;
using Mews.Server.Interop;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.Server.Http;

internal abstract partial class MewsHttpContext
    : IHttpConnectionFeature, IConnectionEndPointFeature, IConnectionLifetimeNotificationFeature
{
    private string? _connectionId;
    private IPAddress? _remoteAddress;
    private IPAddress? _localAddress;
    private bool _remoteAddressSet;
    private bool _localAddressSet;
    private int _remotePort = -1;
    private int _localPort = -1;
    private EndPoint? _remoteEndPoint;
    private EndPoint? _localEndPoint;
    private CancellationToken _closeRequested;

    string IHttpConnectionFeature.ConnectionId { get => ConnectionId; set => _connectionId = value; }

    IPAddress? IHttpConnectionFeature.RemoteIpAddress
    {
        get
        {
            if (!_remoteAddressSet)
            {
                _remoteAddress = ReadAddress(remote: true);
                _remoteAddressSet = true;
            }

            return _remoteAddress;
        }
        set
        {
            _remoteAddress = value;
            _remoteAddressSet = true;
        }
    }

    IPAddress? IHttpConnectionFeature.LocalIpAddress
    {
        get
        {
            if (!_localAddressSet)
            {
                _localAddress = ReadAddress(remote: false);
                _localAddressSet = true;
            }

            return _localAddress;
        }
        set
        {
            _localAddress = value;
            _localAddressSet = true;
        }
    }

    int IHttpConnectionFeature.RemotePort
    {
        get => _remotePort >= 0 ? _remotePort : _remotePort = ReadPort(remote: true);
        set => _remotePort = value;
    }

    int IHttpConnectionFeature.LocalPort
    {
        get => _localPort >= 0 ? _localPort : _localPort = ReadPort(remote: false);
        set => _localPort = value;
    }

    EndPoint? IConnectionEndPointFeature.RemoteEndPoint
    {
        get => _remoteEndPoint ??= ReadEndPoint(remote: true);
        set => _remoteEndPoint = value;
    }

    EndPoint? IConnectionEndPointFeature.LocalEndPoint
    {
        get => _localEndPoint ??= ReadEndPoint(remote: false);
        set => _localEndPoint = value;
    }

    CancellationToken IConnectionLifetimeNotificationFeature.ConnectionClosedRequested
    {
        get => _closeRequested;
        set => _closeRequested = value;
    }

    private unsafe string ConnectionId
        => _connectionId ??= _handle == 0 ? string.Empty : Exchange()->connection->id.ToString(CultureInfo.InvariantCulture);

    void IConnectionLifetimeNotificationFeature.RequestClose()
    {
        if (!_started)
        {
            ((IHttpResponseFeature)this).Headers.Connection = "close";
        }
    }

    private void ResetConnection()
    {
        _connectionId = null;
        _remoteAddress = null;
        _localAddress = null;
        _remoteAddressSet = false;
        _localAddressSet = false;
        _remotePort = -1;
        _localPort = -1;
        _remoteEndPoint = null;
        _localEndPoint = null;
        _closeRequested = default;
    }

    private unsafe IPAddress? ReadAddress(bool remote)
    {
        if (_handle == 0)
        {
            return null;
        }

        RawConnection* connection = Exchange()->connection;
        byte* bytes = remote ? connection->remote_address : connection->local_address;
        return connection->family switch
        {
            4 => new IPAddress(new ReadOnlySpan<byte>(bytes, 4)),
            6 => ReadIPv6(new ReadOnlySpan<byte>(bytes, 16), connection->scope_id),
            _ => null,
        };
    }

    private static IPAddress ReadIPv6(ReadOnlySpan<byte> bytes, uint scope)
    {
        // A scope only means something for link-local addresses; setting one elsewhere would change how the address prints.
        bool linkLocal = bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80;
        return linkLocal ? new IPAddress(bytes, scope) : new IPAddress(bytes);
    }

    private unsafe int ReadPort(bool remote)
    {
        if (_handle == 0)
        {
            return 0;
        }

        RawConnection* connection = Exchange()->connection;
        return remote ? connection->remote_port : connection->local_port;
    }

    private IPEndPoint? ReadEndPoint(bool remote)
    {
        IHttpConnectionFeature connection = this;
        IPAddress? address = remote ? connection.RemoteIpAddress : connection.LocalIpAddress;
        return address is null ? null : new IPEndPoint(address, remote ? connection.RemotePort : connection.LocalPort);
    }
}
