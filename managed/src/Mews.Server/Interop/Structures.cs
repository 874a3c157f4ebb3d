// The structures of the function table, field for field as its specification names them.
// They hold no behaviour; Layout.cs proves their offsets against the native half.

using System.Runtime.InteropServices;

namespace Mews.Server.Interop;

#pragma warning disable CS0649 // Fields that only native code writes.

/// <summary>The functions that the worker offers; lives as long as the process.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct HostTable
{
    public uint size;
    public uint version;
    public HostInfo* info;
    public delegate* unmanaged<ManagedCallbacks*, int> server_start;
    public delegate* unmanaged<void> server_stop;
    public delegate* unmanaged<int, byte*, int, void> report;
    public delegate* unmanaged<ulong, byte*, int, int> body_read;
    public delegate* unmanaged<ulong, int, byte*, long, long> body_write;
    public delegate* unmanaged<ulong, int, long, long, int> send_file;
    public delegate* unmanaged<ulong, int, int> head_grow;
    public delegate* unmanaged<ulong, int, int, int> complete;
    public delegate* unmanaged<ulong, void> release;
    public delegate* unmanaged<ulong, long, int> abort;
    public delegate* unmanaged<ulong, int> upgrade;
}

/// <summary>The functions that this assembly offers; handed over by <c>server_start</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ManagedCallbacks
{
    public uint size;
    public uint version;
    public delegate* unmanaged<RawExchange*, int> on_request;
    public delegate* unmanaged<nint, ulong, void> on_body_ready;
    public delegate* unmanaged<nint, ulong, void> on_writable;
    public delegate* unmanaged<nint, ulong, void> on_abort;
    public delegate* unmanaged<void> on_stop;
    public delegate* unmanaged<void> on_drained;
}

/// <summary>Facts about the worker and its application; constant for the process.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct HostInfo
{
    public uint size;
    public uint flags;
    public long max_request_body_size;
    public byte* physical_path;
    public byte* virtual_path;
    public byte* addresses;
    public byte* site_name;
    public byte* app_pool;
    public byte* application_id;
    public byte* config_path;
    public byte* version;
    public uint physical_path_len;
    public uint virtual_path_len;
    public uint addresses_len;
    public uint site_name_len;
    public uint app_pool_len;
    public uint application_id_len;
    public uint config_path_len;
    public uint version_len;
    public uint site_id;
    public uint reserved;
}

/// <summary>One header or trailer line of a request; points into the slot's own memory.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct RawHeader
{
    public byte* name;
    public byte* value;
    public uint value_len;
    public ushort name_len;
    public byte known;
    public byte reserved;
}

/// <summary>The connection a request came on.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct RawConnection
{
    public ulong id;
    public long started_ns;
    public fixed byte remote_address[16];
    public fixed byte local_address[16];
    public ushort remote_port;
    public ushort local_port;
    public byte family;
    public byte tls;
    public ushort tls_protocol;
    public ushort tls_cipher_suite;
    public ushort reserved;
    public uint scope_id;
    public byte* sni;
    public byte* client_certificate;
    public uint sni_len;
    public uint client_certificate_len;
    public long tls_leg1_start_ns;
    public long tls_leg1_end_ns;
    public long tls_leg2_start_ns;
    public long tls_leg2_end_ns;
}

/// <summary>One request and its response, in a slot that is pooled and never freed.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct RawExchange
{
    public ulong handle;
    public nint context;
    public ulong request_id;
    public RawConnection* connection;
    public byte* method;
    public byte* target;
    public RawHeader* headers;
    public RawHeader* request_trailers;
    public long content_length;
    public long parse_start_ns;
    public long parse_end_ns;
    public long dispatch_ns;
    public uint target_len;
    public ushort header_count;
    public ushort request_trailer_count;
    public ushort method_len;
    public byte version;
    public byte request_flags;
    public uint reserved;
    public byte* head;
    public byte* block;
    public long response_content_length;
    public uint head_cap;
    public uint head_len;
    public uint block_cap;
    public uint block_len;
    public ushort status;
    public ushort reason_len;
    public uint trailers_at;
    public uint response_flags;
    public uint user_len;
    public byte* user;
    public fixed byte trace[32];
}

#pragma warning restore CS0649
