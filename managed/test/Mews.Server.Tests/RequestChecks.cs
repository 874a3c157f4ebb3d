// The request line, the connection and the server variables as apps see them.

using System.Diagnostics;
using System.Net;
using System.Security.Authentication;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.HttpSys;
using Microsoft.AspNetCore.Server.IIS;
using Microsoft.Extensions.DependencyInjection;

namespace Mews.Server.Tests;

internal static class RequestChecks
{
    internal static void Add(Checks checks)
    {
        checks.Add("request: line and connection", () => TestSite.AssertAsync(
            context =>
            {
                HttpRequest request = context.Request;
                Check.Equal("GET", request.Method, "method");
                Check.Equal("/a b", request.Path.Value, "path");
                Check.Equal(string.Empty, request.PathBase.Value, "base");
                Check.Equal("?q=%20", request.QueryString.Value, "query");
                Check.Equal("HTTP/1.1", request.Protocol, "protocol");
                Check.Equal("http", request.Scheme, "scheme");
                Check.Equal("/a%20b?q=%20", context.Features.Get<IHttpRequestFeature>()!.RawTarget, "raw target");
                Check.Equal(IPAddress.Loopback, context.Connection.RemoteIpAddress, "remote address");
                Check.Equal(IPAddress.Parse("127.0.0.2"), context.Connection.LocalIpAddress, "local address");
                Check.Equal(40001, context.Connection.RemotePort, "remote port");
                Check.Equal(8080, context.Connection.LocalPort, "local port");
                Check.True(long.Parse(context.Connection.Id) > 0, "connection id");
                Check.Equal("127.0.0.1:40001", context.Features.Get<IConnectionEndPointFeature>()!.RemoteEndPoint!.ToString(), "end point");
                Check.True(context.TraceIdentifier.Length == 36, "trace identifier");
                Check.True(context.Connection.ClientCertificate is null, "no certificate");
                return Task.CompletedTask;
            },
            new FakeRequest { Target = "/a%20b?q=%20" }));
        checks.Add("request: its trace is told where the log asks", async () =>
        {
            using ActivityListener listener = new()
            {
                ShouldListenTo = static source => source.Name == "Microsoft.AspNetCore",
                Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.PropagationData,
            };
            ActivitySource.AddActivityListener(listener);
            foreach (bool asks in new[] { true, false })
            {
                string? begun = null;
                FakeExchange exchange = await TestSite.AssertAsync(
                    context =>
                    {
                        begun = Activity.Current!.TraceId.ToHexString();
                        return Task.CompletedTask;
                    },
                    new FakeRequest { AsksForTrace = asks });
                Check.Equal(asks ? begun! : new string('\0', 32), exchange.Trace, "trace");
            }
        });
        checks.Add("request: protocols and odd targets", async () =>
        {
            foreach ((byte version, string name) in new[] { ((byte)10, "HTTP/1.0"), ((byte)20, "HTTP/2"), ((byte)30, "HTTP/3") })
            {
                await TestSite.AssertAsync(
                    context =>
                    {
                        Check.Equal(name, context.Request.Protocol, "protocol");
                        return Task.CompletedTask;
                    },
                    new FakeRequest { Version = version });
            }

            await TestSite.AssertAsync(
                context =>
                {
                    Check.True(!context.Request.Path.HasValue && !context.Request.PathBase.HasValue, "no path");
                    return Task.CompletedTask;
                },
                new FakeRequest { Method = "OPTIONS", Target = "*" });
            FakeExchange bad = await TestSite.RunAsync(
                context =>
                {
                    _ = context.Request.Path;
                    return Task.CompletedTask;
                },
                new FakeRequest { Target = "/%00" });
            Check.Equal(500, bad.Status, "escaped NUL");
        });
        checks.Add("request: TLS facts", () => TestSite.AssertAsync(
            context =>
            {
                Check.True(context.Request.IsHttps, "scheme");
                ITlsHandshakeFeature handshake = context.Features.Get<ITlsHandshakeFeature>()!;
                Check.Equal(SslProtocols.Tls13, handshake.Protocol, "protocol");
                Check.Equal(0x1301, (int)handshake.NegotiatedCipherSuite!.Value, "suite");
                Check.Equal("mews.example", handshake.HostName, "host name");
                return Task.CompletedTask;
            },
            new FakeRequest { Tls = true }));
        checks.Add("request: server variables", () => TestSite.AssertAsync(
            context =>
            {
                IServerVariablesFeature variables = context.Features.Get<IServerVariablesFeature>()!;
                Check.Equal("8080", context.GetServerVariable("SERVER_PORT"), "port");
                Check.Equal("q=QUERY_STRING", variables["query_string"], "query");
                Check.Equal("127.0.0.1", variables["REMOTE_ADDR"], "address");
                Check.Equal("h.example", variables["SERVER_NAME"], "name");
                Check.Equal("off", variables["HTTPS"], "https");
                Check.Equal("v", variables["HTTP_X_SOME"], "header");
                Check.True(variables["HTTP_X_HIDDEN"] is null, "underscore");
                Check.Equal("13", variables["WEBSOCKET_VERSION"], "web sockets");
                Check.True(variables["THIS_VAR_IS_UNDEFINED"] is null, "unknown");
                variables["MINE"] = "m";
                Check.Equal("m", variables["mine"], "set");
                Check.Throws<System.ArgumentException>(() => _ = variables[string.Empty], "empty name");
                return Task.CompletedTask;
            },
            new FakeRequest { Target = "/x?q=QUERY_STRING" }.Header("Host", "h.example:81").Header("X-Some", "v").Header("X_Hidden", "h")));
        checks.Add("request: timing", () => TestSite.AssertAsync(context =>
        {
            IHttpSysRequestTimingFeature timing = context.Features.Get<IHttpSysRequestTimingFeature>()!;
            Check.True(timing.Timestamps.Length > (int)HttpSysRequestTimingType.Http3HeaderDecodeEnd, "length");
            Check.True(timing.TryGetElapsedTime(HttpSysRequestTimingType.RequestHeaderParseStart, HttpSysRequestTimingType.RequestHeaderParseEnd, out var elapsed)
                && elapsed.Ticks == 10, "parse time");
            Check.True(!timing.TryGetTimestamp(HttpSysRequestTimingType.TlsHandshakeLeg1Start, out _), "not measured");
            Check.True(context.Features.Get<IHttpSysRequestInfoFeature>()!.RequestInfo.ContainsKey(5), "request info");
            return Task.CompletedTask;
        }));
        checks.Add("server: features", () =>
        {
            IServer server = TestSite.Services.GetRequiredService<IServer>();
            Check.Equal("http://127.0.0.1:8080,https://127.0.0.1:8443", string.Join(',', server.Features.Get<IServerAddressesFeature>()!.Addresses), "addresses");
            IIISEnvironmentFeature environment = server.Features.Get<IIISEnvironmentFeature>()!;
            Check.Equal(7u, environment.SiteId, "site id");
            Check.Equal("shop", environment.SiteName, "site name");
            Check.Equal(new System.Version(1, 2), environment.IISVersion, "version");
        });
    }
}
