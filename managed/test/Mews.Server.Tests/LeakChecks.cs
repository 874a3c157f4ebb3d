// One request sets everything that can be set; the next one in the same slot must find nothing of it.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Reflection;
using System.Security.Claims;
using System.Threading;
using System.Threading.Tasks;
using Mews.Server.Http;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.HttpSys;

namespace Mews.Server.Tests;

internal static class LeakChecks
{
    // Belongs to the slot and not to a request, or is meant to differ from request to request.
    private static readonly string[] s_lasting =
    {
        "_settings", "_requestHeaders", "_responseHeaders", "_writer", "_readable", "_writable", "_onApplicationDone", "_exchange",
        "_lifetimeGate", "_variablesGate", "_features", "_revision", "_application", "_cachedTarget", "_cachedPath", "_cachedPathBase",
        "_abortSource", "_onStarting", "_onCompleted", "_extra", "_responseTrailers", "<Microsoft.AspNetCore.Hosting.Server.Abstractions.IHostContextContainer<TContext>.HostContext>k__BackingField",
    };

    internal static void Add(Checks checks)
    {
        checks.Add("leak: everything set by one request is gone in the next", async () =>
        {
            FakeExchange slot = FakeHost.Begin(new FakeRequest());
            await slot.Released.Task;
            for (int round = 0; round < 2; round++)
            {
                bool yield = round == 1;
                TestSite.Handler = async context =>
                {
                    Fill(context);
                    await context.Response.WriteAsync("filled");
                    if (yield)
                    {
                        await Task.Yield();
                    }

                    context.Response.AppendTrailer("secret", "secret");
                };
                FakeHost.Dispatch(slot, new FakeRequest
                {
                    Method = "POST", Target = "/secret?secret", Version = 20, Body = new byte[100], Trailers = true, Tls = true,
                }.Header("X-Secret", "secret").Header("Cookie", "secret"));
                await slot.Released.Task.WaitAsync(TimeSpan.FromSeconds(10));
                Check.Equal("filled", slot.Text, "first request");
                string? difference = null;
                Exception? failure = null;
                TestSite.Handler = context =>
                {
                    try
                    {
                        difference = Differences(context.Features.Get<MewsHttpContext>()!);
                        Pristine(context);
                    }
                    catch (Exception error)
                    {
                        failure = error;
                    }

                    return Task.CompletedTask;
                };
                FakeHost.Dispatch(slot, new FakeRequest());
                await slot.Released.Task.WaitAsync(TimeSpan.FromSeconds(10));
                Check.True(failure is null, "second request: " + failure);
                Check.True(string.IsNullOrEmpty(difference), "fields that differ from a fresh context: " + difference);
                Check.True(slot.Headers.Count == 0 && slot.Trailers.Count == 0 && slot.Text.Length == 0 && slot.Status == 200 && !slot.Close, "second response");
            }

            FakeHost.Return(slot);
        });
        checks.Add("leak: a context kept past its request shows nothing", async () =>
        {
            IFeatureCollection? kept = null;
            IHeaderDictionary? headers = null;
            await TestSite.RunAsync(
                context =>
                {
                    kept = context.Features;
                    headers = context.Request.Headers;
                    return Task.CompletedTask;
                },
                new FakeRequest { Target = "/secret?secret" }.Header("X-Secret", "secret"));
            Check.Equal(0, headers!.Count, "headers");
            var request = (IHttpRequestFeature)kept!;
            Check.Equal(string.Empty, request.Path + request.QueryString + request.RawTarget + request.Method, "request line");
            Check.True(((IHttpConnectionFeature)kept!).RemoteIpAddress is null, "address");
            Check.True(kept!.Get<IHttpRequestFeature>() is null, "features");
            request.Path = "/stale";
            ((IHttpResponseFeature)kept!).StatusCode = 299;
            ((IHttpResponseFeature)kept!).Headers["X-Stale"] = "stale";
            kept!.Set<ISecret>(new Secret());
            FakeExchange next = await TestSite.AssertAsync(
                context =>
                {
                    Check.True(ReferenceEquals(kept, context.Features), "the same slot");
                    Check.Equal("/fresh", context.Request.Path.Value, "path");
                    Check.True(context.Features.Get<ISecret>() is null, "feature");
                    return Task.CompletedTask;
                },
                new FakeRequest { Target = "/fresh" });
            Check.True(next.Status == 200 && next.Headers.Count == 0, "response");
        });
        checks.Add("leak: many slots at once", async () =>
        {
            TestSite.Handler = async context =>
            {
                string id = context.Request.Query["id"].ToString();
                string header = context.Request.Headers["X-Id"].ToString();
                context.Response.Headers["X-Echo"] = header;
                if (id.EndsWith('3'))
                {
                    await Task.Yield();
                }

                await context.Response.WriteAsync(id + context.Request.Path);
            };
            await Task.WhenAll(Enumerable.Range(0, 16).Select(worker => Task.Run(async () =>
            {
                for (int i = 0; i < 500; i++)
                {
                    string id = worker + "x" + i;
                    FakeExchange exchange = FakeHost.Begin(new FakeRequest { Target = "/p" + id + "?id=" + id }.Header("X-Id", id));
                    await exchange.Released.Task.WaitAsync(TimeSpan.FromSeconds(20));
                    Check.Equal(id + "/p" + id, exchange.Text, "body of a response with status " + exchange.Status + TestSite.LastError());
                    Check.Equal(id, exchange.Header("X-Echo"), "header");
                    FakeHost.Return(exchange);
                }
            })));
        });
    }

