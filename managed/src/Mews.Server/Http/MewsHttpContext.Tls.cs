// What is known of the connection's TLS: protocol, cipher suite, host name and the client's certificate.

using System;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Threading;
using System.Threading.Tasks;
using Mews.Server.Interop;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.Server.Http;

// The old algorithm properties are obsolete in newer frameworks but still part of the interface.
#pragma warning disable SYSLIB0058

internal abstract partial class MewsHttpContext : ITlsConnectionFeature, ITlsHandshakeFeature
{
    private X509Certificate2? _clientCertificate;
    private bool _clientCertificateSet;

    X509Certificate2? ITlsConnectionFeature.ClientCertificate
    {
        get
        {
            if (!_clientCertificateSet)
            {
                _clientCertificate = ReadClientCertificate();
                _clientCertificateSet = true;
            }

            return _clientCertificate;
        }
        set
        {
            _clientCertificate = value;
            _clientCertificateSet = true;
        }
    }

    unsafe SslProtocols ITlsHandshakeFeature.Protocol => (_handle == 0 ? 0 : Exchange()->connection->tls_protocol) switch
    {
        0x0303 => SslProtocols.Tls12,
        0x0304 => SslProtocols.Tls13,
        _ => SslProtocols.None,
    };

    unsafe TlsCipherSuite? ITlsHandshakeFeature.NegotiatedCipherSuite
    {
        get
        {
            int suite = _handle == 0 ? 0 : Exchange()->connection->tls_cipher_suite;
            return suite == 0 ? null : (TlsCipherSuite)suite;
        }
    }

    unsafe string ITlsHandshakeFeature.HostName
        => _handle == 0 ? string.Empty : Native.Text(Exchange()->connection->sni, Exchange()->connection->sni_len);

    CipherAlgorithmType ITlsHandshakeFeature.CipherAlgorithm => CipherAlgorithmType.None;

    int ITlsHandshakeFeature.CipherStrength => 0;

    HashAlgorithmType ITlsHandshakeFeature.HashAlgorithm => HashAlgorithmType.None;

    int ITlsHandshakeFeature.HashStrength => 0;

    ExchangeAlgorithmType ITlsHandshakeFeature.KeyExchangeAlgorithm => ExchangeAlgorithmType.None;

    int ITlsHandshakeFeature.KeyExchangeStrength => 0;

    private unsafe bool IsTls => _handle != 0 && Exchange()->connection->tls != 0;

    // The handshake is over: there is no asking for a certificate later.
    Task<X509Certificate2?> ITlsConnectionFeature.GetClientCertificateAsync(CancellationToken cancellationToken)
        => Task.FromResult(((ITlsConnectionFeature)this).ClientCertificate);

    private void ResetTls()
    {
        // Not disposed: the app may have kept it, and the finalizer takes care of it.
        _clientCertificate = null;
        _clientCertificateSet = false;
    }

    private unsafe X509Certificate2? ReadClientCertificate()
    {
        if (_handle == 0)
        {
            return null;
        }

        RawConnection* connection = Exchange()->connection;
        if (connection->client_certificate == null || connection->client_certificate_len == 0)
        {
            return null;
        }

        return X509CertificateLoader.LoadCertificate(
            new ReadOnlySpan<byte>(connection->client_certificate, (int)connection->client_certificate_len));
    }
}
