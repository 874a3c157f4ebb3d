// Back-pressure, cancellation of writes, and flushes that leave while the request goes on.

using System;
using System.IO.Pipelines;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Http;

namespace Mews.Server.Tests;

internal static class FlushChecks
{
    internal static void Add(Checks checks)
    {
        checks.Add("flush: a slow client makes the writer wait", async () =>
        {
            var bytes = new byte[50_000];
            new Random(1).NextBytes(bytes);
            var begin = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Task? write = null;
            TestSite.Handler = async context =>
            {
                await begin.Task;
                write = context.Response.Body.WriteAsync(bytes).AsTask();
                await write;
            };
            FakeExchange exchange = FakeHost.Begin(new FakeRequest());
            exchange.Open(1000);
            begin.SetResult();
            for (int i = 0; i < 49; i++)
            {
                await exchange.Progress.WaitAsync(TimeSpan.FromSeconds(10));
                Check.True(!exchange.Released.Task.IsCompleted, "not yet");
                exchange.Open(1000);
            }

            exchange.Open(-1);
            await exchange.Released.Task.WaitAsync(TimeSpan.FromSeconds(10));
            Check.True(exchange.Output.ToArray().AsSpan().SequenceEqual(bytes), "all bytes, in order");
            FakeHost.Return(exchange);
        });
        checks.Add("flush: cancelling a write that waits", async () =>
        {
            var begin = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            using var source = new CancellationTokenSource();
            bool cancelled = false;
            TestSite.Handler = async context =>
            {
                await begin.Task;
                try
                {
                    await context.Response.Body.WriteAsync(new byte[10_000], source.Token);
                }
                catch (OperationCanceledException)
                {
                    cancelled = true;
                }
            };
            FakeExchange exchange = FakeHost.Begin(new FakeRequest());
            exchange.Open(100);
            begin.SetResult();
            await exchange.Progress.WaitAsync(TimeSpan.FromSeconds(10));
            source.Cancel();
            await exchange.Released.Task.WaitAsync(TimeSpan.FromSeconds(10));
            Check.True(cancelled, "cancelled");
            Check.Equal(-1L, exchange.AbortCode, "a torn response is aborted");
            FakeHost.Return(exchange);
        });
        checks.Add("flush: CancelPendingFlush", async () =>
        {
            await TestSite.AssertAsync(async context =>
            {
                context.Response.BodyWriter.CancelPendingFlush();
                Check.True((await context.Response.BodyWriter.FlushAsync()).IsCanceled, "the next flush");
                Check.True(!(await context.Response.BodyWriter.FlushAsync()).IsCanceled, "not the one after");
            });
            var begin = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            bool cancelled = false;
            PipeWriter? writer = null;
            TestSite.Handler = async context =>
            {
                await begin.Task;
                writer = context.Response.BodyWriter;
                cancelled = (await writer.WriteAsync(new byte[10_000])).IsCanceled;
            };
            FakeExchange exchange = FakeHost.Begin(new FakeRequest());
            exchange.Open(100);
            begin.SetResult();
            await exchange.Progress.WaitAsync(TimeSpan.FromSeconds(10));
            while (!cancelled)
            {
                writer!.CancelPendingFlush();
                await Task.Yield();
            }

            exchange.Open(-1);
            await exchange.Released.Task.WaitAsync(TimeSpan.FromSeconds(10));
            Check.Equal(10_000L, exchange.Output.Length, "nothing is lost");
            FakeHost.Return(exchange);
        });
        checks.Add("flush: goes out when the request leaves its thread", async () =>
        {
            var gate = new TaskCompletionSource();
            TestSite.Handler = async context =>
            {
                await context.Response.WriteAsync("early");
                await gate.Task;
                await context.Response.WriteAsync("late");
            };
            FakeExchange exchange = FakeHost.Begin(new FakeRequest());
            Check.Equal("early", exchange.Text, "sent before the end");
            gate.SetResult();
            await exchange.Released.Task.WaitAsync(TimeSpan.FromSeconds(10));
            Check.Equal("earlylate", exchange.Text, "whole");
            FakeHost.Return(exchange);
        });
        checks.Add("flush: goes out while the request blocks its thread", async () =>
        {
            using var gate = new ManualResetEventSlim();
            TestSite.Handler = async context =>
            {
                await context.Response.WriteAsync("early");
                gate.Wait();
                await context.Response.WriteAsync("late");
                context.Response.BodyWriter.GetSpan(4)[..4].Fill((byte)'.');
                context.Response.BodyWriter.Advance(4);
            };
            FakeExchange? exchange = null;
            Task<FakeExchange> sending = Task.Run(() => exchange = FakeHost.Begin(new FakeRequest()));
            // The slot is known only when the request is over; what it sends meanwhile shows through the slots.
            FakeExchange running = await FakeHost.RunningAsync();
            await running.Progress.WaitAsync(TimeSpan.FromSeconds(10));
            Check.Equal("early", running.Text, "sent while blocked");
            gate.Set();
            await sending;
            await running.Released.Task.WaitAsync(TimeSpan.FromSeconds(10));
            Check.Equal("earlylate....", running.Text, "whole");
            FakeHost.Return(running);
        });
        checks.Add("flush: writing from another thread than the request's", async () =>
        {
            for (int i = 0; i < 200; i++)
            {
                FakeExchange exchange = await TestSite.RunAsync(async context =>
                {
                    await context.Response.WriteAsync("a");
                    await Task.Run(() => context.Response.WriteAsync("b"));
                    await context.Response.WriteAsync("c");
                });
                Check.Equal("abc", exchange.Text, "body");
            }
        });
    }
}
