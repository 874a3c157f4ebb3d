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
internal static unsafe class FakeHost
{
    internal const long BodyLimit = 1_000_000;

    private static readonly List<FakeExchange> s_exchanges = new();
    private static readonly ConcurrentStack<FakeExchange> s_free = new();
    private static long s_requests;

    internal static ManagedCallbacks Callbacks { get; private set; }

    internal static bool ServerStarted { get; private set; }

    internal static bool ServerStopped { get; private set; }

    internal static ConcurrentQueue<(int Kind, string Text)> Reports { get; } = new();

    /// <summary>Makes the table and puts its address where the startup hook looks for it.</summary>
    internal static void Install(string virtualPath = "/", uint flags = HostFlags.WebSockets, string? physicalPath = null)
    {
        HostInfo* info = (HostInfo*)NativeMemory.AllocZeroed((nuint)sizeof(HostInfo));
        info->size = (uint)sizeof(HostInfo);
        info->flags = flags;
        info->max_request_body_size = BodyLimit;
        (info->physical_path, info->physical_path_len) = Text(physicalPath ?? AppContext.BaseDirectory.TrimEnd('/'));
        (info->virtual_path, info->virtual_path_len) = Text(virtualPath);
        (info->addresses, info->addresses_len) = Text("http://127.0.0.1:8080;https://127.0.0.1:8443");
        (info->site_name, info->site_name_len) = Text("shop");
        (info->app_pool, info->app_pool_len) = Text("pool");
        (info->application_id, info->application_id_len) = Text("/LM/W3SVC/7/ROOT");
        (info->config_path, info->config_path_len) = Text("MACHINE/WEBROOT/APPHOST/shop");
        (info->version, info->version_len) = Text("1.2");
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
    internal static FakeExchange Begin(FakeRequest request)
    {
        if (!s_free.TryPop(out FakeExchange? exchange))
        {
            lock (s_exchanges)
            {
                exchange = new FakeExchange((uint)s_exchanges.Count);
                s_exchanges.Add(exchange);
            }
        }

        Dispatch(exchange, request);
        return exchange;
    }

    /// <summary>Puts a request into a slot and dispatches it on this thread.</summary>
    internal static void Dispatch(FakeExchange exchange, FakeRequest request)
    {
        exchange.Open(request, (ulong)Interlocked.Increment(ref s_requests));
        int answer = Callbacks.on_request(exchange.Raw);
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

    internal static void Drain() => Callbacks.on_drained();

    internal static void Stop() => Callbacks.on_stop();

    private static (byte* Pointer, uint Length) Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        byte* pointer = (byte*)NativeMemory.Alloc((nuint)Math.Max(bytes.Length, 1));
        bytes.CopyTo(new Span<byte>(pointer, bytes.Length));
        return (pointer, (uint)bytes.Length);
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
    private static int OnServerStart(ManagedCallbacks* callbacks)
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
    private static void OnServerStop() => ServerStopped = true;

    [UnmanagedCallersOnly]
    private static void OnReport(int kind, byte* text, int length) => Reports.Enqueue((kind, Encoding.UTF8.GetString(text, length)));

    [UnmanagedCallersOnly]
    private static int OnBodyRead(ulong handle, byte* destination, int length) => Find(handle)?.Read(destination, length) ?? Status.Stale;

    [UnmanagedCallersOnly]
    private static long OnBodyWrite(ulong handle, int blockLength, byte* extra, long extraLength)
        => Find(handle)?.Write(blockLength, extra, extraLength) ?? Status.Stale;

    [UnmanagedCallersOnly]
    private static int OnSendFile(ulong handle, int descriptor, long offset, long count)
        => Find(handle)?.SendFile(descriptor, offset, count) ?? Status.Stale;

    [UnmanagedCallersOnly]
    private static int OnHeadGrow(ulong handle, int needed) => Find(handle)?.HeadGrow(needed) ?? Status.Stale;

    [UnmanagedCallersOnly]
    private static int OnComplete(ulong handle, int blockLength, int release) => Find(handle)?.Finish(blockLength, release != 0) ?? Status.Stale;

    [UnmanagedCallersOnly]
    private static void OnRelease(ulong handle) => Find(handle)?.Release();

    [UnmanagedCallersOnly]
    private static int OnAbort(ulong handle, long code) => Find(handle)?.Abort(code) ?? Status.Stale;

    [UnmanagedCallersOnly]
    private static int OnUpgrade(ulong handle) => Find(handle)?.Upgrade() ?? Status.Stale;
}
