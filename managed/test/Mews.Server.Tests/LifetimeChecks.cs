// Disconnected clients, aborts by the app, and streams kept past their request.

using System;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Mews.Server.Tests;

internal static class LifetimeChecks
{
    internal static void Add(Checks checks)
    {
        checks.Add("lifetime: a disconnect cancels the token; writes do nothing", async () =>
        {
            TestSite.Logged.Clear();
            var done = new TaskCompletionSource<Exception?>(TaskCreationOptions.RunContinuationsAsynchronously);
            TestSite.Handler = async context =>
            {
                try
                {
                    await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(static _ => { }, TaskScheduler.Default);
                    Check.True(context.RequestAborted.IsCancellationRequested, "cancelled");
                    for (int i = 0; i < 1000; i++)
                    {
                        await context.Response.Body.WriteAsync(new byte[1024]);
                    }

                    await Check.ThrowsAsync<OperationCanceledException>(
                        () => context.Response.Body.WriteAsync(new byte[1], context.RequestAborted).AsTask(), "write with the token");
                    done.SetResult(null);
                }
                catch (Exception error)
                {
                    done.SetResult(error);
                }
            };
            FakeExchange exchange = FakeHost.Begin(new FakeRequest());
            exchange.Disconnect();
            Check.True(await done.Task.WaitAsync(TimeSpan.FromSeconds(10)) is null, "handler: " + done.Task.Result);
            await exchange.Released.Task.WaitAsync(TimeSpan.FromSeconds(10));
            Check.Equal(1, TestSite.Logged.Count(entry => entry.Id == 1), "logged once");
            Check.True(!TestSite.Logged.Any(entry => entry.Level > LogLevel.Information), "nothing serious");
            FakeHost.Return(exchange);
        });
        checks.Add("lifetime: a client that ended only its own side gets its answer", async () =>
        {
            var gate = new TaskCompletionSource();
            bool cancelled = false;
            TestSite.Handler = async context =>
            {
                CancellationToken token = context.RequestAborted;
                await gate.Task;
                cancelled = token.IsCancellationRequested || token.WaitHandle.WaitOne(5000);
                await context.Response.WriteAsync("answer");
            };
            FakeExchange exchange = FakeHost.Begin(new FakeRequest());
            exchange.EndClientSide();
            gate.SetResult();
            await exchange.Released.Task.WaitAsync(TimeSpan.FromSeconds(10));
            Check.True(cancelled, "token");
            Check.True(exchange is { Text: "answer", Complete: true, AbortCode: null }, "answer");
            FakeHost.Return(exchange);
        });
        checks.Add("lifetime: a disconnect ends a read, and its exception is no error", async () =>
        {
            TestSite.Logged.Clear();
            int status = 0;
            TestSite.Handler = async context =>
            {
                context.Response.OnCompleted(() =>
                {
                    status = context.Response.StatusCode;
                    return Task.CompletedTask;
                });
                await context.Request.Body.ReadAsync(new byte[1]);
            };
            FakeExchange exchange = FakeHost.Begin(new FakeRequest { Method = "POST", BodyLater = true, Chunked = true });
            exchange.Disconnect();
            await exchange.Released.Task.WaitAsync(TimeSpan.FromSeconds(10));
            Check.Equal(499, status, "status for the logs");
            Check.True(TestSite.Logged.Any(entry => entry.Id == 5 && entry.Error is ConnectionResetException), "event 5");
            Check.True(!TestSite.Logged.Any(entry => entry.Level > LogLevel.Debug), "only debug");
            FakeHost.Return(exchange);
        });
        checks.Add("lifetime: abort by the app", async () =>
        {
            FakeExchange exchange = await TestSite.AssertAsync(async context =>
            {
                CancellationToken token = context.RequestAborted;
                context.Abort();
                Check.True(token.IsCancellationRequested, "cancelled at once");
                Check.True(context.RequestAborted.IsCancellationRequested, "asked for afterwards");
                await context.Response.WriteAsync("ignored");
            });
            Check.True(exchange is { AbortCode: -1, Started: false, Releases: 1 }, "closed without an answer");
            exchange = await TestSite.AssertAsync(async context =>
            {
                await context.Response.WriteAsync("Abort");
                await context.Response.Body.FlushAsync();
                await Task.Yield();
                context.Abort();
            });
            Check.True(exchange is { AbortCode: -1, Text: "Abort", Complete: false }, "broken off");
            exchange = await TestSite.AssertAsync(
                context =>
                {
                    context.Abort();
                    return Task.CompletedTask;
                },
                new FakeRequest { Version = 20 });
            Check.Equal(8L, exchange.AbortCode, "a stream is cancelled");
        });
        checks.Add("lifetime: reset", async () =>
        {
            FakeExchange exchange = await TestSite.AssertAsync(
                async context =>
                {
                    IHttpResetFeature reset = context.Features.Get<IHttpResetFeature>()!;
                    Check.Throws<ArgumentOutOfRangeException>(() => reset.Reset(-1), "negative");
                    Task<int> read = context.Request.Body.ReadAsync(new byte[1]).AsTask();
                    reset.Reset(1111);
                    await Check.ThrowsAsync<IOException>(() => read, "the read that waits");
                    await Check.ThrowsAsync<IOException>(() => context.Request.Body.ReadAsync(new byte[1]).AsTask(), "the next one");
                },
                new FakeRequest { Version = 20, Method = "POST", BodyLater = true });
            Check.Equal(1111L, exchange.AbortCode, "code");
        });
        checks.Add("lifetime: the token is not shared with the next request", async () =>
        {
            CancellationToken first = default;
            await TestSite.RunAsync(context =>
            {
                first = context.RequestAborted;
                context.Abort();
                return Task.CompletedTask;
            });
            Check.True(first.IsCancellationRequested, "aborted");
            await TestSite.AssertAsync(context =>
            {
                Check.True(!context.RequestAborted.IsCancellationRequested, "fresh");
                return Task.CompletedTask;
            });
        });
        checks.Add("lifetime: streams kept past their request", async () =>
        {
            Stream? request = null;
            Stream? response = null;
            await TestSite.RunAsync(
                context =>
                {
                    request = context.Request.Body;
                    response = context.Response.Body;
                    return Task.CompletedTask;
                },
                new FakeRequest { Method = "POST", Body = new byte[10] });
            await Check.ThrowsAsync<ObjectDisposedException>(() => request!.ReadAsync(new byte[1]).AsTask(), "read after");
            await Check.ThrowsAsync<ObjectDisposedException>(() => response!.WriteAsync(new byte[1]).AsTask(), "write after");
            await TestSite.AssertAsync(
                async context =>
                {
                    await Check.ThrowsAsync<ObjectDisposedException>(() => request!.ReadAsync(new byte[1]).AsTask(), "another's body");
                    await Check.ThrowsAsync<ObjectDisposedException>(() => response!.WriteAsync(new byte[1]).AsTask(), "another's response");
                },
                new FakeRequest { Method = "POST", Body = new byte[10] });
        });
        checks.Add("lifetime: aborts racing with the end", async () =>
        {
            for (int i = 0; i < 300; i++)
            {
                var begin = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                CancellationToken token = default;
                TestSite.Handler = async context =>
                {
                    token = context.RequestAborted;
                    await begin.Task;
                    await context.Response.WriteAsync("x");
                };
                FakeExchange exchange = FakeHost.Begin(new FakeRequest());
                Task disconnect = Task.Run(exchange.Disconnect);
                begin.SetResult();
                await disconnect;
                await exchange.Released.Task.WaitAsync(TimeSpan.FromSeconds(10));
                Check.Equal(1, exchange.Releases, "released once");
                FakeHost.Return(exchange);
                await TestSite.AssertAsync(context =>
                {
                    Check.True(!context.RequestAborted.IsCancellationRequested, "the next request is untouched");
                    return Task.CompletedTask;
                });
            }
        });
        checks.Add("lifetime: values of the thread do not leak from request to request", async () =>
        {
            var local = new AsyncLocal<string?>();
            for (int i = 0; i < 2; i++)
            {
                TestSite.Handler = context =>
                {
                    Check.True(local.Value is null, "clean");
                    local.Value = "dirty";
                    return Task.CompletedTask;
                };
                FakeExchange exchange = FakeHost.Begin(new FakeRequest());
                Check.Equal(200, exchange.Status, "clean");
                Check.True(local.Value is null, "taken back");
                FakeHost.Return(exchange);
            }

            await Task.CompletedTask;
        });
    }
}
