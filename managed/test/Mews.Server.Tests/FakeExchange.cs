// One exchange as the native side would hold it: a slot's memory, the request's body, and what came out as the response.

using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Mews.Server.Headers;
using Mews.Server.Interop;

namespace Mews.Server.Tests;

/// <summary>The native half of a slot, for tests.</summary>
internal sealed unsafe partial class FakeExchange
{
    internal const int BlockSize = 1024;

    private readonly object _gate = new();
    private readonly List<nint> _owned = new();
    private readonly List<byte[]> _body = new();
    private bool _bodyEnded;
    private bool _readerWaits;
    private bool _writerWaits;

    internal FakeExchange(uint index)
    {
        Index = index;
        Raw = (RawExchange*)NativeMemory.AllocZeroed((nuint)sizeof(RawExchange));
        Raw->connection = (RawConnection*)NativeMemory.AllocZeroed((nuint)sizeof(RawConnection));
        Raw->head = (byte*)NativeMemory.AllocZeroed(64);
        Raw->head_cap = 64;
        Raw->block = (byte*)NativeMemory.AllocZeroed(BlockSize);
        Raw->block_cap = BlockSize;
    }

    internal RawExchange* Raw { get; }

    internal string Trace => Encoding.ASCII.GetString(Raw->trace, 32);

    internal uint Index { get; }

    internal uint Generation { get; private set; }

    internal bool InUse { get; private set; }

    internal ulong Handle => ((ulong)Generation << 32) | Index;

    /// <summary>Bytes the client's window still takes; negative for no limit.</summary>
    internal long Window { get; set; } = -1;

    /// <summary>What a read answers instead of data; 0 for data.</summary>
    internal int ReadFailure { get; set; }

    internal bool Gone { get; set; }

    internal bool Started { get; private set; }

    internal bool Complete { get; private set; }

    internal bool Upgraded { get; private set; }

    internal long? AbortCode { get; private set; }

    internal int Status { get; private set; }

    internal string Reason { get; private set; } = string.Empty;

    internal long ContentLength { get; private set; } = -1;

    internal bool Close { get; private set; }

    internal List<KeyValuePair<string, string>> Headers { get; } = new();

    internal List<KeyValuePair<string, string>> Trailers { get; } = new();

    internal MemoryStream Output { get; } = new();

    internal string Text => Encoding.UTF8.GetString(Output.ToArray());

    /// <summary>How often the response's bytes were handed over by a call, not by the answer of <c>on_request</c>.</summary>
    internal int Writes { get; private set; }

    internal int Releases { get; private set; }

    /// <summary>Whether <c>on_request</c> answered that all is done.</summary>
    internal bool EndedInline { get; private set; }

