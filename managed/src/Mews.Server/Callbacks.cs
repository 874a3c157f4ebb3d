// Where the worker enters managed code. No exception leaves these methods: it would end the process.

using System;
using System.Runtime.InteropServices;
using System.Threading;
using Mews.Server.Http;
using Mews.Server.Interop;

namespace Mews.Server;

/// <summary>The callbacks handed to the worker, and the server they lead to.</summary>
internal static unsafe class Callbacks
{
    private static MewsServer? s_server;
    private static ContextFactory? s_factory;
    // The context of a thread that has run nothing yet. Every request begins and leaves its thread in it.
    private static ExecutionContext? s_clean;

    /// <summary>Starts serving; from the return on requests come.</summary>
    /// <returns>The worker's status code.</returns>
    internal static int Start(MewsServer server, ContextFactory factory)
    {
        s_factory = factory;
        s_server = server;
        // Copied by the worker or not: kept for the life of the process either way.
        var callbacks = (ManagedCallbacks*)NativeMemory.AllocZeroed((nuint)sizeof(ManagedCallbacks));
        callbacks->size = (uint)sizeof(ManagedCallbacks);
        callbacks->version = Native.Version;
        callbacks->on_request = &OnRequest;
        callbacks->on_body_ready = &OnBodyReady;
        callbacks->on_writable = &OnWritable;
        callbacks->on_abort = &OnAbort;
        callbacks->on_stop = &OnStop;
        callbacks->on_drained = &OnDrained;
        return Native.ServerStart(callbacks);
    }

    [UnmanagedCallersOnly]
    private static int OnRequest(RawExchange* exchange)
    {
        try
        {
            s_clean ??= ExecutionContext.Capture();
            int status = MewsHttpContext.Of(exchange, s_factory!).Process(exchange);
            LeaveThreadClean();
            return status;
        }
        catch (Exception error)
        {
            Fail(error, nameof(OnRequest));
            return Status.Gone;
        }
    }

    [UnmanagedCallersOnly]
    private static void OnBodyReady(nint context, ulong handle)
    {
        try
        {
            Context(context)?.OnBodyReady(handle);
        }
        catch (Exception error)
        {
            Fail(error, nameof(OnBodyReady));
        }
    }

    [UnmanagedCallersOnly]
    private static void OnWritable(nint context, ulong handle)
    {
        try
        {
            Context(context)?.OnWritable(handle);
        }
        catch (Exception error)
        {
            Fail(error, nameof(OnWritable));
        }
    }

    [UnmanagedCallersOnly]
    private static void OnAbort(nint context, ulong handle)
    {
        try
        {
            Context(context)?.OnAbort(handle);
        }
        catch (Exception error)
        {
            Fail(error, nameof(OnAbort));
        }
    }

    [UnmanagedCallersOnly]
    private static void OnStop()
    {
        try
        {
            s_server?.StopApplication();
        }
        catch (Exception error)
        {
            Fail(error, nameof(OnStop));
        }
    }

    [UnmanagedCallersOnly]
    private static void OnDrained()
    {
        try
        {
            s_server?.OnDrained();
        }
        catch (Exception error)
        {
            Fail(error, nameof(OnDrained));
        }
    }

    private static MewsHttpContext? Context(nint context)
        => context == 0 ? null : (MewsHttpContext?)GCHandle.FromIntPtr(context).Target;

    /// <summary>Takes back what the request left on the thread: the next one may be another client's.</summary>
    private static void LeaveThreadClean()
    {
        if (s_clean is not null)
        {
            ExecutionContext.Restore(s_clean);
        }

        if (SynchronizationContext.Current is not null)
        {
            SynchronizationContext.SetSynchronizationContext(null);
        }
    }

    private static void Fail(Exception error, string where)
    {
        try
        {
            if (s_server is { } server)
            {
                Log.UnexpectedCallback(server.Logger, error, where);
            }
            else
            {
                Native.Report(ReportKind.Warning, "Unexpected exception in " + where + ": " + error);
            }
        }
        catch (Exception)
        {
            // A logger of the app's failed while a failure was logged; there is nobody left to tell.
        }
    }
}
