// Numbers for the features that have a place of their own in the context.
// Numbers below FirstStored, and the last one, are implemented by the context; the others are places for what the framework
// sets on every request.

using System;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Features.Authentication;
using Microsoft.AspNetCore.Server.HttpSys;

namespace Mews.Server.Http;

/// <summary>Feature types and their numbers.</summary>
internal static class FeatureIndex
{
    internal const int Upgrade = 12;
    internal const int TlsHandshake = 18;
    internal const int ResponseTrailers = 19;
    internal const int Reset = 20;
    internal const int FirstStored = 21;
    internal const int ExtendedConnect = 34;

    /// <summary>One more than the highest number.</summary>
    internal const int Count = 35;

    /// <summary>Bits of the features that the context offers on every request.</summary>
    internal const ulong Always =
        ((1UL << FirstStored) - 1) & ~((1UL << Upgrade) | (1UL << TlsHandshake) | (1UL << ResponseTrailers) | (1UL << Reset));

    /// <summary>The number of a feature type; −1 when it has none.</summary>
    internal static int Of(Type type)
    {
        // In order of use: each line is one comparison with a constant.
        if (type == typeof(IHttpResponseFeature)) { return 1; }
        if (type == typeof(IHttpRequestFeature)) { return 0; }
        if (type == typeof(IHttpResponseBodyFeature)) { return 2; }
        if (type == typeof(IServiceProvidersFeature)) { return 21; }
        if (type == typeof(IEndpointFeature)) { return 23; }
        if (type == typeof(IRouteValuesFeature)) { return 24; }
        if (type == typeof(IHttpRequestLifetimeFeature)) { return 3; }
        if (type == typeof(IHttpRequestBodyDetectionFeature)) { return 4; }
        if (type == typeof(IHttpMetricsTagsFeature)) { return 30; }
        if (type == typeof(IHttpActivityFeature)) { return 31; }
        if (type == typeof(IQueryFeature)) { return 25; }
        if (type == typeof(IItemsFeature)) { return 22; }
        if (type == typeof(IHttpAuthenticationFeature)) { return 7; }
        if (type == typeof(IHttpMaxRequestBodySizeFeature)) { return 8; }
        if (type == typeof(IRequestBodyPipeFeature)) { return 33; }
        if (type == typeof(IFormFeature)) { return 26; }
        if (type == typeof(IRequestCookiesFeature)) { return 27; }
        if (type == typeof(IResponseCookiesFeature)) { return 28; }
        if (type == typeof(ISessionFeature)) { return 29; }
        if (type == typeof(IHttpRequestIdentifierFeature)) { return 5; }
        if (type == typeof(IHttpConnectionFeature)) { return 6; }
        if (type == typeof(ITlsConnectionFeature)) { return 17; }
        if (type == typeof(IHttpUpgradeFeature)) { return Upgrade; }
        if (type == typeof(IHttpWebSocketFeature)) { return 32; }
        if (type == typeof(IHttpExtendedConnectFeature)) { return ExtendedConnect; }
        if (type == typeof(IHttpBodyControlFeature)) { return 9; }
        if (type == typeof(IHttpResponseTrailersFeature)) { return ResponseTrailers; }
        if (type == typeof(IHttpRequestTrailersFeature)) { return 14; }
        if (type == typeof(IHttpResetFeature)) { return Reset; }
        if (type == typeof(IServerVariablesFeature)) { return 10; }
        if (type == typeof(IConnectionEndPointFeature)) { return 11; }
        if (type == typeof(IConnectionLifetimeNotificationFeature)) { return 13; }
        if (type == typeof(ITlsHandshakeFeature)) { return TlsHandshake; }
        if (type == typeof(IHttpSysRequestTimingFeature)) { return 16; }
        if (type == typeof(IHttpSysRequestInfoFeature)) { return 15; }
        return -1;
    }

    /// <summary>The feature type of a number.</summary>
    internal static Type TypeOf(int index) => Listing.Types[index];

    // Apart, so that only apps that list their features pay for the array.
    private static class Listing
    {
        internal static readonly Type[] Types =
        {
            typeof(IHttpRequestFeature), typeof(IHttpResponseFeature), typeof(IHttpResponseBodyFeature), typeof(IHttpRequestLifetimeFeature),
            typeof(IHttpRequestBodyDetectionFeature), typeof(IHttpRequestIdentifierFeature), typeof(IHttpConnectionFeature),
            typeof(IHttpAuthenticationFeature), typeof(IHttpMaxRequestBodySizeFeature), typeof(IHttpBodyControlFeature),
            typeof(IServerVariablesFeature), typeof(IConnectionEndPointFeature), typeof(IHttpUpgradeFeature),
            typeof(IConnectionLifetimeNotificationFeature), typeof(IHttpRequestTrailersFeature), typeof(IHttpSysRequestInfoFeature),
            typeof(IHttpSysRequestTimingFeature), typeof(ITlsConnectionFeature), typeof(ITlsHandshakeFeature),
            typeof(IHttpResponseTrailersFeature), typeof(IHttpResetFeature), typeof(IServiceProvidersFeature), typeof(IItemsFeature),
            typeof(IEndpointFeature), typeof(IRouteValuesFeature), typeof(IQueryFeature), typeof(IFormFeature),
            typeof(IRequestCookiesFeature), typeof(IResponseCookiesFeature), typeof(ISessionFeature), typeof(IHttpMetricsTagsFeature),
            typeof(IHttpActivityFeature), typeof(IHttpWebSocketFeature), typeof(IRequestBodyPipeFeature),
            typeof(IHttpExtendedConnectFeature),
        };
    }
}
