// The response: how it begins, what is sent, and what is done when the app fails.

using System;
using System.Buffers;
using System.Collections.Generic;
using System.IO;
using System.IO.Pipelines;
using System.Linq;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.Server.Tests;

internal static class OutputChecks
{
    internal static void Add(Checks checks)
    {
        checks.Add("output: a simple response ends inline", async () =>
        {
            FakeExchange exchange = await TestSite.RunAsync(context => context.Response.WriteAsync("Hello World"));
            Check.Equal("Hello World", exchange.Text, "body");
            Check.True(exchange.EndedInline && exchange.Writes == 1, "one call, whose bytes the native side holds back");
            exchange = await TestSite.RunAsync(static _ => Task.CompletedTask);
            Check.True(exchange.EndedInline && exchange.Status == 200 && exchange.Text.Length == 0, "empty");
            exchange = await TestSite.RunAsync(context =>
            {
                _ = context.RequestServices;
                return context.Response.WriteAsync("services");
            });
            Check.True(exchange.EndedInline && exchange.Text == "services", "with request services");
        });
        checks.Add("output: an asynchronous response", async () =>
        {
            FakeExchange exchange = await TestSite.RunAsync(async context =>
            {
                await Task.Yield();
                await context.Response.WriteAsync("a");
                await Task.Yield();
                await context.Response.WriteAsync("b");
            });
            Check.Equal("ab", exchange.Text, "body");
            Check.True(!exchange.EndedInline && exchange.Releases == 1, "completed by call");
        });
        checks.Add("output: pipe writer, unflushed and flushed", async () =>
        {
            FakeExchange exchange = await TestSite.RunAsync(context =>
            {
                context.Response.BodyWriter.GetMemory(10);
                context.Response.BodyWriter.Advance(10);
                return Task.CompletedTask;
            });
            Check.Equal(10L, exchange.Output.Length, "unflushed");
            exchange = await TestSite.RunAsync(async context =>
            {
                PipeWriter writer = context.Response.BodyWriter;
                writer.Write(new byte[10]);
                Check.Equal(10L, writer.UnflushedBytes, "unflushed bytes");
                await writer.FlushAsync();
                Check.Equal(0L, writer.UnflushedBytes, "flushed");
                writer.Write(new byte[10]);
            });
            Check.Equal(20L, exchange.Output.Length, "flushed, then not");
        });
        checks.Add("output: more than the block, in every way", async () =>
        {
            var random = new Random(5);
            for (int round = 0; round < 30; round++)
            {
                var expected = new MemoryStream();
                bool yield = round % 2 == 0;
                FakeExchange exchange = await TestSite.RunAsync(async context =>
                {
                    if (yield)
                    {
                        await Task.Yield();
                    }

                    for (int i = 0; i < 12; i++)
                    {
                        var bytes = new byte[random.Next(0, 3000)];
                        random.NextBytes(bytes);
                        expected.Write(bytes);
                        switch (random.Next(5))
                        {
                            case 0:
                                context.Response.BodyWriter.Write(bytes);
                                break;
                            case 1:
                                await context.Response.Body.WriteAsync(bytes);
                                break;
                            case 2:
                                bytes.CopyTo(context.Response.BodyWriter.GetMemory(Math.Max(bytes.Length, 1)));
                                context.Response.BodyWriter.Advance(bytes.Length);
                                await context.Response.BodyWriter.FlushAsync();
                                break;
                            case 3:
                                await context.Response.BodyWriter.WriteAsync(bytes);
                                break;
                            default:
                                bytes.CopyTo(context.Response.BodyWriter.GetSpan(Math.Max(bytes.Length, 1)));
                                context.Response.BodyWriter.Advance(bytes.Length);
                                break;
                        }
                    }
                });
                Check.True(expected.ToArray().AsSpan().SequenceEqual(exchange.Output.ToArray()), "round " + round);
            }
        });
        checks.Add("output: OnStarting runs once, last first, before the head is fixed", async () =>
        {
            var order = new List<int>();
            FakeExchange exchange = await TestSite.RunAsync(async context =>
            {
                context.Response.OnStarting(() =>
                {
                    order.Add(1);
                    context.Response.Headers["X-Late"] = "yes";
                    context.Response.StatusCode = 202;
                    return Task.CompletedTask;
                });
                context.Response.OnStarting(async () =>
                {
                    await Task.Yield();
                    order.Add(2);
                    Check.True(!context.Response.HasStarted, "not started");
                });
                await context.Response.WriteAsync("x");
                await context.Response.WriteAsync("y");
                Check.Throws<InvalidOperationException>(() => context.Response.OnStarting(() => Task.CompletedTask), "too late");
            });
            Check.Equal("2,1", string.Join(',', order), "order");
            Check.Equal("yes", exchange.Header("X-Late"), "header");
            Check.Equal(202, exchange.Status, "status");
            Check.Equal("xy", exchange.Text, "body");
            order.Clear();
            exchange = await TestSite.RunAsync(context =>
            {
                context.Response.OnStarting(() =>
                {
                    order.Add(1);
                    return Task.CompletedTask;
                });
                return Task.CompletedTask;
            });
            Check.True(order.Count == 1 && exchange.Status == 200, "without a body too");
        });
        checks.Add("output: OnStarting fails", async () =>
        {
            FakeExchange exchange = await TestSite.RunAsync(async context =>
            {
                context.Response.OnStarting(() => throw new InvalidOperationException("starting"));
                await Check.ThrowsAsync<ObjectDisposedException>(() => context.Response.WriteAsync("x"), "write");
            });
            Check.Equal(500, exchange.Status, "status");
            Check.Equal(string.Empty, exchange.Text, "body");
        });
        checks.Add("output: OnCompleted runs after the end, last first; failures are only logged", async () =>
        {
            var order = new List<int>();
            FakeExchange? seen = null;
            bool completeBefore = false;
            FakeExchange exchange = await TestSite.RunAsync(context =>
            {
                context.Response.OnCompleted(async () =>
                {
                    await Task.Delay(20);
                    order.Add(1);
                    _ = context.Request.Path;
                    completeBefore = context.Response.HasStarted;
                });
                context.Response.OnCompleted(() =>
                {
                    order.Add(2);
                    throw new InvalidOperationException("completed");
                });
                return context.Response.WriteAsync("x");
            });
            seen = exchange;
            Check.Equal("2,1", string.Join(',', order), "order");
            Check.True(completeBefore && seen.Status == 200 && seen.Text == "x", "response");
        });
        checks.Add("output: no body for 204 and 304", async () =>
        {
            foreach (int status in new[] { 204, 304 })
            {
                FakeExchange exchange = await TestSite.AssertAsync(async context =>
                {
                    context.Response.StatusCode = status;
                    await context.Response.WriteAsync("dropped");
                    await context.Response.Body.WriteAsync(new byte[5000]);
                });
                Check.Equal(status, exchange.Status, "status");
                Check.Equal(0L, exchange.Output.Length, "body");
            }
        });
        checks.Add("output: status and reason", async () =>
        {
            FakeExchange exchange = await TestSite.AssertAsync(context =>
            {
                IHttpResponseFeature response = context.Features.Get<IHttpResponseFeature>()!;
                context.Response.StatusCode = 999;
                foreach (string bad in new[] { "a\r\nb: c", "\r", "\n", "\0", "\x1f", "\x7f", "é" })
                {
                    Check.Throws<InvalidOperationException>(() => response.ReasonPhrase = bad, "bad reason");
                }

                foreach (string? good in new[] { null, string.Empty, "OK", "with\ttab", "Custom Reason" })
                {
                    response.ReasonPhrase = good;
                }

                return Task.CompletedTask;
            });
            Check.Equal(999, exchange.Status, "status");
            Check.Equal("Custom Reason", exchange.Reason, "reason");
        });
        checks.Add("output: the app fails before the start", async () =>
        {
            foreach (bool yield in new[] { false, true })
            {
                FakeExchange exchange = await TestSite.RunAsync(async context =>
                {
                    context.Response.Headers["X-Gone"] = "x";
                    context.Response.StatusCode = 201;
                    context.Response.BodyWriter.Write(new byte[10]);
                    if (yield)
                    {
                        await Task.Yield();
                    }

                    throw new InvalidOperationException("app");
                });
                Check.Equal(500, exchange.Status, "status");
                Check.True(exchange.Text.Length == 0 && exchange.Header("X-Gone") is null, "nothing else");
            }

            FakeExchange bad = await TestSite.RunAsync(_ => throw new BadHttpRequestException("bad", 418));
            Check.Equal(418, bad.Status, "bad request's own status");
            TestSite.Logged.Clear();
            await TestSite.RunAsync(_ => throw new BadHttpRequestException("bad"));
            Check.Equal("4,2", string.Join(',', TestSite.Logged.Select(entry => entry.Id)), "logged");
        });
        checks.Add("output: the app fails after the start", async () =>
        {
            foreach ((byte version, long code) in new[] { ((byte)11, -1L), ((byte)20, 2L), ((byte)30, 0x102L) })
            {
                FakeExchange exchange = await TestSite.RunAsync(
                    async context =>
                    {
                        await context.Response.WriteAsync("part");
                        throw new InvalidOperationException("app");
                    },
                    new FakeRequest { Version = version });
                Check.Equal("part", exchange.Text, "what was flushed");
                Check.Equal(code, exchange.AbortCode, "abort");
                Check.Equal(1, exchange.Releases, "released once");
            }
        });
        checks.Add("output: synchronous writes", () => TestSite.AssertAsync(context =>
        {
            Check.Throws<InvalidOperationException>(() => context.Response.Body.Write(new byte[1], 0, 1), "write");
            Check.Throws<InvalidOperationException>(() => context.Request.Body.Read(new byte[1], 0, 1), "read");
            context.Response.Body.Flush();
            context.Features.Get<IHttpBodyControlFeature>()!.AllowSynchronousIO = true;
            context.Response.Body.Write(new byte[1], 0, 1);
            Check.Equal(0, context.Request.Body.Read(new byte[1], 0, 1), "allowed read");
            return Task.CompletedTask;
        }));
        checks.Add("output: argument checks and empty writes", () => TestSite.AssertAsync(async context =>
        {
            Stream body = context.Response.Body;
            await body.WriteAsync(Array.Empty<byte>());
            await body.WriteAsync(null!, 0, 0);
            await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => body.WriteAsync(new byte[1], -1, 1), "offset");
            await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => body.WriteAsync(new byte[1], 0, 2), "count");
            await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => body.WriteAsync(new byte[1], 0, -1), "negative count");
            Check.Throws<ArgumentOutOfRangeException>(() => context.Response.BodyWriter.Advance(100_000), "advance");
            Check.True(!body.CanRead && !body.CanSeek && body.CanWrite, "abilities");
        }));
        checks.Add("output: CompleteAsync ends the response before the app", async () =>
        {
            var gate = new TaskCompletionSource();
            bool passed = false;
            TestSite.Handler = async context =>
            {
                await context.Response.WriteAsync("whole");
                await context.Response.CompleteAsync();
                await gate.Task;
                await context.Response.Body.FlushAsync();
                await Check.ThrowsAsync<InvalidOperationException>(async () => await context.Response.BodyWriter.WriteAsync(new byte[1]), "write after");
                passed = true;
            };
            FakeExchange exchange = FakeHost.Begin(new FakeRequest());
            Check.True(exchange.Complete && exchange.Text == "whole" && exchange.Releases == 0, "complete, not released");
            gate.SetResult();
            await exchange.Released.Task.WaitAsync(TimeSpan.FromSeconds(10));
            Check.True(passed, "flushing and writing after the end: " + TestSite.LastError());
            FakeHost.Return(exchange);
        });
        checks.Add("output: files", async () =>
        {
            string path = Path.GetTempFileName();
            try
            {
                byte[] bytes = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 2000).Select(i => i.ToString("D5"))));
                await File.WriteAllBytesAsync(path, bytes);
                FakeExchange exchange = await TestSite.RunAsync(context => context.Response.SendFileAsync(path));
                Check.True(exchange.Output.ToArray().AsSpan().SequenceEqual(bytes), "whole file");
                exchange = await TestSite.RunAsync(async context =>
                {
                    await context.Response.WriteAsync("<");
                    await context.Response.SendFileAsync(path, 10, 9000);
                    await context.Response.SendFileAsync(path, 5, 5);
                    await context.Response.WriteAsync(">");
                });
                Check.Equal("<" + Encoding.ASCII.GetString(bytes, 10, 9000) + "00001>", exchange.Text, "parts");
                await TestSite.AssertAsync(async context =>
                {
                    await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => context.Response.SendFileAsync(path, 20_000, null), "offset");
                    await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => context.Response.SendFileAsync(path, 0, 20_000), "count");
                    await Check.ThrowsAsync<FileNotFoundException>(() => context.Response.SendFileAsync(path + ".none"), "file");
                });
            }
            finally
            {
                File.Delete(path);
            }
        });
    }
}