    internal TaskCompletionSource Released { get; private set; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Released once for each call that sends something or ends the exchange.</summary>
    internal SemaphoreSlim Progress { get; private set; } = new(0);

    internal string? Header(string name)
    {
        foreach (KeyValuePair<string, string> header in Headers)
        {
            if (header.Key.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return header.Value;
            }
        }

        return null;
    }

    /// <summary>Puts a request into the slot.</summary>
    internal void Open(FakeRequest request, ulong requestId)
    {
        FreeRequest();
        Generation++;
        InUse = true;
        Started = Complete = Upgraded = Close = EndedInline = Gone = false;
        AbortCode = null;
        Status = 0;
        Reason = string.Empty;
        ContentLength = -1;
        Window = -1;
        ReadFailure = 0;
        Writes = 0;
        Releases = 0;
        Headers.Clear();
        Trailers.Clear();
        Output.SetLength(0);
        Released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Progress = new SemaphoreSlim(0);
        _body.Clear();
        _readerWaits = _writerWaits = false;
        bool hasBody = request.Body is not null || request.BodyLater || request.Chunked;
        _bodyEnded = !request.BodyLater && !request.UpgradeLater;
        if (request.Body is not null)
        {
            _body.Add(request.Body);
        }

        RawExchange* raw = Raw;
        raw->handle = Handle;
        raw->request_id = requestId;
        raw->method = Bytes(request.Method, out uint methodLength);
        raw->method_len = (ushort)methodLength;
        raw->target = Bytes(request.Target, out raw->target_len);
        raw->headers = Lay(request.Headers);
        raw->header_count = (ushort)request.Headers.Count;
        raw->request_trailers = Lay(request.RequestTrailers);
        raw->request_trailer_count = (ushort)request.RequestTrailers.Count;
        raw->content_length = request.ContentLength ?? (request.Chunked || !hasBody ? -1 : request.Body?.Length ?? -1);
        raw->version = request.Version;
        raw->request_flags = (byte)((hasBody ? RequestFlags.HasBody : 0) | (request.Chunked ? RequestFlags.Chunked : 0)
            | (request.Trailers ? RequestFlags.ResponseTrailers : 0) | (request.AsksForTrace ? RequestFlags.AsksForTrace : 0));
        new Span<byte>(raw->trace, 32).Clear();
        raw->parse_start_ns = 1000 + (long)requestId;
        raw->parse_end_ns = 2000 + (long)requestId;
        raw->dispatch_ns = 3000 + (long)requestId;
        raw->head_len = 0;
        raw->reason_len = 0;
        raw->trailers_at = 0;
        raw->response_flags = 0;
        raw->response_content_length = -1;
        raw->status = 200;
        raw->block_len = 0;
        RawConnection* connection = raw->connection;
        *connection = default;
        connection->id = requestId * 10;
        connection->started_ns = 500;
        connection->family = 4;
        new byte[] { 127, 0, 0, 1 }.CopyTo(new Span<byte>(connection->remote_address, 4));
        new byte[] { 127, 0, 0, 2 }.CopyTo(new Span<byte>(connection->local_address, 4));
        connection->remote_port = 40001;
        connection->local_port = 8080;
        if (request.Tls)
        {
            connection->tls = 1;
            connection->tls_protocol = 0x0304;
            connection->tls_cipher_suite = 0x1301;
            connection->sni = Bytes("mews.example", out connection->sni_len);
        }
    }

    internal void Feed(byte[]? bytes, bool end)
    {
        bool wake;
        lock (_gate)
        {
            if (bytes is not null)
            {
                _body.Add(bytes);
            }

            _bodyEnded |= end;
            wake = _readerWaits;
            _readerWaits = false;
        }

        if (wake)
        {
            FakeHost.Callbacks.on_body_ready(Raw->context, Handle);
        }
    }

    internal void Disconnect()
    {
        bool reader;
        bool writer;
        lock (_gate)
        {
            Gone = true;
            reader = _readerWaits;
            writer = _writerWaits;
            _readerWaits = _writerWaits = false;
        }

        FakeHost.Callbacks.on_abort(Raw->context, Handle);
        if (reader)
        {
            FakeHost.Callbacks.on_body_ready(Raw->context, Handle);
        }

        if (writer)
        {
            FakeHost.Callbacks.on_writable(Raw->context, Handle);
        }
    }

    /// <summary>Says that the client is gone although it still takes what is sent, as one that ended only its own side.</summary>
    internal void EndClientSide() => FakeHost.Callbacks.on_abort(Raw->context, Handle);

    /// <summary>Gives the client's window room for so many more bytes; negative for no limit.</summary>
    internal void Open(long window)
    {
        bool wake;
        lock (_gate)
        {
            Window = window;
            wake = _writerWaits;
            _writerWaits = false;
        }

        if (wake)
        {
            FakeHost.Callbacks.on_writable(Raw->context, Handle);
        }
    }

    internal int Read(byte* destination, int length)
    {
        lock (_gate)
        {
            if (ReadFailure != 0)
            {
                return ReadFailure;
            }

            if (Gone || AbortCode is not null)
            {
                return Interop.Status.Gone;
            }

            if (_body.Count == 0)
            {
                if (_bodyEnded)
                {
                    return 0;
                }

                _readerWaits = true;
                return Interop.Status.WouldBlock;
            }

            if (length == 0)
            {
                return 1;
            }

            byte[] first = _body[0];
            int count = Math.Min(length, first.Length);
            first.AsSpan(0, count).CopyTo(new Span<byte>(destination, count));
            _body.RemoveAt(0);
            if (count < first.Length)
            {
                _body.Insert(0, first[count..]);
            }

            return count;
        }
    }

    internal long Write(int blockLength, byte* extra, long extraLength)
    {
        lock (_gate)
        {
            Writes++;
            if (Complete)
            {
                return Interop.Status.InvalidCall;
            }

            if (Gone || AbortCode is not null)
            {
                return Interop.Status.Gone;
            }

            Begin();
            Append(Raw->block, blockLength);
            long taken = Window < 0 ? extraLength : Math.Min(extraLength, Window);
            Append(extra, (int)taken);
            Window = Window < 0 ? Window : Window - taken;
            Progress.Release();
            _writerWaits = taken < extraLength || (extraLength == 0 && Window == 0);
            return extraLength == 0 ? (Window == 0 ? 1 : 0) : taken;
        }
    }

    internal int SendFile(int descriptor, long offset, long count)
    {
        lock (_gate)
        {
            Begin();
            using var stream = new FileStream("/proc/self/fd/" + descriptor, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            stream.Position = offset;
            var bytes = new byte[count];
            stream.ReadExactly(bytes);
            Output.Write(bytes);
            return Interop.Status.Done;
        }
    }

    internal int HeadGrow(int needed)
    {
        if (needed > 1024 * 1024)
        {
            return Interop.Status.Unsupported;
        }

        if (needed > Raw->head_cap)
        {
            Raw->head = (byte*)NativeMemory.Realloc(Raw->head, (nuint)needed);
            Raw->head_cap = (uint)needed;
        }

        return Interop.Status.Done;
    }

    internal int Finish(int blockLength, bool release)
    {
        lock (_gate)
        {
            if (Complete)
            {
                return Interop.Status.InvalidCall;
            }

            bool gone = Gone || AbortCode is not null;
            if (!gone)
            {
                Begin();
                Append(Raw->block, blockLength);
                if (Raw->trailers_at != 0)
                {
                    Records((int)Raw->trailers_at, (int)Raw->head_len, Trailers);
                }
            }

            Complete = true;
            Progress.Release();
            if (release)
            {
                Release();
            }

            return gone ? Interop.Status.Gone : Interop.Status.Done;
        }
    }

    internal void EndInline()
    {
        EndedInline = true;
        Finish((int)Raw->block_len, release: true);
    }

    internal void Release()
    {
        Releases++;
        InUse = false;
        if (!Complete && AbortCode is null)
        {
            AbortCode = -1;
        }

        Released.TrySetResult();
    }

    internal int Abort(long code)
    {
        if (code >= 0 && Raw->version < 20)
        {
            return Interop.Status.Unsupported;
        }

        AbortCode = code;
        Progress.Release();
        return Interop.Status.Done;
    }

    internal int Upgrade()
    {
        lock (_gate)
        {
            if (Started)
            {
                return Interop.Status.InvalidCall;
            }

            Begin();
            Upgraded = true;
            return Interop.Status.Done;
        }
    }
}
