// The feature collection: what is there, what may be replaced, what is stored.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Mews.Server.Http;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.HttpSys;

namespace Mews.Server.Tests;

internal static class FeatureChecks
{
    internal static void Add(Checks checks)
    {
        checks.Add("features: which are there", async () =>
        {
            await TestSite.AssertAsync(context =>
            {
                IFeatureCollection features = context.Features;
                foreach (Type type in new[]
                {
                    typeof(IHttpRequestFeature), typeof(IHttpResponseFeature), typeof(IHttpResponseBodyFeature), typeof(IHttpUpgradeFeature),
                    typeof(IHttpRequestIdentifierFeature), typeof(IHttpRequestLifetimeFeature), typeof(IHttpConnectionFeature),
                    typeof(IConnectionEndPointFeature), typeof(IHttpBodyControlFeature), typeof(IServerVariablesFeature),
                    typeof(IHttpMaxRequestBodySizeFeature), typeof(ITlsConnectionFeature), typeof(IConnectionLifetimeNotificationFeature),
                    typeof(IHttpRequestTrailersFeature), typeof(IHttpSysRequestInfoFeature), typeof(IHttpSysRequestTimingFeature),
                    typeof(IHttpRequestBodyDetectionFeature),
                })
                {
                    Check.True(type.IsInstanceOfType(features[type]), type.Name + " is there");
                }

                foreach (Type type in new[]
                {
                    typeof(IHttpResponseTrailersFeature), typeof(IHttpResetFeature), typeof(ITlsHandshakeFeature), typeof(IHttpExtendedConnectFeature),
                    typeof(IHttpWebTransportFeature), typeof(ISessionFeature),
                })
                {
                    Check.True(features[type] is null, type.Name + " is absent");
                }

                return Task.CompletedTask;
            });
            await TestSite.AssertAsync(
                context =>
                {
                    Check.True(context.Features.Get<IHttpResponseTrailersFeature>() is not null, "trailers");
                    Check.True(context.Features.Get<IHttpResetFeature>() is not null, "reset");
                    return Task.CompletedTask;
                },
                new FakeRequest { Version = 20, Trailers = true });
        });
        checks.Add("features: numbers and types agree", () =>
        {
            for (int i = 0; i < FeatureIndex.Count; i++)
            {
                Type type = FeatureIndex.TypeOf(i);
                Check.Equal(i, FeatureIndex.Of(type), type.Name);
                Check.Equal(i < FeatureIndex.FirstStored || i == FeatureIndex.ExtendedConnect, type.IsAssignableFrom(typeof(MewsHttpContext)), type.Name + " implemented");
            }
        });
        checks.Add("features: set, replace, remove, list", () => TestSite.AssertAsync(context =>
        {
            IFeatureCollection features = context.Features;
            int revision = features.Revision;
            features.Set<IThing>(new Thing());
            Check.True(features.Revision > revision && features.Get<IThing>() is Thing, "unknown type");
            Check.True(features.Any(pair => pair.Key == typeof(IThing)), "listed");
            features.Set<IThing>(null);
            Check.True(features.Get<IThing>() is null, "removed");
            IHttpUpgradeFeature original = features.Get<IHttpUpgradeFeature>()!;
            features.Set<IHttpUpgradeFeature>(null);
            Check.True(features.Get<IHttpUpgradeFeature>() is null, "offered one removed");
            features[typeof(IHttpUpgradeFeature)] = original;
            Check.True(ReferenceEquals(original, features.Get<IHttpUpgradeFeature>()), "put back");
            Check.True(features.Get<MewsHttpContext>() is not null, "the context itself");
            Check.Throws<InvalidOperationException>(() => features.Set<MewsHttpContext>(null), "setting the context");
            Check.True(!features.IsReadOnly, "not read-only");
            Check.Equal(features.Count(), new HashSet<Type>(features.Select(pair => pair.Key)).Count, "each type once");
            return Task.CompletedTask;
        }));
        checks.Add("features: setters of request, response and connection", () => TestSite.AssertAsync(
            context =>
            {
                HttpRequest request = context.Request;
                request.Method = "test";
                request.Scheme = "abcd";
                request.PathBase = "/base";
                request.Path = "/p";
                request.QueryString = new QueryString("?x");
                request.Protocol = "HTTP/9";
                Check.Equal("test abcd /base /p ?x HTTP/9", string.Join(' ', request.Method, request.Scheme, request.PathBase, request.Path, request.QueryString, request.Protocol), "request");
                var headers = new HeaderDictionary();
                context.Features.Get<IHttpRequestFeature>()!.Headers = headers;
                Check.True(ReferenceEquals(headers, request.Headers), "request headers");
                var body = new MemoryStream();
                request.Body = body;
                Check.True(ReferenceEquals(body, request.Body), "request body");
                Check.Equal(200, context.Response.StatusCode, "status");
                Check.True(context.Features.Get<IHttpResponseFeature>()!.ReasonPhrase is null, "reason");
                var responseHeaders = new HeaderDictionary { ["X-From"] = "replaced" };
                context.Features.Get<IHttpResponseFeature>()!.Headers = responseHeaders;
                Check.True(ReferenceEquals(responseHeaders, context.Response.Headers), "response headers");
                Stream former = context.Response.Body;
                context.Response.Body = body;
                Check.True(ReferenceEquals(body, context.Response.Body), "response body");
                context.Response.Body = former;
                Check.True(ReferenceEquals(former, context.Response.Body), "response body back");
                context.Connection.RemoteIpAddress = System.Net.IPAddress.IPv6Loopback;
                Check.Equal(System.Net.IPAddress.IPv6Loopback, context.Connection.RemoteIpAddress, "address");
                context.Connection.RemoteIpAddress = null;
                Check.True(context.Connection.RemoteIpAddress is null, "no address");
                return Task.CompletedTask;
            },
            new FakeRequest { Target = "/path?query" }));
        checks.Add("features: replaced response headers are sent", async () =>
        {
            FakeExchange exchange = await TestSite.AssertAsync(context =>
            {
                context.Features.Get<IHttpResponseFeature>()!.Headers = new HeaderDictionary { ["X-From"] = "replaced", ["Content-Length"] = "0" };
                return Task.CompletedTask;
            });
            Check.Equal("replaced", exchange.Header("X-From"), "header");
            Check.Equal(0, exchange.ContentLength, "length");
        });
    }

    private interface IThing
    {
    }

    private sealed class Thing : IThing
    {
    }
}
