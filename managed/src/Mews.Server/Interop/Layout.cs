// Where every field of the function table's structures lies, as text.
// The native half prints the same lines; a test compares the two, so that neither can drift alone.

using System.Globalization;
using System.Text;

namespace Mews.Server.Interop;

/// <summary>Prints the layout of the structures of the function table.</summary>
internal static unsafe class Layout
{
    /// <summary>One line for each field (<c>Structure.field offset</c>) and one for each structure (<c>Structure size bytes</c>); reserved fields are not listed.</summary>
    internal static string Describe()
    {
        var text = new StringBuilder();
        DescribeHostTable(text);
        DescribeCallbacks(text);
        DescribeHostInfo(text);
        DescribeHeader(text);
        DescribeConnection(text);
        DescribeExchange(text);
        return text.ToString();
    }

    private static void DescribeHostTable(StringBuilder text)
    {
        HostTable it = default;
        byte* start = (byte*)&it;
        Field(text, "HostTable.size", start, &it.size);
        Field(text, "HostTable.version", start, &it.version);
        Field(text, "HostTable.info", start, &it.info);
        Field(text, "HostTable.server_start", start, &it.server_start);
        Field(text, "HostTable.server_stop", start, &it.server_stop);
        Field(text, "HostTable.report", start, &it.report);
        Field(text, "HostTable.body_read", start, &it.body_read);
        Field(text, "HostTable.body_write", start, &it.body_write);
        Field(text, "HostTable.send_file", start, &it.send_file);
        Field(text, "HostTable.head_grow", start, &it.head_grow);
        Field(text, "HostTable.complete", start, &it.complete);
        Field(text, "HostTable.release", start, &it.release);
        Field(text, "HostTable.abort", start, &it.abort);
        Field(text, "HostTable.upgrade", start, &it.upgrade);
        Size(text, "HostTable", sizeof(HostTable));
    }

    private static void DescribeCallbacks(StringBuilder text)
    {
        ManagedCallbacks it = default;
        byte* start = (byte*)&it;
        Field(text, "ManagedCallbacks.size", start, &it.size);
        Field(text, "ManagedCallbacks.version", start, &it.version);
        Field(text, "ManagedCallbacks.on_request", start, &it.on_request);
        Field(text, "ManagedCallbacks.on_body_ready", start, &it.on_body_ready);
        Field(text, "ManagedCallbacks.on_writable", start, &it.on_writable);
        Field(text, "ManagedCallbacks.on_abort", start, &it.on_abort);
        Field(text, "ManagedCallbacks.on_stop", start, &it.on_stop);
        Field(text, "ManagedCallbacks.on_drained", start, &it.on_drained);
        Size(text, "ManagedCallbacks", sizeof(ManagedCallbacks));
    }

    private static void DescribeHostInfo(StringBuilder text)
    {
        HostInfo it = default;
        byte* start = (byte*)&it;
        Field(text, "HostInfo.size", start, &it.size);
        Field(text, "HostInfo.flags", start, &it.flags);
        Field(text, "HostInfo.max_request_body_size", start, &it.max_request_body_size);
        Field(text, "HostInfo.physical_path", start, &it.physical_path);
        Field(text, "HostInfo.virtual_path", start, &it.virtual_path);
        Field(text, "HostInfo.addresses", start, &it.addresses);
        Field(text, "HostInfo.site_name", start, &it.site_name);
        Field(text, "HostInfo.app_pool", start, &it.app_pool);
        Field(text, "HostInfo.application_id", start, &it.application_id);
        Field(text, "HostInfo.config_path", start, &it.config_path);
        Field(text, "HostInfo.version", start, &it.version);
        Field(text, "HostInfo.physical_path_len", start, &it.physical_path_len);
        Field(text, "HostInfo.virtual_path_len", start, &it.virtual_path_len);
        Field(text, "HostInfo.addresses_len", start, &it.addresses_len);
        Field(text, "HostInfo.site_name_len", start, &it.site_name_len);
        Field(text, "HostInfo.app_pool_len", start, &it.app_pool_len);
        Field(text, "HostInfo.application_id_len", start, &it.application_id_len);
        Field(text, "HostInfo.config_path_len", start, &it.config_path_len);
        Field(text, "HostInfo.version_len", start, &it.version_len);
        Field(text, "HostInfo.site_id", start, &it.site_id);
        Size(text, "HostInfo", sizeof(HostInfo));
    }

    private static void DescribeHeader(StringBuilder text)
    {
        RawHeader it = default;
        byte* start = (byte*)&it;
        Field(text, "RawHeader.name", start, &it.name);
        Field(text, "RawHeader.value", start, &it.value);
        Field(text, "RawHeader.value_len", start, &it.value_len);
        Field(text, "RawHeader.name_len", start, &it.name_len);
        Field(text, "RawHeader.known", start, &it.known);
        Size(text, "RawHeader", sizeof(RawHeader));
    }

