// Upgrades: when they are allowed and what the app gets.

using System;
using System.IO;
using System.Text;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.Server.Tests;

internal static class UpgradeChecks
{
    internal static void Add(Checks checks)
    {
        checks.Add("upgrade: echo", async () =>
        {
            Exception? failure = null;
            TestSite.Handler = async context =>
            {
                try
                {
                    IHttpUpgradeFeature upgrade = context.Features.Get<IHttpUpgradeFeature>()!;
                    Check.True(upgrade.IsUpgradableRequest, "upgradable");
                    Check.Equal(0, await context.Request.Body.ReadAsync(new byte[1]), "no body before");
                    context.Response.Headers.Connection = "Upgrade";
                    context.Response.Headers.Upgrade = "echo";
                    bool starting = false;
                    context.Response.OnStarting(() =>
                    {
                        starting = true;
                        return Task.CompletedTask;
                    });
                    await using Stream stream = await upgrade.UpgradeAsync();
                    Check.True(starting, "OnStarting");
                    Check.True(context.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize is null, "no limit");
                    await Check.ThrowsAsync<InvalidOperationException>(() => upgrade.UpgradeAsync(), "twice");
                    await Check.ThrowsAsync<InvalidOperationException>(() => context.Response.WriteAsync("x"), "the old stream");
                    Check.Throws<InvalidOperationException>(() => stream.Write(new byte[1], 0, 1), "synchronous");
                    var buffer = new byte[100];
                    int read;
                    while ((read = await stream.ReadAsync(buffer)) != 0)
                    {
                        await stream.WriteAsync(buffer.AsMemory(0, read));
                    }

                    await stream.WriteAsync(new byte[5000]);
                }
                catch (Exception error)
                {
                    failure = error;
                }
            };
            FakeExchange exchange = FakeHost.Begin(new FakeRequest { UpgradeLater = true });
            exchange.Feed("one"u8.ToArray(), end: false);
            exchange.Feed("two"u8.ToArray(), end: true);
            await exchange.Released.Task.WaitAsync(TimeSpan.FromSeconds(10));
            Check.True(failure is null, "in the handler: " + failure);
            Check.True(exchange.Upgraded && exchange.Status == 101, "upgraded");
            Check.Equal("Upgrade", exchange.Header("Connection"), "connection header");
            Check.Equal("onetwo", Encoding.ASCII.GetString(exchange.Output.ToArray(), 0, 6), "echo");
            Check.Equal(5006L, exchange.Output.Length, "all");
            FakeHost.Return(exchange);
        });
        checks.Add("upgrade: when it is refused", async () =>
        {
            await TestSite.AssertAsync(
                async context =>
                {
                    IHttpUpgradeFeature upgrade = context.Features.Get<IHttpUpgradeFeature>()!;
                    Check.True(!upgrade.IsUpgradableRequest, "HTTP/1.0");
                    var error = await Check.ThrowsAsync<InvalidOperationException>(() => upgrade.UpgradeAsync(), "HTTP/1.0");
                    Check.Equal("Upgrade requires HTTP/1.1.", error.Message, "text");
                },
                new FakeRequest { Version = 10 });
            await TestSite.AssertAsync(
                async context =>
                {
                    IHttpUpgradeFeature upgrade = context.Features.Get<IHttpUpgradeFeature>()!;
                    Check.True(!upgrade.IsUpgradableRequest, "with a body");
                    await Check.ThrowsAsync<InvalidOperationException>(() => upgrade.UpgradeAsync(), "with a body");
                },
                new FakeRequest { Method = "POST", Body = new byte[3] });
            await TestSite.AssertAsync(async context =>
            {
                await context.Response.WriteAsync("x");
                await Check.ThrowsAsync<InvalidOperationException>(() => context.Features.Get<IHttpUpgradeFeature>()!.UpgradeAsync(), "started");
            });
        });
    }
}
