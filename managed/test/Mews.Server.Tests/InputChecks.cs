// The request body: reading, limits, failures, and reading while writing.

using System;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Mews.Server.Interop;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Mews.Server.Tests;

internal static class InputChecks
{
    internal static void Add(Checks checks)
    {
        checks.Add("input: a body that is there, and one that comes later", async () =>
        {
            FakeExchange exchange = await TestSite.AssertAsync(
                async context =>
                {
                    Check.True(context.Features.Get<IHttpRequestBodyDetectionFeature>()!.CanHaveBody, "may have a body");
                    Check.Equal("Hello World", await new StreamReader(context.Request.Body).ReadToEndAsync(), "body");
                },
                new FakeRequest { Method = "POST", Body = "Hello World"u8.ToArray() });
            Check.True(exchange.EndedInline, "inline");
            TestSite.Handler = async context =>
            {
                await context.Response.Body.FlushAsync();
                await context.Request.Body.CopyToAsync(context.Response.Body);
            };
            exchange = FakeHost.Begin(new FakeRequest { Method = "POST", BodyLater = true, Chunked = true });
            for (int i = 0; i < 100; i++)
            {
                exchange.Feed(Encoding.ASCII.GetBytes(i + ","), end: false);
            }

            exchange.Feed(null, end: true);
            await exchange.Released.Task.WaitAsync(TimeSpan.FromSeconds(10));
            Check.Equal(string.Concat(Enumerable.Range(0, 100).Select(i => i + ",")), exchange.Text, "echo");
            FakeHost.Return(exchange);
        });
        checks.Add("input: reads of nothing, offsets, wrong arguments", () => TestSite.AssertAsync(
            async context =>
            {
                Stream body = context.Request.Body;
                Check.Equal(0, await body.ReadAsync(Memory<byte>.Empty), "zero bytes");
                var buffer = new byte[11];
                Check.Equal(6, await body.ReadAsync(buffer, 0, 6), "first part");
                Check.Equal(5, await body.ReadAsync(buffer, 6, 5), "second part");
                Check.Equal("Hello World", Encoding.ASCII.GetString(buffer), "whole");
                Check.Equal(0, await body.ReadAsync(buffer), "end");
                Check.Equal(0, await body.ReadAsync(buffer), "end again");
                await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => body.ReadAsync(buffer, -1, 1), "offset");
                await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => body.ReadAsync(buffer, 0, 12), "count");
                await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => body.ReadAsync(null!, 0, 1), "null");
                Check.Equal(0, await body.ReadAsync(null!, 0, 0), "null and nothing");
            },
            new FakeRequest { Method = "POST", Body = "Hello World"u8.ToArray() }));
        checks.Add("input: the limit", async () =>
        {
            foreach (bool chunked in new[] { false, true })
            {
                FakeExchange exchange = await TestSite.RunAsync(
                    async context =>
                    {
                        IHttpMaxRequestBodySizeFeature limit = context.Features.Get<IHttpMaxRequestBodySizeFeature>()!;
                        Check.Equal(FakeHost.BodyLimit, limit.MaxRequestBodySize, "the host's limit");
                        Check.Throws<ArgumentOutOfRangeException>(() => limit.MaxRequestBodySize = -1, "negative");
                        limit.MaxRequestBodySize = 3;
                        var error = await Check.ThrowsAsync<BadHttpRequestException>(() => context.Request.Body.CopyToAsync(Stream.Null), "first read");
                        Check.Equal(413, error.StatusCode, "status");
                        await Check.ThrowsAsync<BadHttpRequestException>(() => context.Request.Body.CopyToAsync(Stream.Null), "second read");
                        Check.Throws<InvalidOperationException>(() => limit.MaxRequestBodySize = 5, "too late");
                        Check.True(limit.IsReadOnly, "read-only");
                        throw error;
                    },
                    new FakeRequest { Method = "POST", Body = new byte[4], Chunked = chunked });
                Check.Equal(413, exchange.Status, "unhandled");
                Check.Equal(0L, exchange.Output.Length, "empty");
            }

            await TestSite.AssertAsync(
                async context =>
                {
                    context.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = 0;
                    Check.Equal(0, await context.Request.Body.ReadAsync(new byte[1]), "no body, no error");
                });
            FakeExchange unread = await TestSite.RunAsync(
                context =>
                {
                    context.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = 0;
                    return Task.CompletedTask;
                },
                new FakeRequest { Method = "POST", Body = new byte[4] });
            Check.Equal(200, unread.Status, "never read");
            await TestSite.AssertAsync(
                async context =>
                {
                    context.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = null;
                    await context.Request.Body.CopyToAsync(Stream.Null);
                },
                new FakeRequest { Method = "POST", Body = new byte[4], ContentLength = FakeHost.BodyLimit + 1 });
            TestSite.Logged.Clear();
            await TestSite.AssertAsync(context =>
            {
                context.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = FakeHost.BodyLimit + 1;
                return Task.CompletedTask;
            });
            Check.Equal("6", string.Join(',', TestSite.Logged.Select(entry => entry.Id)), "warned");
        });
        checks.Add("input: options are seeded with the host's limit", () =>
            Check.Equal(FakeHost.BodyLimit, TestSite.Services.GetRequiredService<IOptions<IISServerOptions>>().Value.MaxRequestBodySize, "limit"));
        checks.Add("input: failures", async () =>
        {
            foreach ((int answer, Type type, int status) in new[]
            {
                (Status.MalformedBody, typeof(BadHttpRequestException), 400), (Status.BodyTooLarge, typeof(BadHttpRequestException), 413),
                (Status.BodyTimedOut, typeof(BadHttpRequestException), 408), (Status.Gone, typeof(ConnectionResetException), 0),
            })
            {
                TestSite.Handler = async context =>
                {
                    Exception error = await Check.ThrowsAsync<Exception>(async () => await context.Request.Body.ReadAsync(new byte[1]), "read");
                    Check.Equal(type, error.GetType(), "type");
                    Check.Equal(status, (error as BadHttpRequestException)?.StatusCode ?? 0, "status");
                    await context.Response.WriteAsync("seen");
                };
                FakeExchange exchange = FakeHost.Begin(new FakeRequest { Method = "POST", BodyLater = true, Chunked = true });
                exchange.ReadFailure = answer;
                exchange.Feed(null, end: false);
                await exchange.Released.Task.WaitAsync(TimeSpan.FromSeconds(10));
                Check.Equal("seen", exchange.Text, "answer " + answer);
                FakeHost.Return(exchange);
            }
        });
        checks.Add("input: cancelling a read that waits", async () =>
        {
            using var source = new CancellationTokenSource();
            TestSite.Handler = async context =>
            {
                Task<int> read = context.Request.Body.ReadAsync(new byte[1], source.Token).AsTask();
                source.CancelAfter(1);
                await Check.ThrowsAsync<OperationCanceledException>(() => read, "read");
                Task<int> again = context.Request.Body.ReadAsync(new byte[10]).AsTask();
                await context.Response.Body.FlushAsync();
                await context.Response.WriteAsync((await again).ToString());
            };
            FakeExchange exchange = FakeHost.Begin(new FakeRequest { Method = "POST", BodyLater = true, Chunked = true });
            await exchange.Progress.WaitAsync(TimeSpan.FromSeconds(10));
            exchange.Feed(new byte[7], end: true);
            await exchange.Released.Task.WaitAsync(TimeSpan.FromSeconds(10));
            Check.Equal("7", exchange.Text, "the next read works");
            FakeHost.Return(exchange);
        });
        checks.Add("input: reading and writing at the same time", async () =>
        {
            for (int round = 0; round < 10; round++)
            {
                TestSite.Handler = context => Task.WhenAll(
                    Task.Run(async () =>
                    {
                        var one = new byte[1];
                        int count = 0;
                        while (await context.Request.Body.ReadAsync(one) != 0)
                        {
                            count++;
                        }

                        Check.Equal(20_000, count, "bytes read");
                    }),
                    Task.Run(async () =>
                    {
                        for (int i = 0; i < 2000; i++)
                        {
                            await context.Response.WriteAsync("hello world");
                        }
                    }));
                FakeExchange exchange = FakeHost.Begin(new FakeRequest { Method = "POST", BodyLater = true, Chunked = true });
                for (int i = 0; i < 20; i++)
                {
                    exchange.Feed(new byte[1000], end: i == 19);
                    await Task.Yield();
                }

                await exchange.Released.Task.WaitAsync(TimeSpan.FromSeconds(20));
                Check.Equal(22_000L, exchange.Output.Length, "bytes written");
                Check.True(exchange.AbortCode is null, "no failure");
                FakeHost.Return(exchange);
            }
        });
        checks.Add("input: the pipe reader", () => TestSite.AssertAsync(
            async context =>
            {
                System.IO.Pipelines.ReadResult result = await context.Request.BodyReader.ReadAtLeastAsync(5);
                Check.Equal(5L, result.Buffer.Length, "bytes");
                context.Request.BodyReader.AdvanceTo(result.Buffer.End);
                Check.True((await context.Request.BodyReader.ReadAsync()).IsCompleted, "end");
            },
            new FakeRequest { Method = "POST", Body = new byte[5] }));
    }
}
