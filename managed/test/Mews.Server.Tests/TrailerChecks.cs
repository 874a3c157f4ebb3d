// Trailers of requests and responses.

using System;
using System.Linq;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Mews.Server.Tests;

internal static class TrailerChecks
{
    internal static void Add(Checks checks)
    {
        checks.Add("trailers: sent with and without body", async () =>
        {
            foreach (bool body in new[] { false, true })
            {
                foreach (bool yield in new[] { false, true })
                {
                    FakeExchange exchange = await TestSite.AssertAsync(
                        async context =>
                        {
                            Check.True(context.Response.SupportsTrailers(), "supported");
                            if (body)
                            {
                                // A length that is set is no field: nothing else may be before the trailers.
                                context.Response.ContentLength = 11;
                                await context.Response.WriteAsync("Hello World");
                            }

                            if (yield)
                            {
                                await Task.Yield();
                            }

                            context.Response.AppendTrailer("TrailerName", new StringValues(new[] { "one", "two" }));
                            context.Response.AppendTrailer("Long", new string('l', 65535));
                        },
                        new FakeRequest { Version = 20, Trailers = true });
                    Check.Equal("TrailerName=one,TrailerName=two", string.Join(',', exchange.Trailers.Take(2).Select(t => t.Key + "=" + t.Value)), "trailers");
                    Check.Equal(65535, exchange.Trailers[2].Value.Length, "long");
                    Check.Equal(body ? "Hello World" : string.Empty, exchange.Text, "body");
                    Check.Equal(0, exchange.Headers.Count, "no headers");
                }
            }
        });
        checks.Add("trailers: with CompleteAsync, after headers", async () =>
        {
            FakeExchange exchange = await TestSite.AssertAsync(
                async context =>
                {
                    context.Response.ContentType = "text/plain";
                    await context.Response.StartAsync();
                    context.Response.AppendTrailer("A", "1");
                    await context.Response.CompleteAsync();
                    Check.Throws<InvalidOperationException>(() => context.Response.AppendTrailer("B", "2"), "too late");
                },
                new FakeRequest { Version = 20, Trailers = true });
            Check.True(exchange.Trailers.Count == 1 && exchange.Header("Content-Type") == "text/plain", "both");
        });
        checks.Add("trailers: empty values", async () =>
        {
            FakeExchange exchange = await TestSite.AssertAsync(
                context =>
                {
                    IHeaderDictionary trailers = context.Features.Get<IHttpResponseTrailersFeature>()!.Trailers;
                    trailers["n0"] = (string?)null;
                    trailers["n1"] = string.Empty;
                    trailers["n2"] = new StringValues(new string?[] { null });
                    trailers["n4"] = new StringValues(new[] { null, "Value", string.Empty });
                    return Task.CompletedTask;
                },
                new FakeRequest { Version = 20, Trailers = true });
            Check.Equal("n1=,n2=,n4=,n4=Value,n4=", string.Join(',', exchange.Trailers.Select(t => t.Key + "=" + t.Value)), "trailers");
        });
        checks.Add("trailers: names that may not be used", () => TestSite.AssertAsync(
            context =>
            {
                foreach (string name in new[] { "Transfer-Encoding", "content-length", "Host", "Cache-Control", "If-Match", "Set-Cookie", "Content-Type", "Trailer", "bad name" })
                {
                    Check.Throws<InvalidOperationException>(() => context.Response.AppendTrailer(name, "v"), name);
                }

                return Task.CompletedTask;
            },
            new FakeRequest { Version = 20, Trailers = true }));
        checks.Add("trailers: of the request", async () =>
        {
            var request = new FakeRequest { Method = "POST", Chunked = true, Body = new byte[3] };
            request.RequestTrailers.Add(new("X-Sum", "3"));
            await TestSite.AssertAsync(
                async context =>
                {
                    IHttpRequestTrailersFeature trailers = context.Features.Get<IHttpRequestTrailersFeature>()!;
                    Check.True(!trailers.Available, "not yet");
                    Check.Throws<InvalidOperationException>(() => _ = trailers.Trailers, "too early");
                    await context.Request.Body.CopyToAsync(System.IO.Stream.Null);
                    Check.True(trailers.Available, "now");
                    Check.Equal("3", context.Request.GetTrailer("x-sum").ToString(), "value");
                },
                request);
            await TestSite.AssertAsync(context =>
            {
                Check.True(context.Request.CheckTrailersAvailable() && context.Features.Get<IHttpRequestTrailersFeature>()!.Trailers.Count == 0, "without a body");
                return Task.CompletedTask;
            });
        });
    }
}
