// The native half of the function table, called through its function pointers.
// Thin on purpose: it pins spans for the length of a call and passes status codes through; their meaning belongs to the callers.

using System;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Mews.Server.Interop;

/// <summary>Calls into the worker. Every method may be called on any thread and does not block.</summary>
internal static unsafe class Native
{
    /// <summary>Runtime property with the decimal address of the table.</summary>
    internal const string TableProperty = "MEWS_HOST_TABLE";

    /// <summary>Version of the function table that this assembly speaks.</summary>
    internal const uint Version = 4;

    private static HostTable* s_table;

    /// <summary>Whether a table has been attached.</summary>
    internal static bool IsAttached => s_table != null;

    /// <summary>The worker's facts. Valid once attached.</summary>
    internal static HostInfo* Info => s_table->info;

    /// <summary>Takes the table whose decimal address the worker put into a runtime property.</summary>
    /// <exception cref="InvalidOperationException">No table, or one that this assembly does not understand.</exception>
    internal static void Attach(object? property)
    {
        string? text = property as string ?? property?.ToString();
        if (!ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong address) || address == 0)
        {
            throw new InvalidOperationException(
                "Mews.Server.dll was loaded outside a Mews worker process (the runtime property " + TableProperty +
                " is missing or is not an address). Do not name it in DOTNET_STARTUP_HOOKS; start the application with 'mews run'.");
        }

        HostTable* table = (HostTable*)address;
        // The version and size come first in every version of the table, so these two reads are always safe.
        if (table->version != Version || table->size < (uint)sizeof(HostTable))
        {
            throw new InvalidOperationException(
                "Mews.Server.dll and the mews binary do not belong together (function table version " +
                table->version.ToString(CultureInfo.InvariantCulture) + ", expected " + Version.ToString(CultureInfo.InvariantCulture) +
                "). Install both from the same release.");
        }

        s_table = table;
    }

    internal static int ServerStart(ManagedCallbacks* callbacks) => s_table->server_start(callbacks);

    internal static void ServerStop() => s_table->server_stop();

    /// <summary>Hands a text to the operator's log. Never throws: it is called while things are already failing.</summary>
    internal static void Report(int kind, string text)
    {
        if (s_table == null)
        {
            return;
        }

        byte[] bytes = Encoding.UTF8.GetBytes(text);
        fixed (byte* pointer = bytes)
        {
            s_table->report(kind, pointer, bytes.Length);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int BodyRead(ulong handle, Span<byte> destination)
    {
        fixed (byte* pointer = destination)
        {
            return s_table->body_read(handle, pointer, destination.Length);
        }
    }

    /// <summary>Writes <paramref name="blockLength"/> bytes of the block, then <paramref name="extra"/>, which is read only during the call.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static long BodyWrite(ulong handle, int blockLength, ReadOnlySpan<byte> extra)
    {
        fixed (byte* pointer = extra)
        {
            return s_table->body_write(handle, blockLength, pointer, extra.Length);
        }
    }

    internal static int SendFile(ulong handle, int descriptor, long offset, long count)
        => s_table->send_file(handle, descriptor, offset, count);

    internal static int HeadGrow(ulong handle, int needed) => s_table->head_grow(handle, needed);

    internal static int Complete(ulong handle, int blockLength, bool release)
        => s_table->complete(handle, blockLength, release ? 1 : 0);

    internal static void Release(ulong handle) => s_table->release(handle);

    internal static int Abort(ulong handle, long code) => s_table->abort(handle, code);

    internal static int Upgrade(ulong handle) => s_table->upgrade(handle);

    /// <summary>A UTF-8 text of native memory as a string; empty for a null pointer.</summary>
    internal static string Text(byte* pointer, uint length)
        => pointer == null || length == 0 ? string.Empty : Encoding.UTF8.GetString(pointer, checked((int)length));

    /// <summary>Forgets the table; for tests, which attach a fake one several times.</summary>
    internal static void Detach() => s_table = null;
}