    private static void DescribeConnection(StringBuilder text)
    {
        RawConnection it = default;
        byte* start = (byte*)&it;
        Field(text, "RawConnection.id", start, &it.id);
        Field(text, "RawConnection.started_ns", start, &it.started_ns);
        Field(text, "RawConnection.remote_address", start, it.remote_address);
        Field(text, "RawConnection.local_address", start, it.local_address);
        Field(text, "RawConnection.remote_port", start, &it.remote_port);
        Field(text, "RawConnection.local_port", start, &it.local_port);
        Field(text, "RawConnection.family", start, &it.family);
        Field(text, "RawConnection.tls", start, &it.tls);
        Field(text, "RawConnection.tls_protocol", start, &it.tls_protocol);
        Field(text, "RawConnection.tls_cipher_suite", start, &it.tls_cipher_suite);
        Field(text, "RawConnection.scope_id", start, &it.scope_id);
        Field(text, "RawConnection.sni", start, &it.sni);
        Field(text, "RawConnection.client_certificate", start, &it.client_certificate);
        Field(text, "RawConnection.sni_len", start, &it.sni_len);
        Field(text, "RawConnection.client_certificate_len", start, &it.client_certificate_len);
        Field(text, "RawConnection.tls_leg1_start_ns", start, &it.tls_leg1_start_ns);
        Field(text, "RawConnection.tls_leg1_end_ns", start, &it.tls_leg1_end_ns);
        Field(text, "RawConnection.tls_leg2_start_ns", start, &it.tls_leg2_start_ns);
        Field(text, "RawConnection.tls_leg2_end_ns", start, &it.tls_leg2_end_ns);
        Size(text, "RawConnection", sizeof(RawConnection));
    }

    private static void DescribeExchange(StringBuilder text)
    {
        RawExchange it = default;
        byte* start = (byte*)&it;
        Field(text, "RawExchange.handle", start, &it.handle);
        Field(text, "RawExchange.context", start, &it.context);
        Field(text, "RawExchange.request_id", start, &it.request_id);
        Field(text, "RawExchange.connection", start, &it.connection);
        Field(text, "RawExchange.method", start, &it.method);
        Field(text, "RawExchange.target", start, &it.target);
        Field(text, "RawExchange.headers", start, &it.headers);
        Field(text, "RawExchange.request_trailers", start, &it.request_trailers);
        Field(text, "RawExchange.content_length", start, &it.content_length);
        Field(text, "RawExchange.parse_start_ns", start, &it.parse_start_ns);
        Field(text, "RawExchange.parse_end_ns", start, &it.parse_end_ns);
        Field(text, "RawExchange.dispatch_ns", start, &it.dispatch_ns);
        Field(text, "RawExchange.target_len", start, &it.target_len);
        Field(text, "RawExchange.header_count", start, &it.header_count);
        Field(text, "RawExchange.request_trailer_count", start, &it.request_trailer_count);
        Field(text, "RawExchange.method_len", start, &it.method_len);
        Field(text, "RawExchange.version", start, &it.version);
        Field(text, "RawExchange.request_flags", start, &it.request_flags);
        Field(text, "RawExchange.head", start, &it.head);
        Field(text, "RawExchange.block", start, &it.block);
        Field(text, "RawExchange.response_content_length", start, &it.response_content_length);
        Field(text, "RawExchange.head_cap", start, &it.head_cap);
        Field(text, "RawExchange.head_len", start, &it.head_len);
        Field(text, "RawExchange.block_cap", start, &it.block_cap);
        Field(text, "RawExchange.block_len", start, &it.block_len);
        Field(text, "RawExchange.status", start, &it.status);
        Field(text, "RawExchange.reason_len", start, &it.reason_len);
        Field(text, "RawExchange.trailers_at", start, &it.trailers_at);
        Field(text, "RawExchange.response_flags", start, &it.response_flags);
        Field(text, "RawExchange.user_len", start, &it.user_len);
        Field(text, "RawExchange.user", start, &it.user);
        Field(text, "RawExchange.trace", start, it.trace);
        Size(text, "RawExchange", sizeof(RawExchange));
    }

    private static void Field(StringBuilder text, string name, byte* start, void* field)
        => text.Append(name).Append(' ').Append(((byte*)field - start).ToString(CultureInfo.InvariantCulture)).Append('\n');

    private static void Size(StringBuilder text, string name, int size)
        => text.Append(name).Append(" size ").Append(size.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
