// Numbers for the features that have a place of their own in the context.

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
    internal const int TlsHandshake = 19;
    internal const int ResponseTrailers = 20;
    internal const int Reset = 21;

    /// <summary>One more than the highest number.</summary>
    internal const int Count = 38;

    /// <summary>The features that the context offers on every request.</summary>
    internal const ulong Always = ((1UL << 26) - 1) & ~((1UL << Upgrade) | (1UL << TlsHandshake) | (1UL << ResponseTrailers) | (1UL << Reset));

    // Numbers 0 to 25 are implemented by the context; the rest are places for what the framework sets on it.
    private static readonly Type[] s_types =
    {
        typeof(IHttpRequestFeature), typeof(IHttpResponseFeature), typeof(IHttpResponseBodyFeature), typeof(IHttpRequestLifetimeFeature),
        typeof(IHttpRequestBodyDetectionFeature), typeof(IHttpRequestIdentifierFeature), typeof(IHttpConnectionFeature),
        typeof(IHttpAuthenticationFeature), typeof(IHttpMaxRequestBodySizeFeature), typeof(IHttpBodyControlFeature),
        typeof(IServerVariablesFeature), typeof(IConnectionEndPointFeature), typeof(IHttpUpgradeFeature),
        typeof(IConnectionLifetimeNotificationFeature), typeof(IHttpRequestTrailersFeature), typeof(IHttpSysRequestInfoFeature),
        typeof(IHttpSysRequestTimingFeature), typeof(ITlsConnectionFeature), typeof(MewsFeature), typeof(ITlsHandshakeFeature),
        typeof(IHttpResponseTrailersFeature), typeof(IHttpResetFeature), typeof(MewsFeature), typeof(MewsFeature), typeof(MewsFeature),
        typeof(MewsFeature),
        typeof(IServiceProvidersFeature), typeof(IItemsFeature), typeof(IEndpointFeature), typeof(IRouteValuesFeature),
        typeof(IQueryFeature), typeof(IFormFeature), typeof(IRequestCookiesFeature), typeof(IResponseCookiesFeature),
        typeof(ISessionFeature), typeof(IHttpMetricsTagsFeature), typeof(IHttpActivityFeature), typeof(IHttpWebSocketFeature),
    };
}
