// The native side of the function table, written in C#: it runs the managed server without a worker process.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Mews.Server.Interop;

namespace Mews.Server.Tests;

/// <summary>A host table and the slots behind it.</summary>
internal static class FakeHost
{
    internal const long BodyLimit = 1_000_000;

    private static readonly List<FakeExchange> s_exchanges = new();
    private static readonly ConcurrentStack<FakeExchange> s_free = new();
    private static long s_requests;
    private static FakeExchange? s_running;

    internal static ManagedCallbacks Callbacks { get; private set; }

    internal static bool ServerStarted { get; private set; }

    internal static bool ServerStopped { get; private set; }

    internal static ConcurrentQueue<(int Kind, string Text)> Reports { get; } = new();

    /// <summary>Whether reports are printed at once, for processes that will not live to print them later.</summary>
    internal static bool PrintReports { get; set; }

    /// <summary>Makes the table and puts its address where the startup hook looks for it.</summary>
    internal static unsafe void Install(string virtualPath = "/", uint flags = HostFlags.WebSockets, string? physicalPath = null)
    {
        HostInfo* info = (HostInfo*)NativeMemory.AllocZeroed((nuint)sizeof(HostInfo));
        info->size = (uint)sizeof(HostInfo);
        info->flags = flags;
        info->max_request_body_size = BodyLimit;
        info->physical_path = Text(physicalPath ?? AppContext.BaseDirectory.TrimEnd('/'), out info->physical_path_len);
        info->virtual_path = Text(virtualPath, out info->virtual_path_len);
        info->addresses = Text("http://127.0.0.1:8080;https://127.0.0.1:8443", out info->addresses_len);
        info->site_name = Text("shop", out info->site_name_len);
        info->app_pool = Text("pool", out info->app_pool_len);
        info->application_id = Text("/LM/W3SVC/7/ROOT", out info->application_id_len);
        info->config_path = Text("MACHINE/WEBROOT/APPHOST/shop", out info->config_path_len);
        info->version = Text("1.2", out info->version_len);
        info->site_id = 7;
        HostTable* table = (HostTable*)NativeMemory.AllocZeroed((nuint)sizeof(HostTable));
        table->size = (uint)sizeof(HostTable);
        table->version = Native.Version;
        table->info = info;
        table->server_start = &OnServerStart;
        table->server_stop = &OnServerStop;
        table->report = &OnReport;
        table->body_read = &OnBodyRead;
        table->body_write = &OnBodyWrite;
        table->send_file = &OnSendFile;
        table->head_grow = &OnHeadGrow;
        table->complete = &OnComplete;
        table->release = &OnRelease;
        table->abort = &OnAbort;
        table->upgrade = &OnUpgrade;
        AppContext.SetData(Native.TableProperty, ((ulong)table).ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Sends a request and waits until its exchange is released.</summary>
    internal static async Task<FakeExchange> SendAsync(FakeRequest request)
    {
        FakeExchange exchange = Begin(request);
        await exchange.Released.Task.WaitAsync(TimeSpan.FromSeconds(20));
        Return(exchange);
        return exchange;
    }

    /// <summary>Sends a request; its slot is not used again before <see cref="Return"/>.</summary>
    internal static FakeExchange Begin(FakeRequest request, long window = -1)
    {
        if (!s_free.TryPop(out FakeExchange? exchange))
        {
            lock (s_exchanges)
            {
                exchange = new FakeExchange((uint)s_exchanges.Count);
                s_exchanges.Add(exchange);
            }
        }

        Dispatch(exchange, request, window);
        return exchange;
    }

    /// <summary>The exchange whose request is running inside <c>on_request</c>, once there is one.</summary>
    internal static async Task<FakeExchange> RunningAsync()
    {
        while (true)
        {
            FakeExchange? running = Volatile.Read(ref s_running);
            if (running is not null)
            {
                return running;
            }

            await Task.Yield();
        }
    }

    /// <summary>Puts a request into a slot and dispatches it on this thread.</summary>
    internal static unsafe void Dispatch(FakeExchange exchange, FakeRequest request, long window = -1)
    {
        exchange.Open(request, (ulong)Interlocked.Increment(ref s_requests));
        exchange.Window = window;
        Volatile.Write(ref s_running, exchange);
        int answer = Callbacks.on_request(exchange.Raw);
        Volatile.Write(ref s_running, null);
        if (answer == Status.Done)
        {
            exchange.EndInline();
        }
        else if (answer < 0)
        {
            throw new CheckFailed("on_request answered " + answer);
        }
    }

    internal static void Return(FakeExchange exchange) => s_free.Push(exchange);

    internal static unsafe void Drain() => Callbacks.on_drained();

    internal static unsafe void Stop() => Callbacks.on_stop();

    private static unsafe byte* Text(string text, out uint length)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        byte* pointer = (byte*)NativeMemory.Alloc((nuint)Math.Max(bytes.Length, 1));
        bytes.CopyTo(new Span<byte>(pointer, bytes.Length));
        length = (uint)bytes.Length;
        return pointer;
    }

    private static FakeExchange? Find(ulong handle)
    {
        lock (s_exchanges)
        {
            int index = (int)(uint)handle;
            FakeExchange? exchange = index < s_exchanges.Count ? s_exchanges[index] : null;
            return exchange is { InUse: true } && exchange.Handle == handle ? exchange : null;
        }
    }

    [UnmanagedCallersOnly]
    private static unsafe int OnServerStart(ManagedCallbacks* callbacks)
    {
        if (ServerStarted)
        {
            return Status.InvalidCall;
        }

        Callbacks = *callbacks;
        ServerStarted = true;
        return Status.Done;
    }

    [UnmanagedCallersOnly]
    private static unsafe void OnServerStop() => ServerStopped = true;

    [UnmanagedCallersOnly]
    private static unsafe void OnReport(int kind, byte* text, int length)
    {
        string report = Encoding.UTF8.GetString(text, length);
        Reports.Enqueue((kind, report));
        if (PrintReports)
        {
            Console.WriteLine("report " + kind + ": " + report);
        }
    }

    [UnmanagedCallersOnly]
    private static unsafe int OnBodyRead(ulong handle, byte* destination, int length) => Find(handle)?.Read(destination, length) ?? Status.Stale;

    [UnmanagedCallersOnly]
    private static unsafe long OnBodyWrite(ulong handle, int blockLength, byte* extra, long extraLength)
        => Find(handle)?.Write(blockLength, extra, extraLength) ?? Status.Stale;

    [UnmanagedCallersOnly]
    private static unsafe int OnSendFile(ulong handle, int descriptor, long offset, long count)
        => Find(handle)?.SendFile(descriptor, offset, count) ?? Status.Stale;

    [UnmanagedCallersOnly]
    private static unsafe int OnHeadGrow(ulong handle, int needed) => Find(handle)?.HeadGrow(needed) ?? Status.Stale;

    [UnmanagedCallersOnly]
    private static unsafe int OnComplete(ulong handle, int blockLength, int release) => Find(handle)?.Finish(blockLength, release != 0) ?? Status.Stale;

    [UnmanagedCallersOnly]
    private static unsafe void OnRelease(ulong handle) => Find(handle)?.Release();

    [UnmanagedCallersOnly]
    private static unsafe int OnAbort(ulong handle, long code) => Find(handle)?.Abort(code) ?? Status.Stale;

    [UnmanagedCallersOnly]
    private static unsafe int OnUpgrade(ulong handle) => Find(handle)?.Upgrade() ?? Status.Stale;
}