    private static void Fill(HttpContext context)
    {
        IFeatureCollection features = context.Features;
        HttpRequest request = context.Request;
        request.Method = "SECRET";
        request.Scheme = "secret";
        request.Path = "/secret";
        request.PathBase = "/secret";
        request.QueryString = new QueryString("?secret");
        request.Protocol = "secret";
        features.Get<IHttpRequestFeature>()!.RawTarget = "secret";
        request.Headers["X-More"] = "secret";
        context.TraceIdentifier = "secret";
        features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = 123;
        features.Get<IHttpBodyControlFeature>()!.AllowSynchronousIO = true;
        _ = request.Body.Read(new byte[10], 0, 10);
        context.User = new ClaimsPrincipal(new ClaimsIdentity("secret"));
        context.Items["secret"] = "secret";
        context.Connection.Id = "secret";
        context.Connection.RemoteIpAddress = IPAddress.Any;
        context.Connection.LocalIpAddress = IPAddress.Any;
        context.Connection.RemotePort = 1;
        context.Connection.LocalPort = 1;
        features.Get<IConnectionEndPointFeature>()!.RemoteEndPoint = new IPEndPoint(IPAddress.Any, 1);
        features.Get<IConnectionEndPointFeature>()!.LocalEndPoint = new IPEndPoint(IPAddress.Any, 1);
        features.Get<IConnectionLifetimeNotificationFeature>()!.ConnectionClosedRequested = new CancellationToken(true);
        features.Get<IServerVariablesFeature>()!["SECRET"] = "secret";
        features.Set<ISecret>(new Secret());
        features.Set<ISessionFeature>(null);
        _ = features.Get<IHttpSysRequestTimingFeature>()!.Timestamps.Length;
        _ = features.Get<IHttpSysRequestInfoFeature>()!.RequestInfo;
        _ = context.Connection.ClientCertificate;
        context.RequestAborted = new CancellationToken(true);
        context.Response.StatusCode = 299;
        features.Get<IHttpResponseFeature>()!.ReasonPhrase = "secret";
        context.Response.Headers["X-Secret"] = "secret";
        context.Response.Headers.SetCookie = "secret";
        context.Response.Headers.Connection = "close";
        context.Response.ContentLength = 6;
        context.Response.OnStarting(static () => Task.CompletedTask);
        context.Response.OnCompleted(static () => Task.CompletedTask);
    }

    private static void Pristine(HttpContext context)
    {
        HttpRequest request = context.Request;
        string line = string.Join(' ', request.Method, request.Scheme, request.Path, request.PathBase, request.QueryString, request.Protocol);
        Check.Equal("GET http /   HTTP/1.1", line, "request line");
        Check.Equal(0, request.Headers.Count, "request headers");
        Check.True(!context.TraceIdentifier.Contains("secret"), "trace identifier");
        Check.True(context.User.Identity?.IsAuthenticated != true, "user");
        Check.Equal(0, context.Items.Count, "items");
        Check.Equal(IPAddress.Loopback, context.Connection.RemoteIpAddress, "address");
        Check.Equal(40001, context.Connection.RemotePort, "port");
        Check.True(!context.RequestAborted.IsCancellationRequested, "token");
        IFeatureCollection features = context.Features;
        Check.True(features.Get<ISecret>() is null && features.Get<IHttpResetFeature>() is null && features.Get<IHttpResponseTrailersFeature>() is null, "features");
        Check.True(features.Get<IServerVariablesFeature>()!["SECRET"] is null, "variables");
        Check.Equal(FakeHost.BodyLimit, features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize, "limit");
        Check.True(!features.Get<IHttpBodyControlFeature>()!.AllowSynchronousIO, "synchronous IO");
        Check.True(context.Response.StatusCode == 200 && context.Response.Headers.Count == 0 && !context.Response.HasStarted, "response");
    }

    // Compares every field with that of a context that has never run: a field forgotten in Reset shows here, also a future one.
    private static string Differences(MewsHttpContext used)
    {
        // Taken while a request runs, so the ones that Begin sets are looked at by name above.
        string[] running = { "_handle", "_live", "_inlineThread", "_version", "_offered", "_replaced", "_applicationContext", "_created",
            "_method", "_scheme", "_protocol", "_path", "_pathBase", "_queryString", "_traceIdentifier", "_remoteAddress", "_remoteAddressSet", "_remotePort" };
        var names = new List<string>();
        for (Type? type = used.GetType(); type != typeof(object) && type is not null; type = type.BaseType)
        {
            object fresh = System.Runtime.CompilerServices.RuntimeHelpers.GetUninitializedObject(used.GetType());
            foreach (FieldInfo field in type.GetFields(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly))
            {
                if (s_lasting.Contains(field.Name) || running.Contains(field.Name))
                {
                    continue;
                }

                object? expected = field.Name switch
                {
                    "_statusCode" => (ushort)200,
                    "_requestContentLength" => -1L,
                    "_remotePort" or "_localPort" => -1,
                    _ => field.GetValue(fresh),
                };
                object? actual = field.GetValue(used);
                if (!Equals(expected, actual))
                {
                    names.Add(field.Name + "=" + actual);
                }
            }
        }

        return string.Join(", ", names);
    }

    private interface ISecret
    {
    }

    private sealed class Secret : ISecret
    {
    }
}
