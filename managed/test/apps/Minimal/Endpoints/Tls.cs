// What the app sees of its connection's TLS.

using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.HttpSys;

namespace Mews.TestApps.Minimal.Endpoints;

/// <summary>The endpoint that tells everything about it.</summary>
public static class Tls
{
    private static readonly HttpSysRequestTimingType[] s_stages =
    [
        HttpSysRequestTimingType.ConnectionStart,
        HttpSysRequestTimingType.TlsHandshakeLeg1Start,
        HttpSysRequestTimingType.TlsHandshakeLeg1End,
        HttpSysRequestTimingType.TlsHandshakeLeg2Start,
        HttpSysRequestTimingType.TlsHandshakeLeg2End,
        HttpSysRequestTimingType.RequestHeaderParseStart,
    ];

    /// <summary>Maps the endpoint of this file.</summary>
    public static void MapTls(this IEndpointRouteBuilder routes) => routes.MapGet("/tls", (HttpContext context) =>
    {
        var handshake = context.Features.Get<ITlsHandshakeFeature>();
        var timing = context.Features.Get<IHttpSysRequestTimingFeature>();
        return new
        {
            scheme = context.Request.Scheme,
            protocol = handshake?.Protocol.ToString(),
            cipherSuite = handshake?.NegotiatedCipherSuite?.ToString(),
            hostName = handshake?.HostName,
            clientCertificate = context.Connection.ClientCertificate?.Subject,
            hasConnectionFeature = context.Features.Get<ITlsConnectionFeature>() is not null,
            stages = s_stages.Select(stage => timing is not null && timing.TryGetTimestamp(stage, out long at) ? at : 0),
        };
    });
}
